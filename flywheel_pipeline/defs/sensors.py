"""The sensors: new trace files, days to write, new label batches, labels of flipped cases.

A cursor holds what was seen (JSON), a file that is still being written waits until it has settled, and the
run key is made from the content, so that one set of changes starts exactly one run, also after a restart.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import dagster as dg

from flywheel_pipeline.adapters.home import HomeFile
from flywheel_pipeline.adapters.home.files import FLIP_LABELS_FILE
from flywheel_pipeline.defs.factory import bound
from flywheel_pipeline.defs.instance import end_dead_runs, is_alive, is_own_instance
from flywheel_pipeline.defs.jobs import Job
from flywheel_pipeline.defs.memory import LOSSES, Memory
from flywheel_pipeline.defs.partitions import first_partition, range_tags
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.flows.annotate import labels_already_read
from flywheel_pipeline.flows.capture import already_read, due_days, due_inputs, group_days
from flywheel_pipeline.flows.flips import flips_waiting
from flywheel_pipeline.flows.workbench import Workbench

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.NOT_STARTED,
]


def build_sensors(scope: Scope, jobs: Mapping[str, Job]) -> list[dg.SensorDefinition]:
    """Return the sensors; on from the start only if the settings say so."""
    automation, first_day = scope.settings.automation, first_partition(scope.settings).isoformat()
    status = (
        dg.DefaultSensorStatus.RUNNING if automation.default_status == "running" else dg.DefaultSensorStatus.STOPPED
    )

    def new_trace_files(context: dg.SensorEvaluationContext, bench: dg.ResourceParam[Workbench]):
        return look(context, bench, "traces", scope.key("trace_files"), scope.name("read_trace_files"))

    def captured_days(context: dg.SensorEvaluationContext, bench: dg.ResourceParam[Workbench]):
        return request_days(context, bench, first_day, scope.name)

    def new_label_files(context: dg.SensorEvaluationContext, bench: dg.ResourceParam[Workbench]):
        return look(context, bench, "labels", scope.key("label_files"), scope.name("label_batch"))

    def new_flip_labels(context: dg.SensorEvaluationContext, bench: dg.ResourceParam[Workbench]):
        return request_decision(context, bench, scope.name)

    return [
        dg.sensor(
            name=scope.name(function.__name__), jobs=[jobs[j] for j in starts], default_status=status, description=text,
            minimum_interval_seconds=automation.sensor_seconds,
        )(bound(function, scope))
        for function, starts, text in (
            (
                new_trace_files, ["read_trace_files"],
                "Starts `read_trace_files` when the landing folder holds a new or changed file.",
            ),
            (
                captured_days, ["capture", "flywheel_turn"],
                "Starts `capture` for exactly the event days that newly read files touch.",
            ),
            (new_label_files, ["label_batch"], "Starts `label_batch` when a label file is new or corrected."),
            (
                new_flip_labels, ["gate_on_labels"],
                "Starts `gate_on_labels` when the expert has submitted labels that the gate asked for.",
            ),
        )
    ]  # fmt: skip


def look(
    context: dg.SensorEvaluationContext, bench: Workbench, folder: str, asset: dg.AssetKey | str, job: str
) -> dg.SensorResult | dg.SkipReason:
    """Compare the settled files of a folder with the cursor and the tables; one run for all that is new or changed.

    Where the tables were deleted, landing files are asked for again; labels are read by the turn that follows.
    """
    log, read = LOGS[folder]
    before, is_filled = Memory.of(context.cursor), bench.lake.is_filled(log)
    memory = before.look(is_filled)
    was_lost, seen = memory.losses > before.losses and folder == "traces", memory.seen
    files = bench.home.files(folder)
    open_ones = {f.name for f in files if f.locked}
    settled = {
        f.name: f for f in files if f.settled(bench.settings.automation.settle_seconds) and f.name not in open_ones
    }
    fresh = {n: f for n, f in settled.items() if was_lost or seen.get(n) != f.stamp}
    fresh = {n: fresh[n] for n in fresh.keys() - read(bench.lake, fresh.values())}
    memory = replace(memory, seen={**seen, **{n: f.stamp for n, f in settled.items()}})
    if not fresh:
        context.update_cursor(memory.cursor)
        waiting = _listed("still being written", {f.name for f in files} - settled.keys() - open_ones)
        waiting += _listed("open in a spreadsheet", open_ones)
        return dg.SkipReason(f"{len(settled)} files in {folder}/, none new{waiting}{_gone(seen, files, folder)}")
    if _in_progress(context, bench, job):
        return dg.SkipReason(f"{len(fresh)} new files in {folder}/ wait for the {job} run in progress")
    return _request(fresh, memory, asset)


LOGS = {"traces": ("captured_files", already_read), "labels": ("label_log", labels_already_read)}
"""The table that accounts for the files of a folder, and what finds those that it holds as they are now."""


def _request(fresh: Mapping[str, HomeFile], memory: Memory, asset: dg.AssetKey | str) -> dg.SensorResult:
    names = ", ".join(sorted(fresh))
    prints = {n: f"{f.fingerprint()}:{f.modified_ns}" for n, f in fresh.items()}
    prints |= {LOSSES: str(memory.losses)} if memory.losses else {}
    key = hashlib.sha256(json.dumps(prints, sort_keys=True).encode()).hexdigest()[:32]
    event = dg.AssetMaterialization(asset, metadata={"n_files": len(memory.seen), "new": names[:2000]})
    request = dg.RunRequest(run_key=key, tags={"flywheel/files": names[:200]})
    return dg.SensorResult(run_requests=[request], cursor=memory.cursor, asset_events=[event])


def request_days(
    context: dg.SensorEvaluationContext, bench: Workbench, first_day: str = "", name: Callable[[str], str] = str
) -> dg.SensorResult | dg.SkipReason:
    """Request the days whose files changed since they were written, as few runs as their gaps allow.

    Days before the first partition `first_day` of the loaded definitions wait until these are loaded again. Where all
    days were written and are gone, the tables were deleted: the last run is a whole turn, as in `flywheel run`, since
    what was made from the days is gone, too.
    """
    due, before = due_days(bench.lake), Memory.of(context.cursor)
    days = [day for day in due if day >= first_day]
    memory = before.look(bool(bench.lake.inputs("raw_traces")))
    if early := len(due) - len(days):
        why = _before_the_first(early, due[0], first_day)
        if not days:
            return dg.SkipReason(why)
        context.log.warning(why)
    if not days:
        if memory.filled or not before.filled:  # a loss is noted once its days are due
            context.update_cursor(memory.cursor)
        return dg.SkipReason("every day is up to date with the files that were read")
    if _in_progress(context, bench, name("capture"), name("flywheel_turn")):
        return dg.SkipReason(f"{len(days)} days wait for the run in progress")
    inputs = due_inputs(bench.lake)
    requests = []
    for group in group_days(days):
        text = json.dumps([*([d, inputs.get(d, "")] for d in group), *([memory.losses] if memory.losses else [])])
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        requests.append(dg.RunRequest(run_key=key, tags=range_tags(group), job_name=name("capture")))
    if memory.losses > before.losses:
        requests[-1] = requests[-1].with_replaced_attrs(job_name=name("flywheel_turn"))
    return dg.SensorResult(run_requests=requests, cursor=memory.cursor)


def _before_the_first(n: int, day: str, first_day: str) -> str:
    return (
        f"{n} days, the first {day}, are before the first partition {first_day}: reload the code location "
        "(Deployment > Code locations > Reload), which then begins with them"
    )


def request_decision(
    context: dg.SensorEvaluationContext, bench: Workbench, name: Callable[[str], str] = str
) -> dg.SensorResult | dg.SkipReason:
    """Request a decision where there are labels that the gate asked for and has not seen."""
    waiting, stamp = flips_waiting(bench), bench.home.stamp(FLIP_LABELS_FILE)
    if waiting is None:
        return dg.SkipReason("the gate asks for no labels of flipped cases")
    if not waiting.n_labelled or stamp == context.cursor:
        return dg.SkipReason(str(waiting))
    if _in_progress(context, bench, name("gate_on_labels"), name("flywheel_turn")):
        return dg.SkipReason(f"{waiting.n_labelled} labels of flipped cases wait for the run in progress")
    key = hashlib.sha256(f"{waiting.candidate}:{stamp}".encode()).hexdigest()[:32]
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key)], cursor=stamp)


def _gone(seen: Mapping[str, str], files: list[HomeFile], folder: str) -> str:
    return _listed(f"no longer in {folder}/", set(seen) - {f.name for f in files})


def _listed(what: str, names: set[str]) -> str:
    return f"; {what}: {', '.join(sorted(names))}" if names else ""


def _in_progress(context: dg.SensorEvaluationContext, bench: Workbench, *jobs: str) -> bool:
    """Return whether a run of one of the jobs is in progress; one whose process was killed is not."""
    if is_own_instance(context.instance, bench.settings.home):
        end_dead_runs(context.instance, is_alive)
    filters = (dg.RunsFilter(job_name=job, statuses=UNFINISHED) for job in jobs)
    return any(context.instance.get_run_records(one, limit=1) for one in filters)
