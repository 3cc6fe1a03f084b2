"""Whether a text can stand as what a clip shows: a title, a word read off a sign, or a question is no description."""

from __future__ import annotations

import re

from ...models.text.languages import is_dense

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_FEWEST_WORDS, _FEWEST_DENSE = 3, 5  # characters, in Chinese, Japanese and Korean
_SHOUTED_WORDS = 5  # fewer in capitals are a title or a sign
_SPACELESS = frozenset({"th", "lo", "km", "my", "bo"})
_QUESTION = re.compile(r"[^.!?:;\"“”。！？：]*[?？؟]+[\s\"”']*")


def is_description(text: str, language: str = "en") -> bool:
    """Whether it has three words or more, does not shout a few, and is not just a question."""
    if _QUESTION.fullmatch(text.strip()):
        return False
    if is_dense(language) or language.split("-")[0].lower() in _SPACELESS:
        return sum(map(str.isalpha, text)) >= _FEWEST_DENSE
    words = _WORD.findall(text)
    shouts = all(word.isupper() for word in words)  # scripts without capitals have no upper case either
    return len(words) >= (_SHOUTED_WORDS if shouts else _FEWEST_WORDS)
