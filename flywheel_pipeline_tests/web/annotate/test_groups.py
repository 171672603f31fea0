"""What an annotator has found so far: the first groups of failures, from labels that no run has read yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.flows.cluster.first_groups import group_failures
from flywheel_pipeline.steps.cluster import Failure
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.web.annotate.test_service import a_batch, client_of

COVERS = ("flows/cluster/first_groups.py", "web/annotate/groups.py")
EVIL = "<script>window.hacked = 1</script>"
COMMENTS = (
    "invents a discount", "invents a rebate and a discount", "invents a discount code", "forgets the second question",
    "second question forgotten", "forgets to answer the second question",
)  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, annotators: [ben], overlap: 1, repeated: 0.5}")
    a_batch(made, 12)
    return made


def judge(client: Any, key: str, verdict: str, comment: str = "") -> None:
    sent = {"key": key, "verdict": verdict, "comment": comment}
    assert client.post("/label/api/label?annotator=mira", json=sent).status_code == 200


def found(client: Any, **params: str) -> str:
    return str(client.get("/label/api/groups", params={"annotator": "mira", **params}).json()["html"])


def a_failure(n: int, text: str, **changes: Any) -> Failure:
    return Failure(**{"trace_id": f"t{n}", "text": text, "comment": text, "category": None, **changes})


def test_too_few_failures_are_counted_and_not_grouped(place: Place) -> None:
    client = client_of(place)
    assert "0 of 12 traces labelled" in found(client) and "No failures so far" in found(client)
    judge(client, "t0", "fail", "invents a discount")
    judge(client, "t1", "pass")
    judge(client, "t2", "defer")
    assert "2 of 12 traces labelled: 1 pass, 1 fail." in found(client)
    assert "1 failure so far: from 3 failures on" in found(client) and "Label the other 10 traces" in found(client)


def test_failures_are_grouped_before_any_run_and_link_to_their_traces(place: Place) -> None:
    client = client_of(place)
    for n, comment in enumerate(COMMENTS):
        judge(client, f"t{n}", "fail", comment + (EVIL if n == 0 else ""))
    html = found(client, batch="b")
    assert html.count("<h3") >= 2 and 'href="../traces/#t3"' in html and "<script" not in html
    assert "6 of 12 traces labelled: 0 pass, 6 fail." in html
    client.post("/label/api/undo?annotator=mira", json={})
    html = found(client, batch="flips-x")  # a batch without traces: all batches
    assert "5 fail." in html and "#t5" not in html
    assert "0 of 12" in client.get("/label/api/groups?annotator=ben").json()["html"]


def test_every_failure_is_in_one_group_or_alone_and_categories_are_kept(place: Place) -> None:
    failures = [a_failure(n, text) for n, text in enumerate(COMMENTS)]
    failures += [
        a_failure(8, "rude", category="Tone"),
        a_failure(9, "", comment=""),
        a_failure(7, "wrong currency shown"),
    ]
    groups = group_failures(place.bench, failures)
    listed = [f.trace_id for g in groups.groups for f in g.failures] + [f.trace_id for f in groups.alone]
    assert sorted(listed) == sorted(f.trace_id for f in failures)
    assert any(g.name == "Tone" and [f.trace_id for f in g.failures] == ["t8"] for g in groups.groups)
    together = next(g for g in groups.groups if any(f.trace_id == "t0" for f in g.failures))
    assert {"t0", "t1", "t2"} <= {f.trace_id for f in together.failures} <= {"t0", "t1", "t2", "t7", "t9"}
    assert group_failures(place.bench, list(reversed(failures))) == groups
    assert group_failures(place.bench, failures[:2]).groups == ()
