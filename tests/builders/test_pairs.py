"""Images with their texts, and texts alone, from wherever they come."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cliploom.builders.pairs import Pairs
from cliploom.builders.source_clips import SourceClips
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.recipe import Recipe, read_recipe
from cliploom.engine.contract.step import StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.media.container import open_media
from cliploom.schemas import Caption, Clip, Video, problem

STILLS = Path(__file__).parents[2] / "recipes" / "media"
FACE = STILLS / "sintel_face.jpg"
LINK = "https://films.example/a/b.jpg?x=1"


def picture(number: int, ending: str = ".jpg") -> bytes:
    """Squares of 480x270 px that no other number has."""
    small = np.random.default_rng(number).integers(0, 255, (9, 16, 3), np.uint8)
    good, raw = cv2.imencode(ending, np.kron(small, np.ones((30, 30, 1), np.uint8)))
    assert good
    return raw.tobytes()


def rows(path: Path, build: Path, **options: Any) -> dict[str, Any]:
    """What the source says of each picture or text, by its uri or text; failures by their kinds."""
    step = Pairs(str(path), **options)
    items = list(step.find())
    assert len({item.video_id for item in items}) == len(items)
    (build / "media").mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    with step.open(StepContext(build, {"": Path("media")})) as work:
        for answer in work(items):
            if isinstance(answer, RowError):
                found.setdefault(answer.kind, []).append(answer.message)
                continue
            [video] = answer
            assert isinstance(video, Video) and problem(video) is None
            found[video.uri or texts(video)[0]] = video
    return found


def texts(video: Video) -> list[str]:
    """The captions that a row holds, in their order, through the step that makes rows of them."""
    with SourceClips().open(StepContext(Path(), {})) as work:
        [answers] = work([video], frozenset(("clips", "captions")))
    assert not isinstance(answers["clips"], RowError) and not isinstance(answers["captions"], RowError)
    clips = [row for row in answers["clips"] if isinstance(row, Clip)]
    if video.kind != "video":
        assert [(c.start_s, c.end_s, c.seconds) for c in clips] == [(0, 0, 0)]
    captions = [row for row in answers["captions"] if isinstance(row, Caption)]
    assert {(c.kind, c.clip_id) for c in captions} <= {("source", c.clip_id) for c in clips}
    return [c.text for c in captions]


def folder(root: Path) -> Path:
    for name in ("a.jpg", "b 100%03d.jpg", "in/é.png", "c.webp", "bare.jpg"):
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_bytes(picture(len(name), Path(name).suffix))
    (root / "a.txt").write_text("A picture.\n")
    (root / "b 100%03d.txt").write_text("Per cent.")
    (root / "c.json").write_text(json.dumps({"caption": ["One.", "Two."], "license": "CC0", "title": "C"}))
    (root / "in" / "é.txt").write_text("Accents.")
    (root / "broken.jpg").write_bytes(b"<html>404</html>")
    with tarfile.open(root / "00000.tar", "w") as tar:
        for name, raw in (("0.jpg", picture(7)), ("0.txt", b"In a shard."), ("0.json", b'{"title": "T"}')):
            entry = tarfile.TarInfo(name)
            entry.size = len(raw)
            tar.addfile(entry, io.BytesIO(raw))
    return root


def test_a_folder_of_images_with_texts_beside_them_and_shards(tmp_path: Path) -> None:
    found = rows(folder(tmp_path / "in"), tmp_path / "build")
    assert [found.pop("unreadable")] == [
        ["broken.jpg: an HTML page, not a media file: the download brought an error or login page"]
    ]
    assert {name: texts(video) for name, video in found.items()} == {
        "a.jpg": ["A picture."], "b 100%03d.jpg": ["Per cent."], "in/é.png": ["Accents."], "c.webp": ["One.", "Two."],
        "00000.tar/0.jpg": ["In a shard."], "bare.jpg": [],
    }  # fmt: skip
    shapes = {(v.kind, v.duration_s, v.width_px, v.height_px, v.fps) for v in found.values()}
    assert shapes == {("image", 0.0, 480, 270, None)}
    assert (found["c.webp"].license, found["c.webp"].title, found["00000.tar/0.jpg"].title) == ("CC0", "C", "T")
    for video in found.values():
        with open_media(video.path) as container:
            assert [frame.time for frame in container.decode(video=0)] == [0.0]


CELLS = [
    ("a.jpg", "First."), ("a.jpg", "Second."), (LINK, "A link."), ("https://x.example/v.mp4", "A film."),
    ("", "Text alone."), ("", "Text alone."), ("nope.jpg", "Missing."),
]  # fmt: skip


def as_sheet(path: Path, delimiter: str) -> None:
    lines = [("image", "caption"), *CELLS]
    path.write_text("".join(f"{delimiter.join(line)}\n" for line in lines))


def as_jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps({"image": image or None, "caption": text}) + "\n" for image, text in CELLS))


def as_parquet(path: Path) -> None:
    names, said = zip(*CELLS, strict=True)
    pq.write_table(pa.table({"image": pa.array(n or None for n in names), "caption": said}), path, row_group_size=2)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("l.csv", lambda p: as_sheet(p, ",")), ("l.tsv", lambda p: as_sheet(p, "\t")), ("l.jsonl", as_jsonl),
        ("l.parquet", as_parquet),
    ],
)  # fmt: skip
def test_a_list_names_files_links_and_texts(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    write(tmp_path / name)
    found = rows(tmp_path / name, tmp_path / "build")
    [missing] = found.pop("missing")
    assert missing.startswith(f"{name}:") and "names nope.jpg, which is no file in" in missing
    assert {uri: (video.kind, bool(video.path), texts(video)) for uri, video in found.items()} == {
        "a.jpg": ("image", True, ["First.", "Second."]),
        LINK: ("image", False, ["A link."]),
        "https://x.example/v.mp4": ("video", False, ["A film."]),
        "Text alone.": ("text", False, ["Text alone."]),
    }


def test_pictures_inside_a_table_are_taken_out_row_by_row(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    images: list[dict[str, Any]] = [
        {"bytes": picture(2, ".png"), "path": "two.png"}, {"bytes": picture(3), "path": None},
        {"bytes": None, "path": "a.jpg"}, {"bytes": None, "path": None}, {"bytes": b"oops", "path": "oops.png"},
    ]  # fmt: skip
    table = pa.table({"image": images, "text": ["Two.", "Three.", "One.", "None.", "Oops."]})
    pq.write_table(table, tmp_path / "l.parquet", row_group_size=2)
    pq.write_table(pa.table({"jpg": [picture(4)], "txt": ["Four."]}), tmp_path / "raw.parquet")
    found = rows(tmp_path / "l.parquet", tmp_path / "build")
    assert len(found.pop("unreadable")) == 1
    assert {uri: texts(video) for uri, video in found.items()} == {
        "two.png": ["Two."], "l.parquet#1": ["Three."], "a.jpg": ["One."], "None.": ["None."],
    }  # fmt: skip
    assert Path(found["two.png"].path).read_bytes() == images[0]["bytes"]
    raw = rows(tmp_path / "raw.parquet", tmp_path / "build", captions=("txt",))
    assert {uri: texts(video) for uri, video in raw.items()} == {"raw.parquet#0": ["Four."]}


def test_a_dataset_on_disk_and_an_image_folder(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    made = {"image": [{"bytes": picture(n), "path": None} for n in (1, 2)], "caption": ["One.", "Two."]}
    one = datasets.Dataset.from_dict(made).cast_column("image", datasets.Image())
    datasets.DatasetDict({"train": one, "test": one.select([1])}).save_to_disk(str(tmp_path / "saved"))
    found = rows(tmp_path / "saved", tmp_path / "build")
    assert sorted((json.loads(v.metadata)["split"], *texts(v)) for v in found.values()) == [
        ("test", "Two."), ("train", "One."), ("train", "Two."),
    ]  # fmt: skip
    images = tmp_path / "folder"
    images.mkdir()
    shutil.copy(FACE, images / "x.jpg")
    (images / "metadata.csv").write_text("file_name,text\nx.jpg,A face.\n")
    assert {uri: texts(video) for uri, video in rows(images, tmp_path / "build").items()} == {"x.jpg": ["A face."]}


def test_texts_alone_are_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("One text.\n\n  Another text. \nOne text.\n", encoding="utf-8-sig")
    found = rows(tmp_path / "t.txt", tmp_path / "build")
    assert [(v.kind, v.path, v.sha256, texts(v)) for v in found.values()] == [
        ("text", "", "", ["One text."]), ("text", "", "", ["Another text."]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("nope", None, {}, "there is no such folder or file"),
        ("l.xlsx", "PK", {}, "is no list"),
        ("l.csv", "image,caption\na.jpg,A.\n", {"image": "imgae"}, "there is no column imgae; did you mean image"),
        ("l.csv", "image,caption\na.jpg,A.\n", {"captions": ("alt",)}, "there is no column alt"),
        ("l.parquet", "PAR1", {}, "this is neither Parquet nor Arrow"),
        ("l.txt", "", {}, "no images and no texts"),
    ],
)
def test_what_is_no_source_is_one_line(
    tmp_path: Path, name: str, content: str | None, options: dict[str, Any], said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=said):
        list(Pairs(str(tmp_path / name), **options).find())


def test_an_image_goes_through_a_build_as_a_video_does(tmp_path: Path) -> None:
    images = tmp_path / "in"
    images.mkdir()
    for still in STILLS.glob("*.jpg"):
        shutil.copy(still, images)
        shutil.copy(still.with_suffix(".json"), images)
    face = cv2.imread(str(FACE))
    assert face is not None and cv2.imwrite(str(images / "again.png"), face)  # the same picture
    (images / "again.txt").write_text("A face in the dark, once more.")
    (images / "bare.jpg").write_bytes(picture(5))
    text = f"""
name: stills
steps:
  - builders.pairs: {{path: {json.dumps(str(images))}}}
  - builders.scan: {{sound: false}}
  - builders.source_clips
  - filters.duplicates: {{min_frames: 1}}
  - captioners.teacher: {{teachers: [{{chat: fake, frames: 2}}]}}
  - filters.keep: {{where: "kind = 'image' and seconds = 0"}}
  - annotation.review: {{kind: judge, sample: 2, page: true}}
  - cards.dataset: {{license: other}}
"""
    outcome = run_build(read_recipe(text, "r.yaml", []), tmp_path / "build", RunOptions(workers=1))
    assert outcome.waiting  # for people
    build = Build.read(tmp_path / "build")
    assert not [stage for stage in build.funnel() if stage.failed]
    with build.connect() as db:
        frames = db.execute("SELECT video_id, time_s FROM frames").fetchall()
        kept = db.execute("SELECT count(*) FROM clips").fetchall()
        said = db.execute("SELECT clip_id, list(DISTINCT teacher) FROM captions GROUP BY ALL").fetchall()
        dropped = db.execute("SELECT reason, count(*) FROM verdicts GROUP BY ALL").fetchall()
    assert len(frames) == 5 and {time_s for _, time_s in frames} == {0.0}
    assert dropped == [("duplicate", 1)] and kept == [(5,)]
    assert sum("fake" in teachers for _, teachers in said) == 4
    shown = [*(tmp_path / "build").glob("**/*.mp4")]
    assert len(shown) == 2
    for clip in shown:
        with open_media(clip) as container:
            assert len(list(container.decode(video=0))) == 1


def test_a_release_of_images_names_their_kind(tmp_path: Path) -> None:
    lines = [{"image": LINK, "caption": "A link to a picture."}, {"text": "Words alone."}]
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = f"""
name: links
steps:
  - builders.pairs: {{path: {json.dumps(str(tmp_path / "l.jsonl"))}}}
  - builders.source_clips
  - cards.dataset: {{license: other}}
"""
    recipe: Recipe = read_recipe(text, "r.yaml", [])
    run_build(recipe, tmp_path / "build", RunOptions(workers=1))
    with Build.read(tmp_path / "build").connect() as db:
        found = db.execute("SELECT kind, uri, start_s, end_s, caption FROM dataset ORDER BY kind").fetchall()
    assert found == [("image", LINK, 0.0, 0.0, "A link to a picture."), ("text", "", 0.0, 0.0, "Words alone.")]
    card = (tmp_path / "build" / "dataset" / "README.md").read_text()
    assert "2 clips of 2 sources, each with a caption." in card and "- image\n- text\n" in card


def test_a_clip_without_a_caption_leaves_the_release_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(picture(1))
    (tmp_path / "in" / "b.jpg").write_bytes(picture(2))
    (tmp_path / "in" / "b.txt").write_text("B.")
    recipe = read_recipe(
        f"name: x\nsteps:\n  - builders.pairs: {{path: {json.dumps(str(tmp_path / 'in'))}}}\n"
        "  - builders.source_clips\n  - cards.dataset: {license: other}\n", "r.yaml", [],
    )  # fmt: skip
    run_build(recipe, tmp_path / "build", RunOptions(workers=1))
    last = Build.read(tmp_path / "build").funnel()[-1]
    assert (last.failed, last.dropped, last.rows) == (0, 1, 1)


def test_the_start_of_a_clip_lies_in_it_and_its_end_does_not() -> None:
    still, film = Clip("a", "v", 0.0, 0.0, []), Clip("b", "v", 1.0, 2.0, [])
    assert [still.holds(t) for t in (0.0, 0.001)] == [True, False]
    assert [film.holds(t) for t in (0.999, 1.0, 1.5, 2.0)] == [False, True, True, False]


def test_a_heic_picture_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copyfile(FACE, tmp_path / "in" / "a.jpg")
    (tmp_path / "in" / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    found = rows(tmp_path / "in", tmp_path / "build")
    assert found.pop("heic") == ["phone.HEIC is a HEIC picture, which cannot be read: convert it to JPEG or PNG"]
    assert [*found] == ["a.jpg"]
