"""The evaluators in code: right and generated wrong tool calls, trec_eval's own test files, guards on pairs, and cost.

    python -m flywheel_pipeline_tests.benchmarks.evaluators [--data DIR]

`DIR` holds public files that are not part of the project: `tool_calls/*.jsonl` of the Berkeley Function Calling
Leaderboard ({id, function, allowed}), and trec_eval's `retrieval/{qrels.test,results.test,out.test.a}`. Without it,
only the guards and the cost are measured. `evaluators_pairs.jsonl` holds 144 pairs of a reference and an answer, by
hand: the rules were written with the 114 of the set `rules`; the 30 of the set `held out` were measured once, after.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from flywheel_pipeline.adapters.embed import choose_embedder
from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase, Json
from flywheel_pipeline.steps.evaluate.evaluators.contains import Contains
from flywheel_pipeline.steps.evaluate.evaluators.exact import Exact
from flywheel_pipeline.steps.evaluate.evaluators.facts import compare
from flywheel_pipeline.steps.evaluate.evaluators.forbidden import Forbidden
from flywheel_pipeline.steps.evaluate.evaluators.groundedness import Groundedness
from flywheel_pipeline.steps.evaluate.evaluators.json_schema import JsonSchema
from flywheel_pipeline.steps.evaluate.evaluators.judgement import CodeEvaluator
from flywheel_pipeline.steps.evaluate.evaluators.language import Language
from flywheel_pipeline.steps.evaluate.evaluators.length import Length
from flywheel_pipeline.steps.evaluate.evaluators.links import Links
from flywheel_pipeline.steps.evaluate.evaluators.markdown import Markdown
from flywheel_pipeline.steps.evaluate.evaluators.ranking import mean_over_queries
from flywheel_pipeline.steps.evaluate.evaluators.regex import Regex
from flywheel_pipeline.steps.evaluate.evaluators.retrieval import Retrieval
from flywheel_pipeline.steps.evaluate.evaluators.similarity import Similarity
from flywheel_pipeline.steps.evaluate.evaluators.tool_calls import ToolCalls
from flywheel_pipeline_tests.builders import a_case

PAIRS = Path(__file__).parent / "evaluators_pairs.jsonl"
Calls = list[tuple[str, dict[str, Any]]]
MEASURES = (
    ("precision", 10, "P_10"), ("recall", 100, "recall_100"), ("mrr", None, "recip_rank"), ("ndcg", None, "ndcg"),
    ("ndcg", 10, "ndcg_cut_10"), ("hit_rate", 10, "success_10"), ("recall", 5, "recall_5"),
)  # fmt: skip


def plain(value: Any) -> Any:
    """Return an allowed value of the leaderboard as an argument: objects with the first value of every member."""
    if isinstance(value, Mapping):
        return {k: plain(v[0]) for k, v in value.items() if v[0] != ""}
    return [plain(v) for v in value] if isinstance(value, list) else value


def right_calls(allowed: list[Mapping[str, Mapping[str, list[Any]]]]) -> Calls:
    """Return the calls with the first allowed value of every argument that has one."""
    return [(name, _first(arguments)) for call in allowed for name, arguments in call.items()]


def _first(arguments: Mapping[str, list[Any]]) -> dict[str, Any]:
    given = {k: [v for v in values if v != ""] for k, values in arguments.items()}
    return {k: plain(values[0]) for k, values in given.items() if values}


def changed(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 7919
    if isinstance(value, str):
        return f"{value} zzz"
    if isinstance(value, list):
        return [*value, value[-1] if value else 0]
    return {**value, "zzz": 1}


def variants(row: Mapping[str, Any]) -> Iterator[tuple[str, Calls, str, bool]]:
    """Yield (kind, calls, match, whether they are right) for the calls of a row and everything made of them."""
    calls = right_calls(row["allowed"])
    required = {f["name"]: set(f["parameters"]["required"]) for f in row["function"]}
    yield "right: the first allowed values", calls, "strict", True
    for i, (name, arguments) in enumerate(calls):
        rights = row["allowed"][i][name]
        for kind, made in (*right_arguments(arguments, rights), *wrong_arguments(arguments, rights, required[name])):
            yield kind, [*calls[:i], (name, made), *calls[i + 1 :]], "strict", kind.startswith("right")
        yield "wrong: another tool", [*calls[:i], (f"{name}_zzz", arguments), *calls[i + 1 :]], "strict", False
        yield "wrong: a call missing", [*calls[:i], *calls[i + 1 :]], "unordered", False
    yield "wrong: a call twice", [*calls, calls[0]], "unordered", False
    if len(calls) > 1 and calls != calls[::-1]:
        yield "wrong: another order, strict", calls[::-1], "strict", False
        yield "right: another order, unordered", calls[::-1], "unordered", True


def right_arguments(arguments: dict[str, Any], rights: Mapping[str, list[Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (kind, arguments) that are right as well."""
    for key, values in rights.items():
        others = [plain(v) for v in values[1:] if v != ""]
        yield from (("right: another allowed value", {**arguments, key: v}) for v in others)
        if "" in values and key in arguments:
            yield "right: an optional argument left out", without(arguments, key)
    for key, value in arguments.items():
        if is_number(value):
            yield "right: 10 as 10.0", {**arguments, key: float(value)}


def wrong_arguments(
    arguments: dict[str, Any], rights: Mapping[str, list[Any]], required: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (kind, arguments) that are wrong."""
    yield "wrong: one argument more", {**arguments, "zzz": 1}
    for key, value in arguments.items():
        if not (isinstance(value, bool) and {True, False} <= {v for v in rights[key] if isinstance(v, bool)}):
            yield "wrong: another value", {**arguments, key: changed(value)}
        if key in required and "" not in rights[key]:
            yield "wrong: a required argument missing", without(arguments, key)
        if is_number(value):
            yield "wrong: a text for a number", {**arguments, key: str(value)}
        if isinstance(value, bool):
            yield "wrong: 1 for true, 0 for false", {**arguments, key: int(value)}


def is_number(value: Any) -> bool:
    """Return whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def without(arguments: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return arguments without one of them."""
    return {k: v for k, v in arguments.items() if k != key}


def tool_calls(folder: Path) -> None:
    """Print how many right calls pass and wrong ones fail, by kind."""
    judged: Counter[str] = Counter()
    correct: Counter[str] = Counter()
    rows = [
        json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()
    ]
    for row in rows:
        case = a_case(expected_tool_calls=Json(json.dumps(row["allowed"])))
        for kind, calls, match, right in variants(row):
            evaluator = ToolCalls(**{"match": match})  # type: ignore[arg-type]
            made = tuple({"function": {"name": n, "arguments": json.dumps(a)}} for n, a in calls)
            label = evaluator.check(case, Answer("", tool_calls=made)).label
            judged[kind] += 1
            correct[kind] += label == ("pass" if right else "fail")
    print(f"tool calls of {len(rows)} functions and sets of functions")
    for kind in sorted(judged):
        print(f"  {kind:38} {correct[kind]:5} of {judged[kind]:5}")


def retrieval(folder: Path) -> None:
    """Print our measures of trec_eval's test files beside trec_eval's own."""
    relevance: dict[str, dict[str, float]] = defaultdict(dict)
    scored: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for line in (folder / "qrels.test").read_text().splitlines():
        query, _, document, grade = line.split()
        relevance[query][document] = float(grade)
    for line in (folder / "results.test").read_text().splitlines():
        query, _, document, _, score, _ = line.split()
        scored[query].append((float(score), document))
    rankings = [([d for _, d in sorted(found, reverse=True)], relevance[q]) for q, found in scored.items()]
    theirs = {x[0]: x[2] for line in (folder / "out.test.a").read_text().splitlines() if len(x := line.split()) == 3}
    print(f"retrieval on {len(rankings)} queries of trec_eval (mean over queries)")
    for metric, k, name in MEASURES:
        found = mean_over_queries(metric, rankings, k)
        print(f"  {name:14} {found.value:.4f}  trec_eval {theirs[name]}")


def guards() -> None:
    """Print what the guards find on the pairs, and the cosines that they have."""
    pairs = [json.loads(line) for line in PAIRS.read_text("utf-8").splitlines()]
    counts: Counter[tuple[str, str, str]] = Counter()
    cosines: dict[str, list[float]] = defaultdict(list)
    with TemporaryDirectory() as folder:
        name, embedder = choose_embedder("auto", Path(folder) / "vectors")
        for pair in pairs:
            a, b = embedder.embed([pair["reference"], pair["answer"]])
            cosines[pair["kind"]].append(float(np.dot(a, b)))
    for pair in pairs:
        found = compare(pair["reference"], pair["answer"])
        what = "contradiction" if found.conflict else "doubt" if found.doubt else "no difference"
        counts[pair["set"], pair["kind"], what] += 1
    print(f"guards on {len(pairs)} pairs; cosine by {name}")
    for group in ("rules", "held out"):
        for kind in ("numbers", "negation", "names", "paraphrase"):
            found_by = [f"{w} {counts[group, kind, w]}" for w in ("contradiction", "doubt", "no difference")]
            print(f"  {group:8} {kind:10} {', '.join(found_by)}")
    for kind, values in cosines.items():
        print(f"  cosine   {kind:10} {min(values):.2f} to {max(values):.2f}, median {float(np.median(values)):.2f}")


SENTENCE = "You can return the Lamp within 30 days, and we refund 79 euros to your card. Is number {n} clear? "
DOCUMENT = (
    "The Lamp can be returned within 30 days. Refunds of 79 euros go to the card. See https://lamps.example/r/{n}. "
)


def costs(n: int = 200) -> None:
    """Print the CPU time of every evaluator per 1,000 answers of about 120 words, with 5 documents of 160 words."""
    documents = [{"id": f"d{k}", "content": "".join(DOCUMENT.format(n=i) for i in range(8))} for k in range(5)]
    case = a_case(
        context=Json(json.dumps(documents)), reference=SENTENCE.format(n=1), expected_doc_ids=Json('["d1"]'),
        expected_tool_calls=Json('[{"name": "find", "arguments": {"q": "lamp", "n": 3}}]'),
    )  # fmt: skip
    texts = ["".join(SENTENCE.format(n=i + k) for k in range(6)) for i in range(n)]
    call = {"name": "find", "arguments": '{"q": "lamp", "n": 3}'}
    answers = [Answer(t, retrieved_doc_ids=("d0", "d1"), tool_calls=(call,)) for t in texts]
    values = [Answer(json.dumps({"text": t, "n": i})) for i, t in enumerate(texts)]
    schema = {"type": "object", "required": ["text", "n"], "properties": {"n": {"type": "integer"}}}
    zero = Similarity(pass_above=0.8).with_embed(lambda given: np.ones((len(given), 1)))
    evaluators: list[tuple[CodeEvaluator, list[Answer]]] = [
        (Exact(), answers), (Contains(("30 days", "euros")), answers), (Forbidden(("guarantee", "lawyer")), answers),
        (Regex(r"\b\d+ euros\b"), answers), (JsonSchema(schema), values), (Length(at_most=200), answers),
        (Markdown(max_paragraph_words=200), answers), (Language(("en",)), answers), (Links(), answers),
        (ToolCalls(), answers), (Retrieval(), answers), (Groundedness(), answers), (zero, answers),
    ]  # fmt: skip
    print(f"CPU milliseconds per 1,000 answers (of {len(texts[0].split())} words; similarity without its vectors)")
    for evaluator, given in evaluators:
        print(f"  {evaluator.kind:14} {1_000 / n * milliseconds(evaluator, case, given):8.0f}")


def milliseconds(evaluator: CodeEvaluator, case: GoldenCase, answers: list[Answer]) -> float:
    """Return the CPU time of an evaluator on `answers`, after one to warm up."""
    evaluator.check(case, answers[0])
    started = time.process_time()
    for answer in answers:
        evaluator.check(case, answer)
    return 1_000 * (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder with tool_calls/ and retrieval/")
    folder = parser.parse_args().data
    if folder:
        tool_calls(folder / "tool_calls")
        retrieval(folder / "retrieval")
    guards()
    costs()


if __name__ == "__main__":
    main()
