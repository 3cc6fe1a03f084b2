"""Evidence put into one or two English sentences, by rule: only what was measured, doubts said as doubts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...schemas import Box, Evidence, Label
from .english import article, count_phrase, join_words, sentence

# Confidence from which a thing is named, and from which it is named without a hedge. The box detector
# is wrong about half the time near 0.5; an ImageNet top-1 below 0.3 mostly names the background.
_BOX_MAYBE, _BOX_SURE = 0.55, 0.7
_LABEL_MAYBE, _LABEL_SURE = 0.3, 0.6
_SOUND = 0.3
_DARK, _BRIGHT, _BLACK = 50.0, 200.0, 8.0  # mean brightness, 0..255
_STILL, _LIVELY = 0.4, 8.0  # mean change between frames, 0..255
_SCREEN_CHARS = 80
_MAX_THINGS = 4

_NAMES = {
    "tvmonitor": "screen", "tv": "screen", "sofa": "couch", "aeroplane": "airplane", "motorbike": "motorcycle",
    "diningtable": "dining table", "pottedplant": "potted plant", "cell phone": "phone", "remote": "remote control",
}  # fmt: skip
_BARE_SOUNDS = {
    "laughter", "applause", "wind", "wind noise", "rain", "thunder", "water", "traffic", "traffic noise", "breathing",
    "gunfire", "thunderstorm", "fire", "static", "white noise", "noise", "footsteps", "fireworks", "hubbub", "chatter",
}  # fmt: skip
_NO_SOUNDS = re.compile(r"silence|inside|outside|field recording|sound effect|echo|reverberation", re.IGNORECASE)
_SPEECH = re.compile(r"speech|speaking|conversation|narration", re.IGNORECASE)
_MUSIC = re.compile(r"music|\bsong\b", re.IGNORECASE)
_WORDLIKE = re.compile(r"[^\W\d_]{3}")


class Thing(NamedTuple):
    """Something seen: a noun, how many of it at once, and whether it is sure."""

    noun: str
    number: int
    sure: bool


def describe(evidence: Evidence, is_image: bool = False) -> str:
    """One or two sentences, or nothing where nothing was seen, read or heard; of an image nothing about movement."""
    seen = _describe_visible(evidence, "" if is_image else _movement(evidence))
    return " ".join(sentence(words) for words in (seen, _read_and_heard(evidence)) if words)


def _describe_visible(evidence: Evidence, movement: str) -> str:
    if evidence.colours and evidence.brightness < _BLACK:
        return "the picture is almost black"
    things = _things(evidence)
    look = _look(evidence)
    if things:
        names = [_name(thing) for thing in things]
        verb = "is" if len(things) == 1 and _is_single(things[0]) else "are"
        picture = f" in {article(look)} {look} picture" if look else ""
        return f"{join_words(names)} {verb} visible{picture}{movement}"
    return f"the picture is {look}{movement}" if look else ""


def _things(evidence: Evidence) -> list[Thing]:
    """Boxes, and the one top label where it does not compete with them for the same thing."""
    boxed = list(_box_things(evidence.boxes))
    top = evidence.labels[0] if evidence.labels else None
    if top is None or top.score < _LABEL_MAYBE:
        return boxed[:_MAX_THINGS]
    noun = _plain(top.name)
    for i, thing in enumerate(boxed):
        if (
            thing.number == 1 and noun.lower().split()[-1:] == thing.noun.split()[-1:]
        ):  # sports car: a better name for the car
            boxed[i] = thing._replace(noun=noun, sure=thing.sure and top.score >= _LABEL_SURE)
            return boxed[:_MAX_THINGS]
    if all(thing.noun == "person" for thing in boxed):  # any other box may be the very thing that the label means
        boxed.append(Thing(noun, 1, top.score >= _LABEL_SURE and not boxed))
    return boxed[:_MAX_THINGS]


def _box_things(boxes: Sequence[Box]) -> Iterator[Thing]:
    """One thing per class, most confident first; the count is the median over the frames that show it."""
    by_noun: dict[str, list[Box]] = {}
    for box in boxes:
        if box.score >= _BOX_MAYBE:
            by_noun.setdefault(_NAMES.get(box.name.lower(), box.name.lower()), []).append(box)
    for noun, found in sorted(by_noun.items(), key=lambda item: (-max(b.score for b in item[1]), item[0])):
        sure = [b for b in found if b.score >= _BOX_SURE]
        times = [b.time_s for b in sure or found]
        counts = sorted(times.count(t) for t in set(times))
        yield Thing(noun, counts[(len(counts) - 1) // 2], bool(sure))


def _name(thing: Thing) -> str:
    words = count_phrase(thing.noun, thing.number)
    return words if thing.sure else f"what may be {words}"


def _is_single(thing: Thing) -> bool:
    return not thing.sure or thing.number == 1 or count_phrase(thing.noun, thing.number).startswith("a ")


def _look(evidence: Evidence) -> str:
    """``dark, mainly brown and black``; brightness only where the colours do not deny it."""
    colours = list(dict.fromkeys(evidence.colours))[:2]
    first = colours[0] if colours else ""
    tone = ""
    if evidence.brightness < _DARK and colours and not first.startswith(("white", "light")):
        tone = "dark"
    elif evidence.brightness > _BRIGHT and colours and not first.startswith(("black", "dark")):
        tone = "bright"
    mainly = f"mainly {join_words(colours)}" if colours else ""
    return ", ".join(part for part in (tone, mainly) if part)


def _movement(evidence: Evidence) -> str:
    if evidence.motion > _LIVELY:
        return ", with a lot of movement"
    return ", and hardly anything moves" if evidence.motion < _STILL else ""


def _read_and_heard(evidence: Evidence) -> str:
    words, sounds = _screen(evidence.texts), _sounds(evidence.sounds)
    read = f'the screen shows the text "{words}"' if words else ""
    heard = f"{join_words(sounds)} can be heard" if sounds else ""
    return f"{read}, and {heard}" if read and heard else read or heard


def _screen(texts: Sequence[str]) -> str:
    """The screen's words in order, each once, without quotation marks of their own."""
    kept: dict[str, str] = {}
    for text in texts:
        bare = " ".join(text.replace('"', "").split()).rstrip(".")
        if _WORDLIKE.search(bare):
            kept.setdefault(bare.casefold(), bare)
    joined = " ".join(kept.values())
    if len(joined) <= _SCREEN_CHARS:
        return joined
    return joined[:_SCREEN_CHARS].rsplit(" ", 1)[0] + " …"


def _sounds(sounds: Sequence[Label]) -> list[str]:
    heard: dict[str, None] = {}
    for label in sounds:
        if label.score >= _SOUND and not _NO_SOUNDS.search(label.name):
            heard.setdefault(_sound(label.name))
    return list(heard)[:3]


def _sound(name: str) -> str:
    if _SPEECH.search(name):
        return "speech"
    if _MUSIC.search(name):
        return "music"
    noun = _plain(name).lower()
    if noun in _BARE_SOUNDS or noun.endswith("ing"):
        return noun
    return f"the sound of {noun if noun.endswith('s') else count_phrase(noun)}"


def _plain(name: str) -> str:
    """The first of a label's names: ``tench, Tinca tinca`` is a tench."""
    return re.split(r"[,(]", name.replace("_", " "), maxsplit=1)[0].strip()
