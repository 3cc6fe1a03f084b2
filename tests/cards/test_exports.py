"""Every export format: written, read back by its own reader, compared; and by what other people read it with."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import pytest
import told

from cliploom.builders.chapters import Chapters
from cliploom.builders.folder import Folder
from cliploom.builders.scan import Scan
from cliploom.builders.sources.manifests import read_manifest
from cliploom.builders.speech import Speech
from cliploom.builders.word_blocks import WordBlocks
from cliploom.captioners.actions import Actions
from cliploom.cards.dataset import Dataset
from cliploom.cards.exports.catalog import FORMATS, format_class
from cliploom.cards.exports.clips import ExportClip, ExportClips
from cliploom.cards.exports.export import ExportResult, export_dataset
from cliploom.cards.exports.format import ExportRecord, checksum
from cliploom.cards.exports.kinetics import KineticsFormat
from cliploom.cards.exports.qvhighlights import QvhighlightsFormat
from cliploom.cards.exports.vidchapters import grounding_lines, has_words, sentence_text, time_bin, time_sequence
from cliploom.cards.exports.vtg import spell_time
from cliploom.cards.release.reading import DatasetFolder, open_dataset
from cliploom.cli.screen.settings import read_settings
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.models.chat.model import ChatModelOptions
from cliploom.schemas import Review, ReviewMark, Row

TEXTS = (
    'A "quoted", comma-ridden cat; it sits.', "Zwei Zeilen\nin einer Beschriftung", "犬が走る 🐕",
    "A dog's <video> token", "  blanks around  ", "[looks, 'like', a list]", "tab\there", "-1",
)  # fmt: skip
OTHERS = {f"Another about {v} {k}." for v in range(4) for k in range(2)}
STEP = Path("media/cards.dataset/0123456789abcdef")
every_format = pytest.mark.parametrize("name", FORMATS)


ODD = (
    "a nul\0byte", "a carriage\rreturn", "both\r\nof them", "\u2028line\u2029ends\u0085of\x1cothers\x0b", "\ufeffmark",
    "1.0 - 2.0 seconds, a man; 3.0 - 4.0 seconds, waits", "It happens in 3.0 - 5.0 seconds.", "','", '"', "back\\",
    "<time=3> - <time=5> seconds, x", "e\u0301 é 𝕏", "<__dj__video> <|__dj__eoc|>", "=1+1", "nan",
)  # fmt: skip


def rows(with_files: bool, root: Path, texts: Sequence[str] = TEXTS) -> Iterator[Row]:
    """Videos of two clips each, with captions that files of text trip over."""
    for v in range(len(texts) // 2):
        yield told.video(f"v{v}", uri=f"https://films.example/watch?v={v}", license="CC-BY-4.0", duration_s=20.5)
        for k in range(2):
            clip = told.clip(f"v{v}", 3.2504 * k, 3.2504 * k + 2.75)
            if with_files:
                file = f"media/clips/{clip.clip_id}.mp4"
                (root / "media" / "clips").mkdir(parents=True, exist_ok=True)
                shutil.copy(told.MEDIA / "made_one_frame.mp4", root / file)
                clip = told.clip(f"v{v}", 3.2504 * k, 3.2504 * k + 2.75, file=file, cut="smart")
            said = told.caption(clip, "chat", texts[2 * v + k])
            yield from (clip, said, told.caption(clip, "other", f"Another about {v} {k}."))
            yield told.caption(clip, "chat", texts[2 * v + k], "choice", [said.caption_id])
            yield told.score(clip, "matching_score", 0.25 * k, said)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, DatasetFolder]:
    """The same dataset as files and as times."""
    made = {}
    for with_files in (True, False):
        root = tmp_path_factory.mktemp("files" if with_files else "times")
        options: dict[str, Any] = {"media": "files" if with_files else "virtual", "splits": {"train": 0.5, "test": 0.5}}
        db = told.database(list(rows(with_files, root)))
        list(Dataset(**options).rows(db, StepContext(root, {"": STEP})))
        made[with_files] = open_dataset(root / "dataset")
    return made


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    """A dataset with the oddest captions."""
    root = tmp_path_factory.mktemp("odd")
    db = told.database(list(rows(True, root, [*ODD, "the last"])))
    list(Dataset(media="files").rows(db, StepContext(root, {"": STEP})))
    return open_dataset(root / "dataset")


@every_format
def test_odd_captions_are_read_back(odd: DatasetFolder, name: str, tmp_path: Path) -> None:
    least = len(ODD) + 1 - 2 * (name == "vidchapters")  # without the two clips of a video with a title of signs alone
    assert export_dataset(odd, name, {}, tmp_path / "out").records >= least


def export(folders: dict[bool, DatasetFolder], name: str, out: Path, **options: Any) -> ExportResult:
    return export_dataset(folders[True], name, options, out / name)


@every_format
@pytest.mark.parametrize("with_files", [True, False])
def test_what_is_read_back_is_what_the_dataset_holds(
    folders: dict[bool, DatasetFolder], name: str, with_files: bool, tmp_path: Path
) -> None:
    dataset, chosen = folders[with_files], format_class(name)
    if chosen.needs_files and not with_files:
        with pytest.raises(UserError, match="times into their sources"):
            export_dataset(dataset, name, {}, tmp_path / "out")
        return
    made = export_dataset(dataset, name, {}, tmp_path / "out")
    clips = ExportClips(dataset)
    found, wanted = list(chosen().read(made.folder)), list(chosen().expect(clips))
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    texts = {record.text for record in found}
    flat = {" ".join(text.split()) for text in texts}  # some formats tell blanks alike
    flat -= OTHERS if name == "howtocaption" else set()  # it holds all captions of a clip
    spelt = sentence_text if name == "vidchapters_sequences" else str  # a capital, a full stop
    assert flat == {" ".join(spelt(text).split()) for text in TEXTS} and made.records == len(found) >= len(TEXTS)
    assert {record.split for record in found} <= {"train", "test"}


@every_format
def test_a_difference_of_one_letter_is_found(folders: dict[bool, DatasetFolder], name: str, tmp_path: Path) -> None:
    chosen, clips = format_class(name)(), ExportClips(folders[True])
    chosen.write(clips, tmp_path)
    found = list(chosen.read(tmp_path))
    spoilt = [found[0]._replace(text=found[0].text + "."), *found[1:]]
    assert checksum(found) == checksum(reversed(found)) == checksum(chosen.expect(clips))
    assert checksum(found) not in (checksum(spoilt), checksum(found[1:]), checksum([*found, found[0]]))


@every_format
def test_a_format_says_what_it_is(name: str) -> None:
    chosen = format_class(name)
    assert chosen.source.startswith("https://") and chosen.files and chosen.__doc__ and chosen.name == name


def test_a_writer_that_loses_a_row_is_caught_and_the_folder_is_not_there(
    folders: dict[bool, DatasetFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = format_class("webvid")
    read = chosen.read
    monkeypatch.setattr(chosen, "read", lambda self, folder: list(read(self, folder))[1:])
    with pytest.raises(RuntimeError, match="7 records were read back, other than the 8"):
        export(folders, "webvid", tmp_path)
    assert not list(tmp_path.iterdir())


def test_msrvtt_holds_what_its_readers_look_for(folders: dict[bool, DatasetFolder], tmp_path: Path) -> None:
    made = export(folders, "msrvtt", tmp_path, sentences="all")
    found = json.loads((made.folder / "msrvtt.json").read_text())
    assert len(found["videos"]) == 8 and len(found["sentences"]) == 16
    assert {"video_id", "url", "start time", "end time", "split", "id"} <= set(found["videos"][0])
    assert [said["sen_id"] for said in found["sentences"]] == list(range(16))
    names = {video["video_id"] for video in found["videos"]}
    assert {said["video_id"] for said in found["sentences"]} == names and len(names) == 8


def test_files_that_exports_name_are_there(folders: dict[bool, DatasetFolder], tmp_path: Path) -> None:
    root = folders[True].root
    found = json.loads((export(folders, "coco", tmp_path).folder / "captions_train.json").read_text())
    assert found["images"] and all((root / image["file_name"]).is_file() for image in found["images"])
    with open(export(folders, "webvid", tmp_path).folder / "train.csv", newline="") as file:
        for row in csv.DictReader(file):
            assert (root / row["page_dir"] / f"{row['videoid']}.mp4").is_file() and row["duration"] == "PT00H00M03S"


def test_the_length_of_a_video_is_known_in_its_build_alone(folders: dict[bool, DatasetFolder], tmp_path: Path) -> None:
    made = export_dataset(folders[False], "activitynet", {}, tmp_path / "out")
    video = next(iter(json.loads((made.folder / "train.json").read_text()).values()))
    assert video["duration"] == video["timestamps"][-1][1] == 6.0


def test_questions_are_drawn_by_seed_and_take_the_token(folders: dict[bool, DatasetFolder], tmp_path: Path) -> None:
    made = export(folders, "llava", tmp_path, token="<image>", questions="What is this?")
    [entry, *_] = json.loads((made.folder / "train.json").read_text())
    assert entry["conversations"][0] == {"from": "human", "value": "<image>\nWhat is this?"}
    first, again, other = (
        (export(folders, "swift", tmp_path / f"{n}", seed=seed).folder / "train.jsonl").read_text()
        for n, seed in enumerate((1, 1, 2))
    )
    assert first == again != other


@pytest.mark.parametrize(
    "name",
    [
        "webvid", "msrvtt", "coco", "llava", "swift", "activitynet", "msrvtt-csv", "fiftyone", "internvl", "datajuicer",
        "qvhighlights",
    ],
)  # fmt: skip
def test_an_export_is_a_manifest_of_builders_folder(
    folders: dict[bool, DatasetFolder], name: str, tmp_path: Path
) -> None:
    """Published sets are sources too: what was written is taken again, with the same captions."""
    made, texts = export(folders, name, tmp_path), set()
    for file in (file for file in made.files if not file.endswith((".py", "meta.json"))):
        for row in read_manifest(str(made.folder / file)):
            assert not row.problem, row.problem
            texts |= {caption.text for caption in row.captions}
    assert {" ".join(text.split()) for text in texts} == {" ".join(text.split()) for text in TEXTS}


def test_a_dataset_s_own_table_is_a_manifest_too(folders: dict[bool, DatasetFolder]) -> None:
    rows = read_manifest(str(folders[True].root / "train" / "metadata.parquet"))
    texts = {" ".join(caption.text.split()) for row in rows for caption in row.captions}
    assert texts and texts <= {
        " ".join(text.split()) for text in (*TEXTS, *(f"Another about {v} {k}." for v in range(4) for k in range(2)))
    }
    assert {row.told["license"] for row in rows} == {"CC-BY-4.0"} and not any(row.problem for row in rows)


def test_options_and_places_are_checked(folders: dict[bool, DatasetFolder], tmp_path: Path) -> None:
    assert read_settings(["seed=7", "token=<video>"]) == {"seed": 7, "token": "<video>"}
    with pytest.raises(UserError, match="option=value"):
        read_settings(["seed"])
    with pytest.raises(UserError, match="did you mean webvid"):
        export(folders, "webvd", tmp_path)
    with pytest.raises(UserError, match="no option sed"):
        export(folders, "llava", tmp_path, sed=3)
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is no export"):
        export(folders, "coco", tmp_path)
    assert (tmp_path / "coco" / "mine.txt").read_text() == "mine"
    assert export(folders, "webvid", tmp_path).records == export(folders, "webvid", tmp_path).records


def test_records_do_not_mind_numbers(tmp_path: Path) -> None:
    one = ExportRecord("train", "a", "text", "", 1.0, 2.0)
    assert checksum([one]) != checksum([one._replace(end_s=2.001)])


def test_addresses_of_youtube_give_their_id() -> None:
    for uri, key in (
        ("https://www.youtube.com/watch?v=9lZi22qLlEo&t=3", "9lZi22qLlEo"),
        ("https://youtu.be/9lZi22qLlEo", "9lZi22qLlEo"),
        ("https://films.example/watch?v=9lZi22qLlEo", "v0"),
    ):
        assert KineticsFormat().records(clip_of(uri=uri)).__next__().key == key


def clip_of(**more: Any) -> ExportClip:
    said: dict[str, Any] = dict.fromkeys(ExportClip._fields, "") | {
        "clip_id": "c0",
        "video_id": "v0",
        "caption": "A dog.",
    }
    return ExportClip(**{**said, "start_s": 1.0, "end_s": 3.5, "objects": [], "video_s": 10.0, **more})


def test_cells_of_the_grid_are_those_that_a_moment_fills() -> None:
    cells = QvhighlightsFormat()._cells
    assert cells(2.0, 6.0) == [1, 2] and cells(2.9, 5.1) == [1, 2] and cells(3.05, 4.9) == [1]
    assert cells(3.4, 4.4) == [1] and cells(0.0, 0.0) == [0]


def test_what_people_marked_and_graded_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = told.clip("v0", 10.0, 40.0)
    query = told.caption(clip, "title", "A dog runs.")

    def answer(kind: str, person: str, *marks: ReviewMark) -> Review:
        about = (f"{kind}{person}", "v0", clip.clip_id, query.caption_id, person)
        return Review(*about, "mark", kind=kind, task_id=kind, marks=list(marks))

    cells = [(14.0, 16.0), (16.0, 18.0), (30.0, 32.0)]
    reviews = [
        answer("moments", "ann", ReviewMark("moment", start_s=30.0, end_s=32.0)),
        answer(
            "moments",
            "bo",
            ReviewMark("moment", start_s=14.0, end_s=17.0),
            ReviewMark("moment", start_s=16.0, end_s=18.0),
        ),
    ]
    reviews += [
        answer(
            "saliency",
            person,
            *(
                ReviewMark(str(n), value=g, start_s=a, end_s=b)
                for n, ((a, b), g) in enumerate(zip(cells, grades, strict=True), 1)
            ),
        )
        for person, grades in (("cy", (4.0, 3.0, 0.0)), ("ann", (2.0, 1.0, 4.0)))
    ]
    rows = [told.video("v0"), clip, query, *reviews]
    list(Dataset().rows(told.database(rows), StepContext(tmp_path, {"": STEP})))
    dataset = open_dataset(tmp_path / "dataset")
    with pytest.raises(UserError, match="is in the build"):
        export_dataset(dataset, "qvhighlights", {"marked": True}, tmp_path / "out")
    build = told.FakeBuild(tmp_path, {"name": "films", "shards": 1, "steps": []}, rows)
    monkeypatch.setattr("cliploom.engine.build.Build.read", lambda root: build)
    made = export_dataset(dataset._replace(build=tmp_path), "qvhighlights", {"marked": True}, tmp_path / "out")
    [line] = [json.loads(line) for line in (made.folder / "train.jsonl").read_text().splitlines()]
    assert line == {
        "qid": 1, "query": "A dog runs.", "duration": 30.0, "vid": clip.clip_id,
        "relevant_windows": [[4.0, 8.0], [20.0, 22.0]], "relevant_clip_ids": [2, 3, 10],
        "saliency_scores": [[2.0, 4.0], [1.0, 3.0], [4.0, 0.0]],
    }  # fmt: skip
    build = told.FakeBuild(tmp_path, build.lock, rows[:3])
    with pytest.raises(UserError, match="nobody marked moments"):
        export_dataset(dataset._replace(build=tmp_path), "qvhighlights", {"marked": True}, tmp_path / "out")


@pytest.mark.parametrize(
    ("how", "spelled"),
    [
        ("plain", "12.3"), ("bins", "<time=12>"),
        ("tokens", "<TIME_ZERO><TIME_ZERO><TIME_ONE><TIME_TWO><TIME_DOT><TIME_THREE>"),
    ],
)  # fmt: skip
def test_times_are_spelled_as_models_take_them(how: str, spelled: str) -> None:
    assert spell_time(12.34, how, 100.0) == spelled
    assert spell_time(100.0, "bins", 100.0) == "<time=99>" and spell_time(0.0, "bins", 0.0) == "<time=0>"


@pytest.mark.parametrize("times", ["plain", "tokens", "bins"])
@pytest.mark.parametrize("task", ["moment", "dense", "both"])
def test_every_task_and_spelling_is_read_back(
    folders: dict[bool, DatasetFolder], tmp_path: Path, times: str, task: str
) -> None:
    made = export_dataset(folders[False], "vtg", {"times": times, "task": task, "seed": 3}, tmp_path / "out")
    assert made.records == (16 if task == "both" else 8)


def test_archives_are_a_webdataset(folders: dict[bool, DatasetFolder], tmp_path: Path) -> None:
    made = export(folders, "webdataset", tmp_path)
    data = datasets.load_dataset(
        "webdataset", data_files=str(made.folder / "train-*.tar"), cache_dir=str(tmp_path / "c")
    )
    rows = data["train"].cast_column("mp4", datasets.Video(decode=False))
    assert {row["txt"] for row in rows} <= set(TEXTS) and all(row["mp4"]["bytes"] for row in rows)


def test_howtocaption_groups_captions_by_their_spans(folders: dict[bool, DatasetFolder], tmp_path: Path) -> None:
    made = export_dataset(folders[False], "howtocaption", {}, tmp_path / "out")
    videos = {k: v for f in made.files for k, v in json.loads((made.folder / f).read_text("utf-8")).items()}
    assert set(videos) == {"v0", "v1", "v2", "v3"}
    assert videos["v0"]["start"] == [0.0, 3.25] and videos["v0"]["end"] == [2.75, 6.0]
    assert videos["v0"]["text"][0] == [TEXTS[0], "Another about 0 0."]
    assert all(len({len(column) for column in video.values()}) == 1 for video in videos.values())


def test_a_time_is_one_of_a_hundred_tokens() -> None:
    assert [time_bin(t, 200.0) for t in (0, 1, 2, 2.1, 100, 199.9, 200)] == [0, 0, 0, 1, 49, 98, 99]
    for time_s, duration_s in ((-1, 10), (11, 10), (0, 0), (float("nan"), 10), (1, float("nan"))):
        with pytest.raises(ValueError, match="no time of a video"):
            time_bin(time_s, duration_s)


def test_sequences_leave_out_what_is_not_in_the_video() -> None:
    spans = [(0.0, 10.0, " the ENGINE "), (10.0, 20.0, "Ends."), (-1.0, 2.0, "no"), (15.0, 21.0, "no"), (1.0, 2.0, " ")]
    assert time_sequence(spans, 20.0) == "<time=0> <time=49> The engine. <time=49> <time=99> Ends."
    assert time_sequence([], 20.0) == "" and time_sequence(spans[:1], 20.0, 10) == "<time=0> <time=4> The engine."


def test_grounding_is_by_video_in_train_and_by_chapter_elsewhere() -> None:
    chapters = [(0.0, 9.0, "One"), (9.0, 90.5, "Two")]
    [line] = grounding_lines("v", 90.5, chapters, "train")
    assert line["query"] == ["One"] and line["relevant_windows"] == [[[0.0, 9.0]]] and line["duration"] == 90
    found = grounding_lines("v", 100.0, chapters, "val")
    assert [(one["vid"], one["query"], one["relevant_windows"]) for one in found] == [
        ("0v", "One", [[0.0, 9.0]]), ("1v", "Two", [[9.0, 90.5]]),
    ]  # fmt: skip
    assert grounding_lines("v", 90.5, chapters[1:], "train") == [] == grounding_lines("v", 10, chapters[1:], "val")


def test_a_video_with_a_title_of_signs_alone_is_no_dense_captioning() -> None:
    assert [has_words(title) for title in ("One", " - / ?", "", "(1)", "♪")] == [True, False, False, True, True]


@pytest.mark.models
def test_chapters_are_exported_with_what_is_said(tmp_path: Path) -> None:
    """A build of real speech: of one video the description lists chapters, of the other a model writes them."""
    for name in ("nasa_13013", "obama_statement"):
        (tmp_path / "films").mkdir(exist_ok=True)
        (tmp_path / "films" / f"{name}.mp4").symlink_to(told.MEDIA / f"{name}.mp4")
    (tmp_path / "films" / "nasa_13013.description").write_text("0:00 The MIRROR?\n0:05 The lift", "utf-8")
    written = Actions(model=ChatModelOptions(name="fake"), prompt="chapters", teacher="chapters")
    chapters = Chapters(sources=("description", "chapters", "generated"), least=1)
    listed = Folder(str(tmp_path / "films")), Scan(frames_per_s=1), Speech()
    recipe = Recipe("x", (*listed, WordBlocks(5000), written, chapters, Dataset()), shards=1)
    run_build(recipe, tmp_path / "build", RunOptions(workers=1))
    made = export_dataset(open_dataset(tmp_path / "build" / "dataset"), "vidchapters_sequences", {}, tmp_path / "out")
    nasa, obama = [json.loads(text) for text in (made.folder / "train.jsonl").read_text("utf-8").splitlines()]
    assert nasa["output"].startswith("<time=0> <time=") and "> The mirror?. <time=" in nasa["output"]
    assert nasa["input"].count("<time=") >= 2 and "<time=" in obama["input"] and "<time=" in obama["output"]
    with Build.read(tmp_path / "build").connect() as db:
        by = {teacher for (teacher,) in db.execute("SELECT DISTINCT teacher FROM captions").fetchall()}
    assert {"description", "fake"} <= by
