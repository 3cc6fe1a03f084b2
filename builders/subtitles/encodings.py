"""The text of subtitles and notes, in whatever encoding they are."""

from __future__ import annotations

import re

from ...engine.contract.errors import RowError
from ...engine.storage.encodings import unicode_encoding

_CODE_PAGES = {
    "cs hr hu bs pl ro sk sl sq": "cp1250 iso8859-2 cp852",
    "be bg mk ru sr uk": "cp1251 koi8-r koi8-u cp866 iso8859-5 mac-cyrillic",
    "el": "cp1253 iso8859-7",
    "az tr": "cp1254",
    "he yi": "cp1255 iso8859-8 cp862",
    "ar fa ur": "cp1256",
    "et lt lv": "cp1257",
    "vi": "cp1258",
    "th": "cp874",
    "ja": "cp932 euc_jis_2004",
    "ko": "cp949",
    "zh": "gb18030 big5hkscs",
    "": "cp1252 mac-roman cp850",  # all other languages
}
"""Encodings that subtitles come in, by language (ISO 639-1)."""
_BY_LANGUAGE = {
    language: pages.split() for languages, pages in _CODE_PAGES.items() for language in languages.split(" ")
}
_ALL = tuple(page for pages in _CODE_PAGES.values() for page in pages.split())
_COMMON = tuple(page for page in _ALL if not page.startswith(("iso8859", "mac", "cp85", "cp86")))
_WESTERN = (
    "áéíñóúü", "àâæçèéêëîïôœùûüÿ", "äöüß", "ãáâàçéêíóôõúü", "àèéìíòóùú", "åäöé", "æøåéòôó", "éëïóöüè", "áðéíóúýþæö",
    "àçèéíïòóúü",
)  # fmt: skip
_CENTRAL = (
    "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţșț", "čćđšž", "ëç", "äöüß",
)  # fmt: skip
_LETTERS = {
    **dict.fromkeys(_CODE_PAGES[""].split(), _WESTERN),
    **dict.fromkeys(_CODE_PAGES["cs hr hu bs pl ro sk sl sq"].split(), _CENTRAL),
    "cp1254": ("çğıöşüâîİ",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūžō", "äõöüšž"),
}
"""By encoding, the letters beyond ASCII of each language that it is for."""
_OF_NO_LANGUAGE = 0.5  # how much less likely is a text whose letters together are of none of them
_FEW_LETTERS = 3  # beyond ASCII: too few to tell a rare encoding by
_DECLARED = 1.5  # how much likelier are the encodings of the language that the file's name tells
_MIXED_WORD = re.compile(r"[a-zA-Z][\u0370-\u06ff]|[\u0370-\u06ff][a-zA-Z]")  # Latin beside Greek to Arabic
_BEYOND_ASCII_WORD = re.compile(r"\w*[^\W\x00-\x7f]\w*")
_MISREAD = re.compile(r"[\xc2-\xf4\u0152-\u0178][\x80-\xbf\u0152-\u02dc\u2013-\u2122]+")  # as UTF-8 in Windows-1252
_SAMPLE_BYTES = 1 << 17
_DAMAGED = 0.05  # share of a text's letters beyond ASCII that may be broken in UTF-8


def decode(raw: bytes, name: str, language: str = "", kind: str = "bad_subtitle") -> str:
    """Text in Unicode, or in the code page that its letters speak for; ``language`` (BCP 47) helps to tell.

    Raises:
        RowError: of the given kind: nothing speaks for any.
    """
    encoding = "iso2022_jp" if b"\x1b$" in raw and raw.isascii() else unicode_encoding(raw)
    try:
        return _undo_misreading(raw.decode("utf-8-sig" if encoding == "utf-8" else encoding))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    text = raw.decode(encoding, "replace")
    broken, beyond = text.count("\ufffd"), sum(not c.isascii() for c in text)
    if broken <= _DAMAGED * beyond or encoding != "utf-8":
        return text.replace("\ufffd", "")
    for page in _code_pages(raw[:_SAMPLE_BYTES], language):
        text = raw.decode(page, "replace").replace("\ufffd", "")
        if 4 * len(_MIXED_WORD.findall(text)) <= len(_BEYOND_ASCII_WORD.findall(text)):
            return text
    raise RowError(f"{name}:{line}: this is in no encoding that can be told; save it as UTF-8", kind)


def _undo_misreading(text: str) -> str:
    """The text, also where its UTF-8 was taken for Windows-1252 and saved again: ``CafÃ©`` is ``Café``."""
    runs = _MISREAD.findall(text)
    read = {run: _read_again(run) for run in set(runs)}
    if not runs or sum(read[run] is not None for run in runs) < max(2, 0.8 * len(runs)):
        return text
    return _MISREAD.sub(lambda found: read[found[0]] or found[0], text)


def _read_again(run: str) -> str | None:
    """What stands in a run of characters if they are bytes of UTF-8."""
    try:
        return b"".join(c.encode("cp1252" if c > "\xff" else "latin-1") for c in run).decode()
    except UnicodeError:
        return None


def _code_pages(raw: bytes, language: str) -> list[str]:
    """The encodings that it may be in, the likeliest first.

    Short files with few accents defeat most detectors: of 163 files of one to four cues in 34 languages and 26
    encodings, charset-normalizer 3.5 was right on 107, uchardet on 130, and this, on chardet 7.7, on 156.
    """
    import chardet

    spoken = _BY_LANGUAGE.get(language.split("-")[0].lower(), _BY_LANGUAGE[""]) if language else []
    beyond = sum(byte > 0x7F for byte in raw)
    pages = _ALL if beyond > _FEW_LETTERS else _COMMON
    found = chardet.detect_all(raw, ignore_threshold=True, compat_names=False, include_encodings=pages)
    likely = {
        page: one["confidence"]
        * (_DECLARED if page in spoken else 1.0)
        * (1.0 if _fits(raw, page) else _OF_NO_LANGUAGE)
        for one in found
        if (page := str(one["encoding"])) in pages and one["language"]
    }
    return sorted(likely, key=lambda page: -likely[page])


def _fits(raw: bytes, page: str) -> bool:
    """Whether there is a language of this encoding that has all of a text's letters."""
    alphabets = _LETTERS.get(page)
    letters = {c for c in raw.decode(page, "replace").lower() if c.isalpha() and not c.isascii()}
    return alphabets is None or any(letters <= set(alphabet) for alphabet in alphabets)
