"""A prompt: a Jinja file with a block for each turn of the chat, into which text goes only as data.

A block is named by its role, with a number where a role comes again: ``system``, ``user``, ``assistant``, ``user_2``.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ...engine.errors import UserError, nearest
from .llm import Message

FOLDER = Path(__file__).parent.parent / "prompts"
DATA_CHARS = 600
"""Longer texts are cut: what a prompt reads costs time, and a small model loses the thread."""
_MARKS = str.maketrans({"<": "(", ">": ")", "\u201c": "'", "\u201d": "'", '"': "'"})


@dataclass(frozen=True)
class Prompt:
    """A prompt file as it was read."""

    name: str
    text: str

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def messages(self, values: Mapping[str, Any]) -> list[Message]:
        """The chat. Each text among ``values`` is one line without the marks of chats and of our prompts.

        Raises:
            UserError: the template is broken, or names a value that there is not.
        """
        try:
            template = self._template()
            turns = [(name.split("_")[0], _block(template, name, values)) for name in template.blocks]
            turns = turns or [("user", template.render(values).strip())]
        except TemplateSyntaxError as error:
            raise UserError(f"{self.name}:{error.lineno}: {error.message}") from None
        except TemplateError as error:
            raise UserError(f"{self.name}: {error.message}", f"a prompt may use: {', '.join(values)}") from None
        return [Message(role=role, content=content) for role, content in turns if content]

    def _template(self) -> Template:
        jinja = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, finalize=as_data, trim_blocks=True, lstrip_blocks=True
        )
        return jinja.from_string(self.text)


def _block(template: Template, name: str, values: Mapping[str, Any]) -> str:
    return "".join(template.blocks[name](template.new_context(dict(values)))).strip()


def as_data(value: Any) -> Any:
    """A text as one line of at most ``DATA_CHARS`` that can neither end a quote nor open a chat turn."""
    if not isinstance(value, str):
        return value
    seen = "".join(" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in value)
    line = " ".join(seen.translate(_MARKS).split())
    return line if len(line) <= DATA_CHARS else f"{line[:DATA_CHARS].rsplit(' ', 1)[0]} …"


def load_prompt(name: str) -> Prompt:
    """The prompt file at a path (it ends in ``.j2``), or the one of that name that ships with the package.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    path = Path(name).expanduser() if name.endswith(".j2") else FOLDER / f"{name}.j2"
    ours = [p.stem for p in sorted(FOLDER.glob("*.j2"))]
    if path.parent == FOLDER and path.stem not in ours:
        raise UserError(f"there is no prompt {name}{nearest(name, ours)}", f"prompts: {', '.join(ours)}, or a .j2 file")
    try:
        return Prompt(name, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the prompt {name}: {error}") from None
