"""cliploom turns raw video into a published, reviewed, reproducible video-text dataset.

These are its public names. Each is loaded when it is first used, so that ``import cliploom`` costs nothing. What is
not listed here may move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import BuildFolder, build, check_release, open_build, plan, publish, step
    from .cards.publishing.check import CheckReport
    from .cards.publishing.findings import Finding
    from .cards.publishing.push import Publication
    from .engine.build import FunnelStage
    from .engine.contract.errors import RowError, TransientError, UserError, Waiting
    from .engine.contract.events import Event
    from .engine.contract.extras import extra
    from .engine.contract.recipe import Recipe, StepUse, load_recipe, read_recipe
    from .engine.contract.requirements import Requirement, package_requirement
    from .engine.contract.resources import Resources
    from .engine.contract.step import (
        AsyncFunction,
        BatchFunction,
        Drop,
        Filter,
        Global,
        Item,
        Map,
        MultiOutput,
        MultiOutputFunction,
        OutputTable,
        RowAnswer,
        Source,
        Split,
        Step,
        StepContext,
        each_row,
    )
    from .engine.contract.usage import Budget
    from .engine.preview import Forecast
    from .models.chat.step import ChatStep
    from .schemas import (
        Box,
        Caption,
        Chapter,
        Clip,
        Col,
        DatasetEntry,
        Doubles,
        Embedding,
        Evidence,
        Floats,
        Frame,
        Halfs,
        Label,
        Pair,
        Review,
        ReviewMark,
        Row,
        Score,
        Segment,
        Shot,
        Signals,
        Sound,
        Span,
        Subtitle,
        TagLabels,
        TagMention,
        TagRelation,
        Tags,
        Video,
        Word,
    )

    __version__: str

_MODULES = {
    "api": "BuildFolder build check_release open_build plan publish step",
    "cards.publishing.check": "CheckReport",
    "cards.publishing.findings": "Finding",
    "cards.publishing.push": "Publication",
    "engine.build": "FunnelStage",
    "engine.contract.errors": "RowError TransientError UserError Waiting",
    "engine.contract.events": "Event",
    "engine.contract.extras": "extra",
    "engine.contract.recipe": "Recipe StepUse load_recipe read_recipe",
    "engine.contract.requirements": "Requirement package_requirement",
    "engine.contract.resources": "Resources",
    "engine.contract.step": "AsyncFunction BatchFunction Drop Filter Global Item Map MultiOutput MultiOutputFunction "
    "OutputTable RowAnswer Source Split Step StepContext each_row",
    "engine.contract.usage": "Budget",
    "engine.preview": "Forecast",
    "models.chat.step": "ChatStep",
    "schemas": "Box Caption Chapter Clip Col Doubles Embedding DatasetEntry Evidence Floats Frame Halfs Label Pair "
    "Review ReviewMark Row Score Segment Shot Signals Sound Span Subtitle TagLabels TagMention TagRelation Tags Video "
    "Word",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = [  # type checkers read it and run nothing: a test compares it with the table above
    "AsyncFunction", "BatchFunction", "Box", "Budget", "BuildFolder", "Caption", "Chapter", "ChatStep",
    "CheckReport", "Clip", "Col", "DatasetEntry", "Doubles", "Drop", "Embedding", "Event", "Evidence", "Filter",
    "Finding", "Floats", "Forecast", "Frame", "FunnelStage", "Global", "Halfs", "Item", "Label", "Map",
    "MultiOutput", "MultiOutputFunction", "OutputTable", "Pair", "Publication", "Recipe", "Requirement", "Resources",
    "Review", "ReviewMark", "Row", "RowAnswer", "RowError", "Score", "Segment", "Shot", "Signals", "Sound", "Source",
    "Span", "Split", "Step", "StepContext", "StepUse", "Subtitle", "TagLabels", "TagMention", "TagRelation",
    "Tags", "TransientError", "UserError", "Video", "Waiting", "Word", "__version__", "build", "check_release",
    "each_row", "extra", "load_recipe", "open_build", "package_requirement", "plan", "publish", "read_recipe", "step",
]  # fmt: skip


if not TYPE_CHECKING:  # a type checker that sees it takes every misspelt name for one of ours

    def __getattr__(name: str) -> Any:
        """Load a public name from the module where it lives now."""
        from importlib import import_module

        if name == "__version__":
            from importlib.metadata import version

            value: Any = version("cliploom")
        elif name in _HOMES:
            value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
