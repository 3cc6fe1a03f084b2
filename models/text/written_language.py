"""Whether a text is in a language, told by its letters and its smallest words: no model, the same everywhere."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from .languages import NAMES, primary

_SCRIPTS: Mapping[str, frozenset[str]] = {
    code: frozenset(scripts.split())
    for codes, scripts in (
        ("ru uk bg be mk kk ky mn tg tt", "CYRILLIC"), ("sr", "CYRILLIC LATIN"), ("el", "GREEK"), ("he yi", "HEBREW"),
        ("ar fa ur ps ug", "ARABIC"), ("hi mr ne sa", "DEVANAGARI"), ("bn as", "BENGALI"), ("pa", "GURMUKHI ARABIC"),
        ("gu", "GUJARATI"), ("ta", "TAMIL"), ("te", "TELUGU"), ("kn", "KANNADA"), ("ml", "MALAYALAM"),
        ("si", "SINHALA"), ("th", "THAI"), ("lo", "LAO"), ("km", "KHMER"), ("my", "MYANMAR"), ("ka", "GEORGIAN"),
        ("hy", "ARMENIAN"), ("am ti", "ETHIOPIC"), ("zh yue wuu", "CJK"), ("ja", "CJK HIRAGANA KATAKANA"),
        ("ko", "HANGUL CJK"),
    )
    for code in codes.split()
}  # fmt: skip
"""Scripts by language, as Unicode's names of characters begin; other languages are written in Latin letters."""
_FULL = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL"})
_FULL_WEIGHT = 3  # such a letter stands for about three of an alphabet
_SMALL_WORDS: Mapping[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": "the a an and of in on is are with to at by for from as it its his her their while into over under who "
              "that this there two be has he she they man woman people near next up down through behind no not do does",
        "es": "el la lo los las un una unos unas y a de del en con por para que se su sus está están es son al "
              "mientras sobre como hacia entre dos hombre mujer muy junto ella él personas",
        "fr": "le la les un une des et de du en avec pour par que qui se son sa ses est sont au aux dans sur à "
              "pendant tandis dont il elle deux homme femme près sous ou ce cette",
        "de": "der die das ein eine einen einem einer und von vom in im am mit auf zu zum zur ist sind sich während "
              "den dem des er sie es an bei nach aus für über mann frau zwei wird neben vor",
        "it": "il lo la i gli le un uno una e a di del della dei in nel nella con per che si suo sua è sono al alla "
              "mentre su sul sulla da dal uomo donna due",
        "pt": "o a os as um uma uns umas e de do da dos das em no na nos nas com por para que se seu sua está estão "
              "é são ao à enquanto sobre pela pelo homem mulher dois duas",
        "nl": "de het een en van in op met voor door naar is zijn die dat terwijl aan bij uit over langs hij zij ze "
              "man vrouw twee wordt om tot onder",
        "pl": "i w z na do się jest są po za przez przed od ze o który która które podczas dwa dwie dwóch mężczyzna "
              "kobieta ludzie osoba obok nad pod gdy",
        "cs": "a v na se s z do je jsou po za při který která které jeho její muž žena dva dvě lidé vedle pod před",
        "sv": "en ett och i på med av för till är som den det de medan från under över vid han hon man kvinna två "
              "längs sin sina",
        "da": "en et og i på med af for til er som den det de mens fra under over ved han hun mand kvinde to sin",
        "no": "en et ei og i på med av for til er som den det de mens fra under over ved han hun mann kvinne to",
        "fi": "ja on ovat se joka jossa kun mies nainen ihmiset kaksi hän heidän kanssa alla päällä lähellä vieressä "
              "juoksee istuu seisoo kävelee",
        "ro": "și în pe cu de la un o a este sunt care din lângă pentru al ale lui ei bărbat femeie doi două oameni",
        "hu": "a az egy és van vannak hogy mellett alatt felett ban ben férfi nő két emberek közben ki le fel",
        "tr": "bir ve ile bu da de için olan üzerinde altında yanında adam kadın iki insanlar içinde doğru",
        "id": "yang dan di ke dari dengan untuk pada ini itu sedang adalah seorang sebuah dua pria wanita orang saat",
        "vi": "một và của trong trên với đang là người những các cho từ đến hai ông đàn phụ nữ con",
    }.items()
}  # fmt: skip
_ANY_SMALL = frozenset[str]().union(*_SMALL_WORDS.values())
_KIN = (
    {"da", "no", "nb", "nn", "sv"}, {"es", "pt", "gl", "ca", "it", "ro", "fr"}, {"cs", "sk", "pl", "sl", "hr"},
    {"id", "ms"}, {"de", "nl", "af", "lb"},
)  # fmt: skip
"""Languages whose small words are too much alike to tell one from the other in a sentence."""
_WORD = re.compile(r"[^\W\d_]+")
_FEWEST_WORDS, _FEWEST_SMALL = 4, 2


def other_language(text: str, code: str) -> str:
    """What a text is in instead of the language ``code``, in words; "" where nothing speaks against that language.

    Short texts, and kindred languages of Latin letters, have the benefit of the doubt.
    """
    wanted = primary(code)
    scripts = _SCRIPTS.get(wanted, frozenset({"LATIN"}))
    weights = _weights(text)
    total = sum(weights.values())
    if sum(weight for script, weight in weights.items() if script in scripts) < total / 2:
        most = max((s for s in weights if s not in scripts), key=lambda s: weights[s])
        return (_latin_language(text, "") if most == "LATIN" else "") or _script_shown(most)
    if wanted == "zh" and weights.get("HIRAGANA", 0) + weights.get("KATAKANA", 0) > total / 4:
        return "Japanese"
    return _latin_language(text, wanted) if "LATIN" in scripts else ""


def _weights(text: str) -> dict[str, int]:
    """How much of a text is in which script."""
    if text.isascii():
        return {"LATIN": sum(map(str.isalpha, text))}
    weights: dict[str, int] = {}
    for letter in filter(str.isalpha, text):
        script = _script(letter)
        weights[script] = weights.get(script, 0) + (_FULL_WEIGHT if script in _FULL else 1)
    return weights


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "LATIN").split(" ", 1)[0]


def _script_shown(script: str) -> str:
    names = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
    return names.get(script) or f"{script.capitalize()} letters"


def _latin_language(text: str, wanted: str) -> str:
    """The language whose small words, and letters, speak louder than those of ``wanted``."""
    first, *others = _WORD.findall(text) or [""]
    if len(others) < _FEWEST_WORDS - 1:
        return ""
    words = {first.lower(), *(word for word in others if word.islower())}  # the others are names, as El Paso
    own = _SMALL_WORDS.get(wanted, frozenset())
    marked = {word for word in words if wanted == "en" and not words & own and not word.isascii()}
    foreign = (words & _ANY_SMALL - own) | marked
    most = _FEWEST_SMALL - 1 if own or not wanted else 2 * _FEWEST_SMALL
    if len(foreign) <= most:
        return ""
    kin = {wanted}.union(*(group for group in _KIN if wanted in group))
    best = ""
    for code, small in _SMALL_WORDS.items():
        theirs, ours = len(foreign & (small | marked)), len(words & own - small)
        if code not in kin and theirs > most and theirs > 2 * ours:
            best, most = (NAMES[code] if foreign & small else "another language"), theirs
    return best
