"""A prompt: a Jinja template with a block for each turn of the chat, into which text goes only as data.

A block is named by its role, with a number where a role comes again: ``system``, ``user``, ``assistant``, ``user_2``.
A template without blocks is one user turn.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ...engine.contract.errors import UserError, nearest
from .model import Message, Part

FOLDER = Path(__file__).parents[2] / "captioners" / "prompts"
DATA_CHARS = 2000
"""Longer texts are cut: what a prompt reads costs time, and a small model loses the thread."""
_ROLES = ("system", "user", "assistant")


class _Turn(NamedTuple):
    """A block of a prompt; ``fixed`` is its text where nothing goes into it."""

    name: str
    role: str
    fixed: str


class Prompt:
    """A prompt as it was read; ``name`` is for messages to people."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    @cached_property
    def hash(self) -> str:
        """16 hexadecimal digits of the template's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def messages(self, values: Mapping[str, Any], shown: Sequence[Part] = ()) -> list[Message]:
        """The chat; what is ``shown`` comes before the text of the first user turn.

        Each text among ``values`` becomes one line without the marks of chats and of our prompts.

        Raises:
            UserError: the template is broken, or names a value that there is not.
        """
        try:
            template, known = self._template, {**_GLOBALS, **values}
            turns = [(t.role, t.fixed or _render(template, template.blocks[t.name], known)) for t in self._turns]
            turns = turns or [("user", _render(template, template.root_render_func, known))]
        except TemplateSyntaxError as error:
            raise UserError(f"{self.name}:{error.lineno}: {error.message}") from None
        except TemplateError as error:
            raise UserError(f"{self.name}: {error.message}", f"a prompt may use: {', '.join(values)}") from None
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:  # of its own sums and filters
            raise UserError(f"{self.name}: {error}") from None
        messages = [Message(role=role, content=content) for role, content in turns if content]
        return _showing(messages, shown) if shown else messages

    def check(self, values: Mapping[str, Any]) -> None:
        """Try it with example values.

        Raises:
            UserError: it is broken, names a value that is not among them, or asks nothing.
        """
        try:
            unknown = find_undeclared_variables(_JINJA.parse(self.text)) - values.keys()
        except TemplateSyntaxError as error:
            raise UserError(f"{self.name}:{error.lineno}: {error.message}") from None
        for name in sorted(unknown):
            hint = f"a prompt may use: {', '.join(values)}"
            raise UserError(f"{self.name} uses {name}, which there is not here{nearest(name, values)}", hint)
        for turn in self._turns:
            if turn.role not in _ROLES:
                hint = "blocks are turns: system, user, assistant, user_2 …"
                raise UserError(f"{self.name} has a block {turn.name}{nearest(turn.role, _ROLES)}", hint)
        if not any(message["role"] == "user" for message in self.messages(values)):
            raise UserError(f"{self.name} asks nothing", "give it a block named user")

    @cached_property
    def _template(self) -> Template:
        return _JINJA.from_string(self.text)

    @cached_property
    def _turns(self) -> list[_Turn]:
        blocks = {block.name: block for block in _JINJA.parse(self.text).find_all(nodes.Block)}
        return [_Turn(name, name.split("_")[0], _constant_text(blocks[name])) for name in self._template.blocks]

    def __reduce__(self) -> tuple[type[Prompt], tuple[str, str]]:
        return Prompt, (self.name, self.text)  # a compiled template does not travel


def _render(template: Template, render: Callable[[Context], Iterator[str]], known: dict[str, Any]) -> str:
    """A turn's text. Each has a context of its own, as what one block sets is not known in another."""
    return "".join(render(Context(_JINJA, known, template.name, template.blocks))).strip()


def _constant_text(block: nodes.Block) -> str:
    plain = all(isinstance(node, (nodes.Output, nodes.TemplateData)) for node in block.find_all(nodes.Node))
    return "".join(data.data for data in block.find_all(nodes.TemplateData)).strip() if plain else ""


def _showing(messages: list[Message], shown: Sequence[Part]) -> list[Message]:
    """Put parts before the text of the first user turn."""
    for i, message in enumerate(messages):
        if message["role"] == "user":
            messages[i] = Message(role="user", content=[*shown, str(message["content"])])
            return messages
    return [*messages, Message(role="user", content=list(shown))]


def as_data(value: Any) -> Any:
    """A text as one line of at most ``DATA_CHARS`` that can neither end a quote nor open a chat turn."""
    return _line(value) if isinstance(value, str) else value


@lru_cache(4096)  # names of teachers come again in every prompt
def _line(value: str) -> str:
    if not value.isprintable():  # it has separators or control characters other than the plain space
        value = "".join([c if c.isprintable() else " " for c in value])
    value = value.replace("<", "(").replace(">", ")").replace('"', "'").replace("\u201c", "'").replace("\u201d", "'")
    line = " ".join(value.split())
    return line if len(line) <= DATA_CHARS else f"{line[:DATA_CHARS].rsplit(' ', 1)[0]} …"


_JINJA = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, finalize=as_data, trim_blocks=True, lstrip_blocks=True
)
_GLOBALS = dict(_JINJA.globals)


def load_prompt(name: str) -> Prompt:
    """The prompt that ships under a name, the one at a path (it ends in ``.j2``), or the template that ``name`` is.

    A template has a line break, ``{{`` or ``{%``.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    if "\n" in name or "{{" in name or "{%" in name:
        return _parse_prompt("the prompt", name)
    path = os.path.expanduser(name) if name.endswith(".j2") else f"{FOLDER}/{name}.j2"
    try:
        stat = os.stat(path)
        return _read(name, path, stat.st_mtime_ns, stat.st_size)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        ours = [p.stem for p in sorted(FOLDER.glob("*.j2"))]
        if not name.endswith(".j2"):
            hint = f"prompts: {', '.join(ours)}, or a .j2 file, or the template itself"
            raise UserError(f"there is no prompt {name}{nearest(name, ours)}", hint) from None
        raise UserError(f"cannot read the prompt {name}: {error}") from None


@lru_cache(maxsize=64)
def _read(name: str, path: str, changed_ns: int, size: int) -> Prompt:
    """Read once as long as the file stays the same; rows of a step share what was compiled."""
    return _parse_prompt(name, Path(path).read_text(encoding="utf-8"))


@lru_cache(maxsize=64)
def _parse_prompt(name: str, text: str) -> Prompt:
    return Prompt(name, text)
