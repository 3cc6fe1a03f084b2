"""YAML as a recipe may hold it: words, numbers, lists and mappings, each written out where it stands."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple, NoReturn

import yaml

from .errors import UserError

MOST_CHARS = 1_000_000
DEEPEST = 40  # levels of lists and mappings
_TAG = "tag:yaml.org,2002:"
_SCALARS = {_TAG + name for name in ("str", "int", "float", "bool", "null")}
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")  # what no file name, prompt or message can hold
_LARGEST = 2**63  # whole numbers that tables can hold are smaller


class YamlError(UserError):
    """The text is no YAML at all."""


class Document(NamedTuple):
    """A text that was read: its nodes, which know their lines, and its value."""

    node: yaml.Node | None  # None for an empty text
    value: Any


def read_yaml(text: str, where: str) -> Document:
    """Read a text; ``where`` is its file, for messages.

    Refused beside what is no YAML: aliases (a short text may stand for gigabytes), a key that is there twice or is no
    word, tags, numbers that are not finite or have more than 64 bits, control characters, and what is nested deeply.
    Dates are words.

    Raises:
        YamlError: the text is no YAML.
        UserError: it holds what is refused; names file and line.
    """
    if len(text) > MOST_CHARS:
        raise UserError(f"{where}: it has more than {MOST_CHARS:,} characters, which no recipe needs")
    try:
        loader = _Loader(text, where)
        node = loader.get_single_node()
        return Document(node, None if node is None else loader.value_of(node))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlError(f"{where}:{line}: this is not YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"{where}:{line}: this is not YAML: it holds the character {error.character!r}") from None


class _Loader(yaml.SafeLoader):
    """Composes nodes as PyYAML does, and makes values of fewer kinds."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _SCALARS]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str, where: str) -> None:
        super().__init__(text)
        self._where, self._depth = where, 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As in PyYAML, down to a depth at which Python's own stack does."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"*{event.anchor} refers to another place: write out what stands there")
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(event, f"it is nested more than {DEEPEST} deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def value_of(self, node: yaml.Node) -> Any:
        """The value of a node."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in (_TAG + "seq", _TAG + "map"):
            self._refuse(node, f"{_short(node.tag)} is a tag, which recipes have none of")
        if isinstance(node, yaml.SequenceNode):
            return [self.value_of(item) for item in node.value]
        made: dict[str, Any] = {}
        for key, value in node.value:
            name = self._key(key)
            if name in made:
                self._refuse(key, f"{name} is given twice")
            made[name] = self.value_of(value)
        return made

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != _TAG + "str":
            shown = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            self._refuse(node, f"{_short(shown)} is not text: write it in quotes")
        name = str(self._scalar(node))
        if "\n" in name:
            self._refuse(node, f"{_short(name)} has several lines, which no name has")
        return name

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text = str(node.value)
        if node.tag not in _SCALARS:
            self._refuse(node, f"{_short(node.tag)} is a tag, which recipes have none of")
        if node.tag == _TAG + "str":
            if found := _UNFIT.search(text):
                self._refuse(node, f"{_short(text)} holds the character {ascii(found[0])}")
            return text
        try:
            value = yaml.constructor.SafeConstructor.yaml_constructors[node.tag](self, node)
        except (ValueError, KeyError):  # such as !!int with a word, or with more digits than Python converts
            self._refuse(node, f"{_short(text)} is not a number")
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(node, f"{_short(text)} is not a finite number")
        if isinstance(value, int) and abs(value) >= _LARGEST:
            self._refuse(node, f"{_short(text)} is too large a number")
        return value

    def _refuse(self, at: yaml.Node | yaml.Event, why: str) -> NoReturn:
        mark = at.start_mark
        raise UserError(f"{self._where}:{mark.line + 1 if mark else 1}: {why}")


def _short(text: str) -> str:
    plain = text.removeprefix(_TAG).encode("ascii", "backslashreplace").decode() if _UNFIT.search(text) else text
    return repr(plain[:60] + "…") if len(plain) > 60 else (plain if plain.isprintable() and plain else repr(plain))
