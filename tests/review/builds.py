"""Small builds that wait for a review, made without building."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import yaml

from cliploom.annotation.review import ReviewStep
from cliploom.engine.contract.errors import Waiting
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import StepContext
from cliploom.engine.storage.manifest import FORMAT
from cliploom.schemas import Caption, Clip, Review, Row, Score, Span, Tags, Video, to_arrow

FILM = Path(__file__).parents[1] / "media" / "sintel_trailer_270p.mp4"
EVIL = '<img src=x onerror="alert(1)"> {{ 7*7 }} $video </View> =1+1 & done'
TEXTS = ("A woman walks through snow.", EVIL, "Snow.")


class ReviewBuild:
    """A build folder whose review asks about two clips of a film."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.root, self.options, self.texts = root, options, list(TEXTS)
        root.mkdir(parents=True, exist_ok=True)
        lock = {"name": root.name, "format": FORMAT, "shards": 1, "steps": []}
        (root / "recipe.lock.yaml").write_text(yaml.safe_dump(lock))
        (root / "films").mkdir(exist_ok=True)
        shutil.copy(FILM, root / "films" / "film.mp4")

    def tables(self) -> list[tuple[type[Row], list[Any]]]:
        clips = [
            Clip(f"v_{i}", "v", 2.0 + 4 * i, 6.0 + 4 * i, shots=[Span(2.0, 4.0), Span(4.0, 6.0)]) for i in range(2)
        ]
        captions = [
            Caption(f"{c.clip_id}_secret{k}", "v", c.clip_id, f"secret{k}", "teacher", text, [], "m", "1")
            for c in clips
            for k, text in enumerate(self.texts)
        ]
        tags = [Tags(c.caption_id, "v", c.clip_id, c.caption_id, ["woman", "snow"], ["<b>"], [], "p") for c in captions]
        film = Video("v", "film.mp4", "films/film.mp4", "0", 1, title="Film <b>")
        scores = [
            Score(f"{c.caption_id}_fit", "v", c.clip_id, c.caption_id, "fit", 0.25 * (n % 3), "fits-1")
            for n, c in enumerate(captions)
        ]
        return [(Clip, clips), (Caption, captions), (Tags, tags), (Video, [film]), (Score, scores), (Review, [])]

    def build(self) -> tuple[list[Review], str]:
        """The rows of the answers that are there, and what is waited for."""
        step = make_step("annotation.review", ReviewStep, {"apply": False, **self.options})
        rows: list[Review] = []
        with duckdb.connect() as db:
            for row, held in self.tables():
                db.register(row.table, to_arrow(row, held))
            try:
                rows.extend(
                    one for one in step.rows(db, StepContext(self.root, {"": Path("m")})) if isinstance(one, Review)
                )
            except Waiting as waiting:
                return rows, str(waiting)
        return rows, ""
