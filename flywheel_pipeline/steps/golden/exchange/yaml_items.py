"""YAML: texts always in double quotes, so that YAML 1.1 and 1.2 read the same; nothing is constructed but data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
MAX_NODES = 2_000_000
"""Values of a document, those behind an alias counted each time: a few lines of aliases can stand for billions."""
MAX_CHARACTERS = 200_000_000
"""Their characters, counted likewise."""


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


def yaml_items(text: str, holders: Sequence[str]) -> tuple[list[tuple[int, Any, str]], dict[str, Any]]:
    """Return (line, value, problem) of the items of a list, and what the document says beside it.

    The list is the document, or what stands under the first of the keys `holders` that holds one.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ValueError("the document is empty")
        _bound(node)
        children, beside = _children(node, holders)
        items = [(child.start_mark.line + 1, *_constructed(loader, child)) for child in children]
        return items, {key: _constructed(loader, value)[0] for key, value in beside.items()}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return [(0, {}, f"not a YAML file that can be read: {' '.join(str(error).split())[:300]}")], {}
    finally:
        loader.dispose()


def _children(node: yaml.Node, holders: Sequence[str]) -> tuple[Sequence[yaml.Node], dict[str, yaml.Node]]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value), {}
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    held = {str(k.value): v for k, v in pairs}
    name = next((h for h in holders if isinstance(held.get(h), yaml.SequenceNode)), None)
    return ([node], {}) if name is None else (list(held[name].value), {k: v for k, v in held.items() if k != name})


def _constructed(loader: Any, node: yaml.Node) -> tuple[Any, str]:
    try:
        return loader.construct_document(node), ""
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        return {}, f"cannot be read: {' '.join(str(error).split())[:300]}"


def _bound(node: yaml.Node) -> None:
    """Raise ValueError where a document stands for too many values."""
    waiting, seen, n_characters = [node], 0, 0
    while waiting:
        value = waiting.pop().value
        seen, n_characters = seen + 1, n_characters + (len(value) if isinstance(value, str) else 0)
        if seen > MAX_NODES or n_characters > MAX_CHARACTERS:
            raise ValueError(f"it stands for more than {MAX_NODES:,} values or {MAX_CHARACTERS:,} characters")
        for child in value if isinstance(value, list) else ():
            waiting.extend(child if isinstance(child, tuple) else (child,))
