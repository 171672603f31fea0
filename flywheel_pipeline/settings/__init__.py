"""`flywheel.yaml` and `FLYWHEEL_*` variables -> `Settings`; the only reader of the environment.

| variable | meaning |
|---|---|
| `FLYWHEEL_HOME` | the flywheel home; default `data` in the current folder |
| `FLYWHEEL_MODEL` | the model of every role |
| `FLYWHEEL_<ROLE>_MODEL` | the model of one role: `APP`, `JUDGE`, `TAXONOMY`, `IMPROVER`, `GENERATOR` |
| `FLYWHEEL_AUTOMATION` | `running`: schedules and sensors start switched on |
| `FLYWHEEL_EXECUTOR` | `in_process` or `multiprocess` |
| `LANGFUSE_PUBLIC_KEY`, `LANGFUSE_SECRET_KEY` | what `deploy.publish` sends to Langfuse; never in the file |
| `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` | the same for MLflow |
| `AGENTA_API_KEY` | the same for Agenta |
| `FLYWHEEL_TOKEN` | what clients of `flywheel serve` must send: `Authorization: Bearer <token>`; never in the file |
"""

from flywheel_pipeline.settings.load import SETTINGS_FILE, Settings, load_settings
from flywheel_pipeline.settings.models import (
    AppSettings,
    HttpSettings,
    LLMSettings,
    ModelSettings,
    ModelsSettings,
    PriceSettings,
)
from flywheel_pipeline.settings.pull import PullSettings
from flywheel_pipeline.settings.steps import (
    AgentaSettings,
    AlertKind,
    AlertsSettings,
    AnnotateSettings,
    AutomationSettings,
    CaptureSettings,
    ClusterSettings,
    CredentialSettings,
    DeploySettings,
    EvaluateSettings,
    GateSettings,
    GitSettings,
    GoldenSettings,
    ImproveSettings,
    LabelColumn,
    LabelsSettings,
    LangfuseSettings,
    MlflowSettings,
    PublishTo,
    RedactionKind,
    SampleSettings,
    ServeSettings,
    SourceSettings,
    TraceFormat,
)

__all__ = [
    "SETTINGS_FILE",
    "AgentaSettings",
    "AlertKind",
    "AlertsSettings",
    "AnnotateSettings",
    "AppSettings",
    "AutomationSettings",
    "CaptureSettings",
    "ClusterSettings",
    "CredentialSettings",
    "DeploySettings",
    "EvaluateSettings",
    "GateSettings",
    "GitSettings",
    "GoldenSettings",
    "HttpSettings",
    "ImproveSettings",
    "LLMSettings",
    "LabelColumn",
    "LabelsSettings",
    "LangfuseSettings",
    "MlflowSettings",
    "ModelSettings",
    "ModelsSettings",
    "PriceSettings",
    "PublishTo",
    "PullSettings",
    "RedactionKind",
    "SampleSettings",
    "ServeSettings",
    "Settings",
    "SourceSettings",
    "TraceFormat",
    "load_settings",
]
