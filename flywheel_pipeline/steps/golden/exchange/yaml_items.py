"""YAML: texts always in double quotes, so that YAML 1.1 and 1.2 read the same; nothing is constructed but data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
MAX_NODES = 2_000_000
"""Values of a document, those behind an alias counted each time: a few lines of aliases can stand for billions."""
MAX_LETTERS = 200_000_000
"""Their letters, counted likewise."""


class _Loader(_Base):  # type: ignore[misc]
    """Reads plain data; a date stays the text that it is."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
    for first, rules in _Base.yaml_implicit_resolvers.items()
}


class _Text(str):
    """A value, as opposed to a key."""


class _Dumper(_BaseDumper):  # type: ignore[misc]
    """Writes every value in double quotes, and never an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        """Equal values are written each time."""
        return True


_Dumper.add_representer(
    _Text, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')
)


def dump_yaml(value: Any) -> str:
    """Return a YAML document."""
    return str(yaml.dump(_marked(value), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=2**30))


def _marked(value: Any) -> Any:
    if isinstance(value, str):
        return _Text(value)
    if isinstance(value, dict):
        return {k: _marked(v) for k, v in value.items()}
    return [_marked(v) for v in value] if isinstance(value, list) else value


def yaml_items(text: str, holders: Sequence[str]) -> Iterator[tuple[int, Any, str]]:
    """Yield (line, value, problem) of the items of a list, or of the list under one of the keys `holders`."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ValueError("the document is empty")
        _bound(node)
        for child in _children(node, holders):
            yield (child.start_mark.line + 1, *_constructed(loader, child))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        yield 0, {}, f"not a YAML file that can be read: {' '.join(str(error).split())[:300]}"
    finally:
        loader.dispose()


def _children(node: yaml.Node, holders: Sequence[str]) -> Sequence[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    held = {k.value: v for k, v in pairs if isinstance(v, yaml.SequenceNode)}
    found = next((held[name] for name in holders if name in held), None)
    return [node] if found is None else list(found.value)


def _constructed(loader: Any, node: yaml.Node) -> tuple[Any, str]:
    try:
        return loader.construct_document(node), ""
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        return {}, f"can not be read: {' '.join(str(error).split())[:300]}"


def _bound(node: yaml.Node) -> None:
    """Raise ValueError where a document stands for too many values."""
    waiting, seen, letters = [node], 0, 0
    while waiting:
        value = waiting.pop().value
        seen, letters = seen + 1, letters + (len(value) if isinstance(value, str) else 0)
        if seen > MAX_NODES or letters > MAX_LETTERS:
            raise ValueError(f"it stands for more than {MAX_NODES:,} values or {MAX_LETTERS:,} letters")
        for child in value if isinstance(value, list) else ():
            waiting.extend(child if isinstance(child, tuple) else (child,))
