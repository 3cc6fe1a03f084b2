"""The columns of a schema as a Markdown table, for the docs and the dataset card."""

from __future__ import annotations

import re
from collections.abc import Collection

import pyarrow as pa


def column_table(schema: pa.Schema, foreign: Collection[str] = ()) -> str:
    """One line per column: name, type, unit and range, and what it means; ``?`` marks one that may be null.

    Meanings are Markdown, except those of ``foreign`` columns, which hold words of others.
    """
    lines = ["| column | type | unit, range | meaning |", "|---|---|---|---|"]
    lines += [_line(field.name, field, field.name in foreign) for field in schema]
    return "\n".join(lines) + "\n"


def column_type(field: pa.Field) -> str:
    """A column's type in words that need no Arrow: ``text``, ``list of {attribute, object}``, ``float?``."""
    return _type(field.type) + ("?" if field.nullable else "")


def markdown_text(text: str) -> str:
    """Text that stays text in any Markdown table: no markup, no HTML, no link, no line break."""
    flat = re.sub(r"\s+", " ", text).strip()
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = re.sub(r"([\\`*_\[\]#|~$])", r"\\\1", flat)
    flat = re.sub(r"(?i)\bwww\.", r"www&#46;", flat)  # no scheme, and yet GitHub would link it
    return flat.replace("://", ":&#47;&#47;").replace("@", "&#64;")


def _line(name: str, field: pa.Field, is_foreign: bool) -> str:
    said = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    doc = said.get("doc", "")
    doc = markdown_text(doc) if is_foreign else doc.replace("|", "\\|").replace("<", "&lt;")
    return f"| `{name}` | {column_type(field)} | {_range(said)} | {doc} |"


def _range(said: dict[str, str]) -> str:
    if "choices" in said:
        return ", ".join(f"`{choice}`" for choice in said["choices"].split(","))
    low, high = said.get("low"), said.get("high")
    span = f"{low} to {high}" if low and high else f"≥ {low}" if low else f"≤ {high}" if high else ""
    return ", ".join(part for part in (said.get("unit", ""), span) if part)


def _type(type_: pa.DataType) -> str:
    if pa.types.is_struct(type_):
        return "{" + ", ".join(field.name for field in type_) + "}"
    if pa.types.is_list(type_):
        return f"list of {_type(type_.value_type)}"
    if pa.types.is_string(type_):
        return "text"
    if pa.types.is_floating(type_):
        return "float"
    return "bytes" if pa.types.is_binary(type_) else "int" if pa.types.is_integer(type_) else str(type_)
