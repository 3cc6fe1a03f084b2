"""Arrow schemas as Hugging Face ``Features``, so that a file written here reads back there with its types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import datasets

MEDIA = ("video", "image")  # columns of whole files
METADATA_KEY = "huggingface"  # of a Parquet file's schema

_NAMES = {"float": "float32", "double": "float64", "halffloat": "float16"}  # the others are called alike


def features(schema: pa.Schema) -> datasets.Features:
    """The ``Features`` of a schema; needs the package ``datasets`` (``ModuleNotFoundError``)."""
    from datasets import Features

    return Features.from_dict(features_dict(schema))


def features_dict(schema: pa.Schema) -> dict[str, Any]:
    """What ``Features.to_dict`` gives; ``TypeError`` for a column type that it cannot hold."""
    return {
        field.name: {"_type": media_of(field).capitalize()} if media_of(field) else _feature(field.type)
        for field in schema
    }


def features_json(schema: pa.Schema) -> str:
    """What ``datasets`` looks for in a Parquet file's metadata under ``METADATA_KEY``."""
    return json.dumps({"info": {"features": features_dict(schema)}})


def features_yaml(schema: pa.Schema) -> list[dict[str, Any]]:
    """The same as a dataset card writes it in ``dataset_info.features``."""
    return [
        {"name": field.name, **({"dtype": media_of(field)} if media_of(field) else _yaml(field.type))}
        for field in schema
    ]


def schema_of(described: Sequence[Mapping[str, Any]]) -> pa.Schema:
    """The Arrow schema of what ``features_yaml`` gives; ``ValueError`` for what describes no columns of values."""
    return pa.schema(_fields_of(described))


def media_field(kind: str, doc: str) -> pa.Field:
    """A column of whole files, `video` or `image`, as ``datasets`` stores them; it is called like them."""
    stored = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    return pa.field(kind, stored, metadata={"doc": doc, "feature": kind})


def media_of(field: pa.Field) -> str:
    """The kind of a column that ``media_field`` made; empty for all others."""
    return str((field.metadata or {}).get(b"feature", b"").decode())


def _feature(type_: pa.DataType) -> dict[str, Any]:
    if pa.types.is_struct(type_):
        return {field.name: _feature(field.type) for field in type_}
    if pa.types.is_list(type_):
        return {"feature": _feature(type_.value_type), "_type": "List"}
    return {"dtype": _dtype(type_), "_type": "Value"}


def _yaml(type_: pa.DataType) -> dict[str, Any]:
    if pa.types.is_struct(type_):
        return {"struct": [{"name": field.name, **_yaml(field.type)} for field in type_]}
    if pa.types.is_list(type_):
        inner = _yaml(type_.value_type)
        short = inner.get("struct", inner.get("dtype"))  # the card's own shorthand for the two plain cases
        return {"list": inner if short is None else short}
    return {"dtype": _dtype(type_)}


def _fields_of(described: Any) -> list[pa.Field]:
    try:
        return [pa.field(str(one["name"]), _type_of(one)) for one in described]
    except (TypeError, KeyError, AttributeError):
        raise ValueError(f"no description of columns: {described!r:.100}") from None


def _type_of(one: Any) -> pa.DataType:
    if isinstance(one, str):  # the card's shorthand within a list
        return pa.type_for_alias(one)
    if isinstance(one, list):
        return pa.struct(_fields_of(one))
    if "struct" in one:
        return pa.struct(_fields_of(one["struct"]))
    return pa.list_(_type_of(one["list"])) if "list" in one else pa.type_for_alias(one["dtype"])


def _dtype(type_: pa.DataType) -> str:
    if pa.types.is_primitive(type_) or pa.types.is_string(type_) or pa.types.is_binary(type_):
        return _NAMES.get(str(type_), str(type_))
    raise TypeError(f"datasets cannot hold a column of type {type_}")
