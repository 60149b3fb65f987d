"""YAML files that people write: read whole or refused, however they are made."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml

from twin.errors import SourceError

#: What such a file may hold at most: far more than a scenario or a city needs, and read in seconds.
MOST_BYTES, MOST_LEVELS, MOST_VALUES = 4_000_000, 40, 100_000

MOST_BITS = 1024  # of a whole number, as many as a float reaches


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises SourceError when it is missing, malformed or not a mapping, when it has a key twice, when a value cannot be (June
    31), and when it is larger, deeper or, with its aliases written out, longer than the limits above.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a zero byte in the path
        raise SourceError(
            "file_unreadable", where=str(path), found=getattr(error, "strerror", None) or str(error)
        ) from error
    if len(content) > MOST_BYTES:
        raise _too_large(str(path))
    found = read_text(text, str(path))
    if not isinstance(found, dict):
        raise SourceError("yaml_mapping", where=str(path), found=type(found).__name__)
    return found


def read_text(text: str, where: str) -> Any:
    """Return what a YAML text says; raise SourceError as `read_yaml` does."""
    try:
        return _Loader(text, where).get_single_data()
    except yaml.YAMLError as error:
        raise SourceError("yaml_malformed", where=where, found=" ".join(str(error).split())) from error


def _too_large(where: str) -> SourceError:
    limits = {"megabytes": MOST_BYTES / 1e6, "levels": MOST_LEVELS, "values": MOST_VALUES}
    return SourceError("yaml_large", where=where, **limits)


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key written twice (YAML would keep the last in silence), and what is without bounds."""

    def __init__(self, text: str, where: str) -> None:
        super().__init__(text)
        self.where, self.level, self.count = where, 0, 0
        self.sizes: dict[int, int] = {}  # values in each finished node, aliases written out

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        alias = self.check_event(yaml.AliasEvent)
        self.level, self.count = self.level + 1, self.count + 1
        if self.level > MOST_LEVELS or self.count > MOST_VALUES:
            raise _too_large(self.where)
        node = super().compose_node(parent, index)
        self.level -= 1
        if not alias:
            self.sizes[id(node)] = 1 + sum(self.sizes[id(child)] for child in _children(node))
        if self.sizes.get(id(node), MOST_VALUES + 1) > MOST_VALUES:  # not there: an alias inside what it stands for
            raise _too_large(self.where)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            found = super().construct_object(node, deep)
            if isinstance(found, int) and found.bit_length() > MOST_BITS:
                raise OverflowError(f"{MOST_BITS} bits")  # python prints no number of many more
            return found
        except (ValueError, LookupError, ArithmeticError, AttributeError, TypeError) as error:
            line = node.start_mark.line + 1
            raise SourceError("yaml_value", where=self.where, line=line, found=node.value) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for name, _ in node.value:
            key = self.construct_object(name, deep=True)
            if isinstance(key, Hashable):
                if key in seen:
                    raise yaml.YAMLError(f"{key!r} twice, {str(name.start_mark).strip()}")
                seen.add(key)
        return super().construct_mapping(node, deep)


def _children(node: yaml.Node | None) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else ()
