"""Prompt versions never change, and production points at one of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flywheel_pipeline.adapters.registry import Canary, Move, Registry
from flywheel_pipeline.errors import ConflictError, CorruptFileError, GateError
from flywheel_pipeline.records import Json, PromptVersion
from flywheel_pipeline_tests.builders import a_prompt

COVERS = ("adapters/registry/labels.py", "adapters/registry/versions.py")

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
    head = '---\n{\n "name": "fern",\n "base_version": null,\n "note": "for a test"\n}\n---\n'
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


@pytest.mark.parametrize("line", ["[]", "{", '{"label": "production"}', '{"label": "a", "version": "b", "canary": 1}'])
def test_a_damaged_line_of_the_labels_is_named_and_not_overwritten_by_a_promotion(tmp_path: Path, line: str) -> None:
    registry, path = _registry(tmp_path), tmp_path / "prompts" / "labels.jsonl"
    path.write_text(f"{line}\n", "utf-8")
    with pytest.raises(CorruptFileError, match=r"labels\.jsonl, line 1"):
        registry.promote(OLD.version)
    assert path.read_text("utf-8") == f"{line}\n"


def test_of_two_promotions_on_the_same_state_the_later_gets_a_conflict(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    registry.promote(OLD.version)
    seen = registry.labels().seen
    registry.promote(NEW.version, by="mira", seen=seen)
    with pytest.raises(ConflictError, match="production"):
        registry.promote(NEWEST.version, by="noor", seen=seen)
    assert registry.history() == [OLD.version, NEW.version]


def test_twenty_threads_promote_on_the_same_state_and_one_wins(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    registry.promote(OLD.version)
    seen = registry.labels().seen

    def promote(_: int) -> bool:
        try:
            Registry(tmp_path / "prompts").promote(NEW.version, seen=seen)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        won = list(pool.map(promote, range(20)))
    # a promotion that reads the label after the winner's move finds its version in production already
    assert won.count(True) >= 1 and registry.history() == [OLD.version, NEW.version]
    assert len(registry.labels().moves) == 2


def test_labels_move_on_their_own_and_a_removed_one_is_gone(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    registry.promote(OLD.version, at="2026-01-01T00:00:00Z", by="mira", message="first")
    registry.move(Move("staging", NEW.version))
    assert {label: m.version for label, m in registry.labels().now().items()} == {
        "production": OLD.version,
        "staging": NEW.version,
    }
    assert registry.find("staging") == NEW.version and registry.find(OLD.version[:6]) == OLD.version
    registry.move(Move("staging", None))
    assert list(registry.labels().now()) == ["production"]
    assert registry.history("staging") == [NEW.version]
    with pytest.raises(GateError, match="staging"):
        registry.find("staging")


@pytest.mark.parametrize("label", ["", "Production", "a b", "../x", "x" * 65])
def test_a_label_has_a_simple_name(tmp_path: Path, label: str) -> None:
    with pytest.raises(GateError, match="is no label"):
        _registry(tmp_path).move(Move(label, OLD.version))


def test_a_canary_is_kept_with_its_label_and_is_no_new_entry_of_the_history(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    registry.promote(OLD.version)
    canary = Canary("c1", NEW.version, 0.2)
    registry.move(Move("production", OLD.version, canary=canary))
    assert registry.labels().now()["production"].canary == canary
    assert registry.history() == [OLD.version]
    registry.promote(OLD.version)
    assert registry.labels().now()["production"].canary is None


def test_model_parameters_and_author_of_a_version_are_kept(tmp_path: Path) -> None:
    prompt = a_prompt(author="mira", model="openai/x", parameters=Json('{"temperature": 0.2}'))
    registry = Registry(tmp_path)
    registry.add(prompt)
    assert registry.get(prompt.version) == prompt and registry.versions() == [prompt]
