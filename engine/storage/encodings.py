"""Text in Unicode: which of its encodings a file is in."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the mark of UTF-16, so it stands before that
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 4096


def unicode_encoding(raw: bytes) -> str:
    """The name of the Unicode encoding that the beginning of a file is in; ``utf-8`` where nothing speaks for another.

    A byte order mark says it. Without one, UTF-16 shows in spaces and line breaks that are two bytes wide.
    """
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return name
    sample = raw[: min(len(raw), _SAMPLE_BYTES) // 2 * 2]
    breaks = sample.count(b"\n") + sample.count(b"\r")
    for name in ("utf-16-le", "utf-16-be"):
        pairs = [sample[at : at + 2] for at in range(0, len(sample), 2)]
        spaces, feeds, returns = (pairs.count(c.encode(name)) for c in " \n\r")
        if spaces + 2 * (feeds + returns) > breaks:
            return name
    return "utf-8"
