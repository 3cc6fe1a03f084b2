"""What a reader must know before trusting a dataset: sentences that follow from what was counted."""

from __future__ import annotations

from ...engine.contract.words import number_of
from ..release.facts import Facts


def limits_of(with_files: bool, facts: Facts) -> list[str]:
    """The limits, one sentence or two each, in Markdown."""
    clips = sum(split.examples for split in facts.splits)
    source = facts.source
    told = list(_of_captions(facts))
    if facts.transcripts:
        told.append("Transcripts are as their sources have them: names and rare words may be wrong.")
    if facts.damaged:
        lie = "lies" if facts.damaged == 1 else "lie"
        told.append(
            f"{facts.damaged:,} of {number_of(clips, 'clip')} {lie} over frames that are damaged in the source"
            " (column `damaged`)."
        )
    told += [
        f"`{column}` compares words with ImageNet classes; it knows no people and is no CLIP score."
        for column in facts.conse
    ]
    if any(not source.license for source in facts.sources):
        told.append("Some sources state no licence: find out before you publish their pictures.")
    if not with_files:
        told.append(
            f"{source.capitalize()}s may move or vanish; `source_sha256` tells whether a file is the one that was used."
        )
    shown = "The texts may be about people" if facts.kinds == ("text",) else f"The {source}s may show people"
    told.append(f"{shown} who were not asked. Remove on request: every row names its {source}.")
    return told


def _of_captions(facts: Facts) -> list[str]:
    captions = facts.captions
    if captions is None:
        return []
    checked = (
        f"People gave a verdict on {captions.judged:,} of {number_of(captions.total, 'caption')} (column `review`)"
        if captions.judged
        else "Nobody checked the captions in this build"
    )
    return [f"{checked}: they may name what is not there and leave out what is."]
