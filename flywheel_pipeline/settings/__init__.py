"""`flywheel.yaml` and `FLYWHEEL_*` variables -> `Settings`; the only reader of the environment.

| variable | meaning |
|---|---|
| `FLYWHEEL_HOME` | the flywheel home; default `data` in the current folder |
| `FLYWHEEL_MODEL` | the model of every role |
| `FLYWHEEL_<ROLE>_MODEL` | the model of one role: `APP`, `JUDGE`, `TAXONOMY`, `IMPROVER`, `GENERATOR` |
| `FLYWHEEL_AUTOMATION` | `running`: schedules and sensors start switched on |
| `FLYWHEEL_EXECUTOR` | `in_process` or `multiprocess` |
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
from flywheel_pipeline.settings.steps import (
    AlertKind,
    AlertsSettings,
    AnnotateSettings,
    AutomationSettings,
    CaptureSettings,
    ClusterSettings,
    DeploySettings,
    EvaluateSettings,
    GateSettings,
    GoldenSettings,
    ImproveSettings,
    LabelColumn,
    LabelsSettings,
    RedactionKind,
    SampleSettings,
    ServeSettings,
    SourceSettings,
    TraceFormat,
)

__all__ = [
    "SETTINGS_FILE",
    "AlertKind",
    "AlertsSettings",
    "AnnotateSettings",
    "AppSettings",
    "AutomationSettings",
    "CaptureSettings",
    "ClusterSettings",
    "DeploySettings",
    "EvaluateSettings",
    "GateSettings",
    "GoldenSettings",
    "HttpSettings",
    "ImproveSettings",
    "LLMSettings",
    "LabelColumn",
    "LabelsSettings",
    "ModelSettings",
    "ModelsSettings",
    "PriceSettings",
    "RedactionKind",
    "SampleSettings",
    "ServeSettings",
    "Settings",
    "SourceSettings",
    "TraceFormat",
    "load_settings",
]
