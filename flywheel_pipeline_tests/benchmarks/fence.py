"""What the fence finds: variants of the demo's held-out questions, by kind, and how many other questions it flags.

Every variant is asked as a new case beside the held-out questions; it is found when it is in the family of its parent.
Variants by rule are made here; `fence_questions.jsonl` holds the questions with paraphrases and translations by hand.
The demo's other customers ask what they ask: a question of theirs in a held-out family counts against the fence.
`FILE` is JSONL of {messages, reference}, whose reference ends with the id of the parent in the golden set of `--home`.
`--size` times the families of so many questions; `--embedder` is as `cluster.embedder` (`minilm` needs its weights).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flywheel_pipeline.adapters.embed import choose_embedder
from flywheel_pipeline.leakage import asked
from flywheel_pipeline.ports import Embed
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.golden import load_cases
from flywheel_pipeline.steps.golden.split import families, split_of

HERE = Path(__file__).parent
QUESTIONS = HERE / "fence_questions.jsonl"
TRACES = HERE.parents[1] / "data" / "traces"
FAMILIES = [f"f-{n}" for n in range(1_000) if split_of(f"f-{n}") == "test"]
"""Names of families of the test split: a variant is only torn where it touches several splits."""
LOOKALIKE = str.maketrans("aeopc", "аеорс")
CONTRACTIONS = {
    "dont": "do not", "don't": "do not", "can't": "can not", "cant": "cannot", "i'm": "i am", "thats": "that is",
    "it's": "it is", "wheres": "where is", "what's": "what is", "that is": "that's", "i have": "i've",
    "where is": "wheres", "did not": "didn't", "cannot": "cant", "do not": "dont", "please": "pls", "your": "ur",
    "you": "u", "i am": "im",
}  # fmt: skip


def typos(text: str, rng: random.Random) -> str:
    """Return the text with a slip in every fourth longer word: two letters exchanged, one missing, double, another."""
    found = text.split(" ")
    longer = [k for k, w in enumerate(found) if w.isalpha() and len(w) > 3]
    for k in rng.sample(longer, max(1, len(longer) // 4) if longer else 0):
        w, i = found[k], rng.randrange(1, len(found[k]) - 1)
        found[k] = rng.choice(
            [w[:i] + w[i + 1] + w[i] + w[i + 2 :], w[:i] + w[i + 1 :], w[:i] + w[i] + w[i:], f"{w[:i]}o{w[i + 1 :]}"]
        )
    return " ".join(found)


def contracted(text: str, _: random.Random) -> str:
    """Return the text with its contractions written out, or the other way round."""
    for short, long in CONTRACTIONS.items():
        text = re.sub(rf"\b{short}\b", long, text, flags=re.I)
    return text


def renumbered(text: str, rng: random.Random) -> str:
    """Return the text with other numbers of orders and devices."""
    return re.sub(r"\d{2,}", lambda m: str(rng.randrange(10 ** (len(m[0]) - 1), 10 ** len(m[0]))), text)


def numbered(text: str, rng: random.Random) -> str:
    """Return the text with another number, or one where it had none."""
    changed = renumbered(text, rng)
    return changed if changed != text else f"{text} (order FW-{rng.randrange(10_000, 99_999)})"


def one_turn(text: str, rng: random.Random) -> str:
    """Return one line of a conversation that is a question by itself; the whole where there is one line."""
    lines = [line for line in text.split("\n") if len(line.split()) > 5]
    return rng.choice(lines) if len(text.split("\n")) > 1 and lines else text


def reordered(text: str, _: random.Random) -> str:
    """Return the sentences, or the clauses, in reverse."""
    sentences = re.split(r"(?<=[.?!])\s+", text)
    clauses = sentences if len(sentences) > 1 else re.split(r",\s+", text)
    return " ".join(reversed(clauses))


RULES: Mapping[str, Callable[[str, random.Random], str]] = {
    "as it is": lambda text, _: text,
    "case and punctuation": lambda text, _: re.sub(r"[.,!?]", " ", text).swapcase(),
    "typing errors": typos,
    "contractions": contracted,
    "other numbers": numbered,
    "zero-width characters": lambda text, _: re.sub(r"(?<=\w)(\w)(?=\w{2})", "\u200b\\1", text),
    "lookalike letters": lambda text, _: text.translate(LOOKALIKE),
    "greeting and thanks": lambda text, _: f"Hello there. {text} Many thanks in advance!",
    "one turn of several": one_turn,
    "sentences reordered": reordered,
}


def variants(rows: Sequence[Mapping[str, Any]], seed: int = 1) -> dict[str, list[tuple[int, str]]]:
    """Return {kind: (number of the parent, variant)}; a rule that changes nothing makes none."""
    rng = random.Random(seed)
    made = {
        kind: [(n, text) for n, r in enumerate(rows) if (text := rule(r["question"], rng)) != r["question"] or n < 0]
        for kind, rule in RULES.items()
    }
    made["as it is"] = [(n, r["question"]) for n, r in enumerate(rows)]
    for kind in ("paraphrases", "translations"):
        made[kind] = [(n, text) for n, r in enumerate(rows) for text in r[kind]]
    return made


class Remembering:
    """An `Embed` whose vectors are comparable between calls, each text embedded once."""

    def __init__(self, inner: Embed) -> None:
        self.inner = inner
        self.known: dict[str, Any] = {}

    def embed(self, texts: Sequence[str]) -> Any:
        """Return the rows of the inner one."""
        new = [t for t in dict.fromkeys(texts) if t not in self.known]
        self.known.update(zip(new, self.inner.embed(new) if new else [], strict=True))
        return np.array([self.known[t] for t in texts])


def placed(questions: Sequence[str], known: Sequence[str], new: Sequence[str], embed: Embed) -> list[str | None]:
    """Return the family of each new text, asked alone beside the known questions."""
    found: list[str | None] = []
    for text in new:
        texts = [*questions, text]
        found += families(texts, [f"s{n}" for n in range(len(texts))], embed.embed(texts), known)[-1:]
    return found


def measure(embed: Embed) -> list[tuple[str, int, int]]:
    """Return (kind, variants found, variants), and of the other customers' questions how many are flagged."""
    rows = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    questions = [r["question"] for r in rows]
    known = FAMILIES[: len(questions)]
    table = []
    for kind, made in variants(rows).items():
        homes = placed(questions, known, [text for _, text in made], embed)
        table.append((kind, sum(h == known[n] for h, (n, _) in zip(homes, made, strict=True)), len(made)))
    others = [q for q in customers() if q not in set(questions)]
    flagged = placed(questions, known, others, embed)
    return [*table, ("other customers, flagged", sum(f in known or f is None for f in flagged), len(others))]


def customers() -> list[str]:
    """Return what the demo's customers ask, every question once."""
    lines = [line for file in sorted(TRACES.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]
    return list(dict.fromkeys(asked(json.loads(line)["messages"]) for line in lines))


def of_file(path: Path, home: Path, embed: Embed) -> list[tuple[str, str, str, str]]:
    """Return (reference, parent's split, split, verdict) of every variant of a file, in the golden set of a home."""
    lines = (home / "golden" / "golden_set.jsonl").read_text("utf-8").splitlines()
    cases = load_cases([json.loads(line) for line in lines])
    questions, known = [asked(c.messages) for c in cases], [c.family for c in cases]
    table = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        parent = next(c for c in cases if c.case_id == row["reference"].split()[-1])
        (found,) = placed(questions, known, [asked(row["messages"])], embed)
        said = "left out" if found is None else "found" if found == parent.family else "another family"
        table.append((row["reference"], parent.split, split_of(found) if found else "-", said))
    return table


def timed(size: int) -> float:
    """Return the seconds that the families of `size` questions take, without an embedder."""
    rng, base = random.Random(2), list(customers())
    texts = [
        typos(f"{rng.choice(base).split()[0]} {n} {rng.choice(base)} {rng.choice(base)}", rng) for n in range(size)
    ]
    start = time.perf_counter()
    families(texts, [None] * size, None, [])
    return time.perf_counter() - start


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--home", type=Path, default=Path("data"))
    parser.add_argument("--embedder", default="auto")
    parser.add_argument("--size", type=int)
    chosen = parser.parse_args()
    name, embed = choose_embedder(chosen.embedder, Path("unused.sqlite"))
    embed = embed if name == "tfidf" else Remembering(getattr(embed, "inner", embed))
    print(f"embedder {name}")
    for kind, n, total in measure(embed):
        rate = proportion(n, total)
        print(f"{kind:26} {n:4} of {total:4}  {rate.value:4.0%} ({rate.low:.0%} to {rate.high:.0%})")
    for row in of_file(chosen.file, chosen.home, embed) if chosen.file else []:
        print("  ".join(row))
    if chosen.size:
        print(f"{chosen.size} questions: {timed(chosen.size):.1f} s")


if __name__ == "__main__":
    main()
