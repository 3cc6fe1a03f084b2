"""``report.html``: one file that shows a build to people, without network and without scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ...engine.contract.words import number_of
from ..release.facts import find_dataset_repetition
from ..release.provenance import dataset_tables
from ..release.redaction import public_recipe
from ..release.sameness import find_notable_sameness
from ..release.words import length_of_time, short_text
from .data import SAMPLE, ReportClip, Totals, failures, set_up, splits, spreads, totals, wall, without_folders
from .funnel import Level, main_line
from .funnel_chart import NARROW, WIDE, Share, draw_threads
from .histogram import draw_histogram

if TYPE_CHECKING:
    from ...engine.build import Build, FunnelStage

TEMPLATES = Path(__file__).parent.parent / "templates"
CLIPS = 24  # on the wall
_MOST_TEXT = 40_000  # characters of anything, such as the recipe


def render_report(build: Build, limit: int = CLIPS) -> str:
    """The page as HTML: the funnel, histograms, ``limit`` clips with their frames, and what was lost.

    Memory and size depend on ``limit`` and not on the build: a page of 24 clips has about 1.5 MB.
    """
    stages = build.funnel()
    with build.connect() as db:
        set_up(db, limit, dataset_tables(build.lock))
        shown = wall(db)
        counted, split, lost, repetition = totals(db), splits(db), failures(db), find_dataset_repetition(db)
        alike = find_notable_sameness(db, "dataset")
        measures = [(spread, draw_histogram(spread)) for spread in spreads(db)]
    line = main_line(stages, build.lock)
    shares = [Share(name, n) for name, n in split]
    label = _in_words(line)
    page: str = _environment().get_template("report.html.j2").render(
        name=build.name, lock=build.lock, totals=counted, splits=split, line=line,
        wide=draw_threads(line, shares, WIDE, label), narrow=draw_threads(line, shares, NARROW, label),
        measures=measures, kept=[s for s in shown if not s.reason], dropped=[s for s in shown if s.reason],
        failures=lost, stages=stages, seconds=sum(s.seconds for s in stages),
        slowest=max((s.seconds for s in stages), default=0.0) or 1.0, lead=_lead(counted),
        waits={step: _public(message, build.root) for step, message in build.waiting().items()}, repeated=repetition,
        alike=[one.told() for one in alike if one.sign != "same" or repetition is None],
        sampled=SAMPLE if counted.clips > SAMPLE else 0, fans=any(s.shape == "multioutput" for s in stages),
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        recipe=yaml.safe_dump(public_recipe(build.lock), sort_keys=False, allow_unicode=True, width=92),
    )  # fmt: skip
    return page


def _public(message: str, root: Path) -> str:
    """A message without the folders of this machine; paths start at the build folder."""
    return without_folders(message.replace(f"{root}/", ""))


def _environment() -> Any:
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # titles and captions come from strangers
        finalize=lambda value: short_text(value, _MOST_TEXT) if type(value) is str else value,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.filters |= {
        "length_of_time": length_of_time,
        "clock": clock,
        "n": "{:,}".format,
        "number_of": number_of,
        "value": value,
        "short": short_text,
    }
    found.globals |= {"marks_of": marks_of, "share": share}
    return found


def clock(seconds: float) -> str:
    """``0:07.3``, ``1:02:45.0``."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest // 10:02d}.{rest % 10}"


def value(number: float) -> str:
    """A score, short."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2f}"


def marks_of(clip: ReportClip) -> list[str]:
    """The names of the scores of a clip's captions, in the order that says most."""
    names = {name for candidate in clip.candidates for name in candidate.scores}
    return sorted(names)[:3]


def share(stage: FunnelStage, slowest: float) -> float:
    """A stage's part of the slowest one's time, in percent."""
    return round(100 * stage.seconds / slowest, 1)


def _lead(counted: Totals) -> str:
    what = "published" if counted.published else "left so far"
    videos = f"{counted.kept_videos:,} of " if counted.kept_videos < counted.videos else ""
    videos += number_of(counted.videos, "video")
    clips = number_of(counted.kept, "clip")
    return f"{clips} {what}, {length_of_time(counted.kept_s)} in all, from {videos}"


def _in_words(line: list[Level]) -> str:
    said = []
    for level in line:
        lost = ", ".join(
            f"{loss.rows:,} {'failed' if loss.failed else 'dropped'}: {loss.reason}" for loss in level.losses
        )
        said.append(f"{level.name}: {level.rows:,} {level.unit}" + (f" ({lost})" if lost else ""))
    return "From source to dataset. " + "; ".join(said)
