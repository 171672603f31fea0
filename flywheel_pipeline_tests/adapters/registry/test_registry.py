"""Prompt versions never change, and production points at one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.adapters.registry import Registry
from flywheel_pipeline.errors import CorruptFileError, GateError
from flywheel_pipeline.records import PromptVersion
from flywheel_pipeline_tests.builders import a_prompt

OLD, NEW, NEWEST = a_prompt("Be kind."), a_prompt("Be kind and brief."), a_prompt("Be brief.")


def _registry(root: Path) -> Registry:
    registry = Registry(root / "prompts")
    for prompt in (OLD, NEW, NEWEST):
        registry.add(prompt)
    return registry


@pytest.mark.parametrize(
    "text",
    [
        "---\nname: not the head\n---\nText",
        "One\n---\nTwo\n---\nThree\n---",
        "# Title\n\n```json\n{}\n```\n\n  indented: 'yes' \"or\" {no}",
        "größe 😀\ttab \\n\u2028",
        "windows\r\nline ends",
    ],
)
def test_a_prompt_of_any_text_comes_back_as_it_was_added(tmp_path: Path, text: str) -> None:
    prompt = a_prompt(text, base_version="b1")
    registry = Registry(tmp_path)
    registry.add(prompt)
    assert registry.get(prompt.version) == prompt


@pytest.mark.parametrize("note", ["by mira: \"better\", '20 %' # 1", "two\nlines", "---", "see the run ---\nand more"])
def test_a_prompt_with_any_note_comes_back_as_it_was_added(tmp_path: Path, note: str) -> None:
    prompt = a_prompt(note=note)
    registry = Registry(tmp_path)
    registry.add(prompt)
    assert registry.get(prompt.version) == prompt


def test_a_version_is_a_file_that_people_can_read(tmp_path: Path) -> None:
    Registry(tmp_path).add(OLD)
    head = "---\nname: fern\nbase_version: null\nnote: for a test\n---\n"
    assert (tmp_path / f"{OLD.version}.md").read_text(encoding="utf-8") == f"{head}Be kind.\n"


def test_a_version_added_again_stays_as_it_is(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    registry.add(a_prompt(OLD.text, note="another story"))
    assert registry.get(OLD.version).note == OLD.note


def test_nothing_is_in_production_before_the_first_promotion(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    assert registry.production() is None
    assert registry.history() == []


def test_a_promoted_version_is_in_production_and_the_one_before_in_the_history(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    registry.promote(OLD.version)
    registry.promote(NEW.version)
    assert registry.production() == NEW
    assert Registry(tmp_path / "prompts").history() == [OLD.version, NEW.version]


def test_a_version_of_digits_alone_is_still_text_in_the_history(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.add(a_prompt(version="001234567890"))
    registry.promote("001234567890")
    assert registry.history() == ["001234567890"]


def test_a_version_that_was_never_added_cannot_be_promoted(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    registry.promote(OLD.version)
    with pytest.raises(CorruptFileError, match="nowhere"):
        registry.promote("nowhere")
    assert registry.production() == OLD


def test_rolling_back_returns_to_the_version_before_and_remembers_both(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    for prompt in (OLD, NEW, NEWEST):
        registry.promote(prompt.version)
    assert registry.roll_back() == NEW
    assert registry.production() == NEW
    assert registry.history() == [OLD.version, NEW.version, NEWEST.version, NEW.version]


@pytest.mark.parametrize("promoted", [[], [OLD]])
def test_without_an_earlier_version_there_is_nothing_to_roll_back_to(
    tmp_path: Path, promoted: list[PromptVersion]
) -> None:
    registry = _registry(tmp_path)
    for prompt in promoted:
        registry.promote(prompt.version)
    with pytest.raises(GateError, match="no earlier production prompt"):
        registry.roll_back()
    assert registry.history() == [p.version for p in promoted]


def test_rolling_back_leaves_production_although_it_was_promoted_twice(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    for prompt in (OLD, NEW, NEW):
        registry.promote(prompt.version)
    assert registry.roll_back() == OLD


def test_rolling_back_to_a_version_whose_file_is_gone_leaves_production_as_it_is(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    registry.promote(OLD.version)
    registry.promote(NEW.version)
    (tmp_path / "prompts" / f"{OLD.version}.md").unlink()
    with pytest.raises(CorruptFileError, match=OLD.version):
        registry.roll_back()
    assert registry.production() == NEW


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just a text",
        b"---\nname: fern\n",
        b"---\nname: fern\n---\nno note\n",
        b"---\nname: [\n---\ntext\n",
        b"---\n- a\n---\ntext\n",
        b"---\nname: a\nbase_version: null\nnote: n\n---\n\xff\n",
    ],
)
def test_a_damaged_version_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    registry, path = _registry(tmp_path), tmp_path / "prompts" / f"{OLD.version}.md"
    registry.promote(OLD.version)
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=OLD.version):
        registry.production()
    registry.add(OLD)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"[]", b"history:\n", b"history: abc\n", b"history: [a\n", b"\xff", b"a: 1"])
def test_a_damaged_pointer_is_named_and_not_overwritten_by_a_promotion(tmp_path: Path, content: bytes) -> None:
    registry, path = _registry(tmp_path), tmp_path / "prompts" / "production.yaml"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"production\.yaml"):
        registry.promote(OLD.version)
    assert path.read_bytes() == content
