"""How a dataset came to be: what the card tells of the build."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ...engine.contract.catalog import step_class
from ...engine.contract.errors import UserError
from .models import ModelLicense, model_license
from .redaction import public_lock, public_options, public_recipe

if TYPE_CHECKING:
    import duckdb

    from ...engine.build import FunnelStage

_MODELS = """
SELECT role, model, revision, sum(n)::BIGINT AS rows FROM (
    SELECT 'captions' AS role, model, revision, count(*) AS n FROM captions
    WHERE kind <> 'choice' AND model NOT IN ('person', 'source', 'subtitle', 'title') GROUP BY ALL
    UNION ALL SELECT 'speech', source, '', count(*) FROM segments WHERE source <> 'subtitle' GROUP BY ALL
    UNION ALL SELECT 'tags', model, '', count(*) FROM tags GROUP BY ALL
    UNION ALL SELECT 'scores', model, '', count(*) FROM scores GROUP BY ALL
    UNION ALL SELECT 'vectors', model, '', count(*) FROM embeddings GROUP BY ALL
    UNION ALL SELECT 'evidence', m, '', count(*) FROM (SELECT unnest(models) AS m FROM evidence) GROUP BY ALL
) WHERE model <> '' GROUP BY role, model, revision ORDER BY rows DESC, role, model, revision
"""


class StepRecord(NamedTuple):
    """One step: its name in the recipe, what it is, what it does, and its options."""

    name: str
    kind: str
    about: str
    options: str


class PromptRecord(NamedTuple):
    """A prompt that a step asked with, as it was when it asked."""

    step: str
    text: str


class ModelRecord(NamedTuple):
    """One model that the build used, or a rule."""

    role: str
    name: str
    revision: str
    license: ModelLicense | None
    rows: int


class Provenance(NamedTuple):
    """What a build did up to this step. Empty where there is no lock (the step is run by itself)."""

    name: str
    version: str  # of cliploom
    steps: list[StepRecord]
    stages: list[FunnelStage]
    models: list[ModelRecord]
    recipe: dict[str, Any]
    prompts: Sequence[PromptRecord] = ()
    lock: Mapping[str, Any] = MappingProxyType({})  # without facts of this machine


def read_story(root: Path, step: str) -> Provenance:
    """The story of the build in ``root`` up to the step of that name."""
    from ...engine.build import Build

    try:
        build = Build.read(root)
    except UserError:
        return Provenance(root.name, "", [], [], [], {})
    before = before_step(build.lock, step)
    steps = [
        StepRecord(
            entry["name"], entry["step"], _about(entry["step"]), _options(entry["step"], entry.get("options") or {})
        )
        for entry in [*before, *(e for e in build.lock["steps"] if e["name"] == step)]
    ]
    names = {table["name"] for entry in before for table in entry.get("tables", [{"name": entry["name"]}])}
    stages = [stage for stage in build.funnel() if stage.name in names]
    with build.connect() as db:
        models = _models(db)
    recipe, told = public_recipe(build.lock), public_lock(build.lock)
    return Provenance(build.name, str(told.get("cliploom", "")), steps, stages, models, recipe, _prompts(before), told)


def _prompts(entries: Iterable[Mapping[str, Any]]) -> list[PromptRecord]:
    """The texts that steps of chat models keep in the lock, before the revision of their model."""
    return [
        PromptRecord(entry["name"], text.strip())
        for entry in entries
        for text in str(entry.get("revision") or "").split("\0")[:-1]
        if text.strip()
    ]


def before_step(lock: dict[str, Any], step: str) -> list[dict[str, Any]]:
    """The lock's entries of the steps before the one of that name."""
    names = [entry["name"] for entry in lock["steps"]]
    return list(lock["steps"][: names.index(step)]) if step in names else list(lock["steps"])


def dataset_tables(lock: Mapping[str, Any]) -> list[str]:
    """The tables that the last dataset step of a lock reads; none where no step writes a dataset."""
    steps = [step for step in lock["steps"] if any(table.get("table") == "entries" for table in step["tables"])]
    return list(steps[-1]["reads"]) if steps else []


def _about(kind: str) -> str:
    try:
        doc = inspect.getdoc(step_class(kind)) or ""
    except UserError:  # a plugin that is not installed here
        return ""
    return doc.partition("\n\n")[0].replace("\n", " ").replace("`", "")


def _options(kind: str, options: dict[str, Any]) -> str:
    said = public_options(kind, options)
    set_ = {name: value for name, value in said.items() if value not in ("", None, [], {})}
    text = yaml.safe_dump(set_, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return text.strip()[1:-1]


def _models(db: duckdb.DuckDBPyConnection) -> list[ModelRecord]:
    found = db.execute(_MODELS).fetchall()
    return [ModelRecord(role, model, revision, model_license(model), rows) for role, model, revision, rows in found]
