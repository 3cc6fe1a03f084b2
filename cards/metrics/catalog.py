"""Every metric, by its name."""

from __future__ import annotations

from ...engine.contract.errors import UserError, nearest
from .metric import Metric
from .qvhighlights import QvhighlightsMetric

_CLASSES: tuple[type[Metric], ...] = (QvhighlightsMetric,)
METRICS: dict[str, type[Metric]] = {one.name: one for one in _CLASSES}


def metric_class(name: str) -> type[Metric]:
    """The metric of that name; ``UserError`` with the nearest spelling where there is none."""
    if name not in METRICS:
        raise UserError(f"there is no metric {name}{nearest(name, METRICS)}", f"there are {', '.join(METRICS)}")
    return METRICS[name]
