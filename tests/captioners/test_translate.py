"""Translations are linked to what they are of, and are what they say they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from answering import Scripted, told, worked

from cliploom.captioners.translate import Translate
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.models.chat.model import ChatModelOptions
from cliploom.models.text.languages import detect, has_length, is_language, language_name, language_of
from cliploom.schemas import Caption, problem

SEEN = Caption(
    "c_evidence_1", "v", "c", "evidence", "teacher", "Two people are visible in a dark picture.", [], "m", "1"
)
GERMAN = "Auf einem dunklen Bild sind zwei Menschen zu sehen."
ENGLISH = "Two persons can be seen in a dark picture."


def answer(text: str) -> dict[str, str]:
    return {"translation": text}


def test_a_translation_is_a_caption_of_its_own() -> None:
    model = Scripted(answer(GERMAN), answer("Deux personnes sont visibles dans une image sombre."))
    made, french = told(Translate(languages=["de", "en", "fr"]), SEEN, model)
    assert problem(made) is None
    assert (made.text, made.language, made.kind) == (GERMAN, "de", "translation")
    assert (made.parents, made.teacher, made.model) == (["c_evidence_1"], "evidence", "scripted")
    assert (french.language, french.parents) == ("fr", ["c_evidence_1"])
    assert len({made.caption_id, french.caption_id, SEEN.caption_id}) == 3
    assert SEEN.text in model.last() and "French" in model.last()


def test_a_language_is_a_table_of_its_own() -> None:
    steps = dict(Translate(languages=["de", "zh-Hant"]).expand())
    assert list(steps) == ["de", "zh-Hant"]
    step = steps["de"]
    assert isinstance(step, Translate)
    both, _ = told(
        Translate(languages=["de", "fr"]), SEEN, Scripted(answer(GERMAN), answer("Deux personnes, le noir."))
    )
    [alone] = told(step, SEEN, Scripted(answer(GERMAN)))
    assert replace(both, revision=alone.revision) == alone  # one more language changes no id


def test_what_is_wrong_is_sent_back_once() -> None:
    model = Scripted(answer(ENGLISH), answer(GERMAN))
    [made] = told(Translate(), SEEN, model)
    assert made.text == GERMAN
    assert "in English, not in German" in model.last()
    with pytest.raises(RowError) as caught:
        told(Translate(), SEEN, Scripted(answer(ENGLISH), answer(ENGLISH)))
    assert caught.value.kind == "wrong_language"
    assert ENGLISH in caught.value.message
    with pytest.raises(RowError) as caught:
        told(
            Translate(),
            SEEN,
            Scripted(answer("Zwei."), answer("Eins, zwei, drei. " + GERMAN + " Mehr als das ist dort nicht.")),
        )
    assert caught.value.kind == "length_ratio"
    assert told(Translate(check_language=False), SEEN, Scripted(answer(ENGLISH)))


def test_chinese_is_shorter() -> None:
    chinese = "昏暗的画面中可以看到两个人。"
    [made] = told(Translate(languages=["zh"]), SEEN, Scripted(answer(chinese)))
    assert made.text == chinese
    back = replace(SEEN, text=chinese, language="zh")
    [made] = told(Translate(languages=["en"]), back, Scripted(answer(ENGLISH)))
    assert made.text == ENGLISH
    assert has_length("Ein Hund.", "A dog.", [0.9, 1.1])  # a short text has some slack
    assert not has_length("Ein Hund rennt hier herum.", "A dog.", [0.9, 1.1])


def test_what_is_in_the_language_is_not_translated() -> None:
    assert told(Translate(), replace(SEEN, text=GERMAN, language="de-AT"), Scripted()) == []
    assert told(Translate(), replace(SEEN, text=GERMAN, language=""), Scripted()) == []
    assert told(Translate(languages=["fr"]), replace(SEEN, kind="translation", language="de"), Scripted()) == []
    with pytest.raises(RowError) as caught:
        told(Translate(), replace(SEEN, text="A dog runs. " * 2000), Scripted())
    assert caught.value.kind == "too_long"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("de", "Ein Hund rennt."), ("fr", "Un chien court."), ("es", "Dos personas son visibles."),
        ("zh", "一只狗在跑。"), ("zh-Hant", "兩個人可見。"), ("ja", "犬が走る。"), ("ja", "昏暗画面"),
        ("nb", "To personer er synlige."), ("uk", "Видно двох людей."), ("id", "Dua orang terlihat."),
        ("sr", "Двоје људи је видљиво."), ("ar", "يظهر شخصان."), ("de", "NASA"),
    ],
)  # fmt: skip
def test_languages_are_told_apart_where_they_can_be(code: str, text: str) -> None:
    assert is_language(detect(text), text, code)
    assert not is_language(detect(ENGLISH), ENGLISH, code)


def test_names_of_languages() -> None:
    assert [language_name(c) for c in ("de", "zh-Hant", "xx")] == [
        "German", "Chinese (zh-Hant)", "the language with the code xx",
    ]  # fmt: skip
    assert (language_of(GERMAN), language_of("Sintel"), language_of("")) == ("de", "en", "en")


def test_a_dry_run_says_so() -> None:
    [[made]] = worked(Translate(model=ChatModelOptions("fake")), SEEN)
    assert (made.teacher, made.language, made.text[:7]) == ("fake", "de", "[fake] ")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Translate(languages=[]), "no languages"),
        (Translate(languages=["german"]), "german"),
        (Translate(languages=["de", "de"]), "'de'"),
        (Translate(ratio=[2.0, 0.5]), "ratio"),
        (Translate(teacher="fake"), "fake"),
        (Translate(prompt="{{ caption }}"), "caption"),
    ],
)
def test_options_that_make_no_sense(step: Translate, said: str) -> None:
    Translate(languages=["de", "pt-BR", "zh-Hant"]).check([])
    with pytest.raises(UserError, match=said):
        step.check([])
