"""Shots: where one take ends and the next begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import RowAnswer, Split, Step
from ..media.cuts import DEFAULT_THRESHOLDS, Cut, Timeline, adaptive_cuts, content_cuts, content_values, threshold_cuts
from ..schemas import Col, Shot, Signals
from ..schemas.ids import span_id
from .scan import Scan


@dataclass(frozen=True)
class Shots(Split[Signals, Shot]):
    """Cut videos into shots with PySceneDetect 0.7.2's rules, from the signals of ``builders.scan``.

    ``content`` finds hard cuts, ``adaptive`` finds them in spite of fast motion, ``threshold`` finds
    fades to black. The cuts are those of ``scenedetect.detect()``; for those of its command line, which
    wants shots of 0.6 s, set ``min_shot_s: 0.6``. The first shot begins with the first frame, the last ends
    with the last one.
    """

    detector: Annotated[str, Col("what to look for", choices=("content", "adaptive", "threshold"))] = "content"
    threshold: Annotated[
        float | None, Col("value that makes a cut; the detector's own (27, 3, 12) unless given", low=0, high=255)
    ] = None
    min_len: Annotated[int, Col("shortest shot", unit="frames", low=0)] = 15
    min_shot_s: Annotated[float | None, Col("shortest shot, instead of min_len", unit="s", low=0)] = None
    weights: Annotated[
        tuple[float, float, float, float], Col("weights of the changes of hue, saturation, brightness and edges")
    ] = (1.0, 1.0, 1.0, 0.0)
    luma_only: Annotated[bool, Col("look at brightness alone, whatever the weights")] = False
    flash: Annotated[
        str, Col("content: cuts too close are merged, or all but the first suppressed", choices=("merge", "suppress"))
    ] = "merge"
    window: Annotated[int, Col("adaptive: neighbours on either side", unit="frames", low=1)] = 2
    min_content: Annotated[float, Col("adaptive: least content value of a cut", low=0, high=255)] = 15.0
    fade_bias: Annotated[
        float, Col("threshold: where in the black the cut lies, -1 its start, 1 its end", low=-1, high=1)
    ] = 0.0

    cost = "row"
    batch = 32

    def check(self, earlier: Sequence[Step]) -> None:
        """Weights must say something, and edges must have been measured."""
        weights = self._weights()
        if not any(weights):
            raise UserError("builders.shots: all weights are zero", "give at least one of them a weight")
        scans = [step for step in earlier if isinstance(step, Scan)]
        if weights[3] and scans and not scans[-1].edges:
            raise UserError(
                "builders.shots: edges have a weight, but builders.scan does not measure them",
                "set edges: true for builders.scan",
            )

    def _weights(self) -> tuple[float, float, float, float]:
        return (0.0, 0.0, 1.0, 0.0) if self.luma_only else self.weights

    def process(self, signals: Signals) -> RowAnswer[Shot]:
        """The shots between the cuts."""
        if self._weights()[3] and not len(signals.delta_edges):
            return RowError(
                f"{signals.video_id}: edges were not measured; set edges: true for builders.scan", "no_edges"
            )
        cuts = [Cut(0, 0.0), *(cut for cut in self._cuts(signals) if cut.frame > 0)]
        starts_s = [float(signals.time_s[cut.frame]) for cut in cuts]
        ends_s = [*starts_s[1:], signals.end_s]
        return [
            Shot(
                shot_id=span_id(signals.video_id, start_s, end_s),
                video_id=signals.video_id,
                start_s=start_s,
                end_s=end_s,
                detector=self.detector if cut.frame else "start",
                strength=cut.value,
            )
            for cut, start_s, end_s in zip(cuts, starts_s, ends_s, strict=True)
        ]

    def _cuts(self, signals: Signals) -> list[Cut]:
        line = Timeline(signals.time_s, signals.end_s, self.min_len, self.min_shot_s)
        limit = DEFAULT_THRESHOLDS[self.detector] if self.threshold is None else self.threshold
        if self.detector == "threshold":
            return threshold_cuts(signals.level.astype("float64"), limit, line, self.fade_bias)
        values = content_values(signals, self._weights())
        if self.detector == "adaptive":
            return adaptive_cuts(values, limit, line, self.window, self.min_content)
        return content_cuts(values, limit, line, self.flash == "merge")
