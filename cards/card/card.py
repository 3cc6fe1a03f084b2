"""The dataset card: front matter that the Hub reads, and text for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ...engine.contract.errors import UserError
from ...engine.contract.words import number_of
from ...schemas import memoize
from ...schemas.tables import column_table, markdown_text
from ..release.columns import SCORE, file_features, files_of
from ..release.facts import Facts
from ..release.files import SplitFiles
from ..release.licenses import card_license
from ..release.provenance import Provenance
from ..release.subsets import part_name
from ..release.words import length_of_time, short_text
from ..rights.policy import RightsSummary
from ..rights.takedown import Tombstones, tombstone_text
from .citation import own_citation, paper
from .examples import CardExample
from .figures import Figure
from .limits import limits_of
from .opinions import ReviewSummary, TeacherRecord
from .statistics import Statistics

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
          (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))  # fmt: skip
_MOST_ROWS = 25  # of a table
_MOST_TEXT = 2000  # characters of an option, such as a prompt, in the recipe


class CardOptions(NamedTuple):
    """What the recipe says of the card."""

    license: str
    title: str
    language: list[str]
    tasks: list[str]
    tags: list[str]
    homepage: str
    with_files: bool
    authors: Sequence[str] = ()
    papers: Sequence[str] = ()
    contact: str = ""
    template: str = ""


class CardContents(NamedTuple):
    """What else a card shows, where there is any."""

    numbers: Statistics | None = None
    figures: Sequence[Figure] = ()
    examples: Sequence[CardExample] = ()
    teachers: Sequence[TeacherRecord] = ()
    reviews: ReviewSummary | None = None
    rights: RightsSummary | None = None
    changelog: str = ""


def make_card(wishes: CardOptions, facts: Facts, story: Provenance, contents: CardContents | None = None) -> str:
    """The text of ``README.md``.

    Raises:
        UserError: the recipe's own template is not there, or broken.
    """
    contents = contents or CardContents()
    shown = yaml.safe_dump(_shorten(story.recipe), sort_keys=False, allow_unicode=True, width=100)
    recipe = shown if story.recipe else ""
    scores = [name for name in facts.schema.names if name.startswith(SCORE)]
    title = wishes.title or story.name
    return _render(
        wishes.template,
        front=yaml.safe_dump(front_matter(wishes, facts, story), sort_keys=False, allow_unicode=True, width=100),
        wishes=wishes, facts=facts, story=story, columns=column_table(facts.schema, scores), shown=contents,
        source=facts.source, files=files_of(facts.schema), rights=contents.rights, gone=_takedown_note(contents.rights),
        license=card_license(wishes.license), title=title, captions=facts.captions, numbers=contents.numbers,
        examples=sum(s.examples for s in facts.splits), seconds=sum(s.seconds for s in facts.splits),
        videos=sum(len(s.videos) for s in facts.splits), recipe=recipe, limits=limits_of(wishes.with_files, facts),
        most=_MOST_ROWS, homepage=_link(wishes.homepage), contact=_contact(wishes.contact),
        kinds={step.kind for step in story.steps}, papers=[paper(text) for text in wishes.papers],
        own=own_citation(story.name, title, wishes.authors, wishes.homepage, story.version),
    )  # fmt: skip


def _render(file: str, **values: Any) -> str:
    """The card by our template, or by one of the recipe's that extends it."""
    import jinja2

    here = str(Path(__file__).parent)
    page = _environment((here, str(Path(file).expanduser().parent)) if file else (here,))
    try:
        text: str = page.get_template(Path(file).name if file else "card.md.j2").render(**values)
        return text
    except jinja2.TemplateNotFound:
        raise UserError(f"cards.dataset.template: there is no file {file}") from None
    except jinja2.TemplateSyntaxError as error:
        raise UserError(f"{file}:{error.lineno}: {error.message}", "it must be a Jinja2 template") from None
    except jinja2.TemplateError as error:
        raise UserError(f"{file}: {error.message}", 'begin it with {% extends "card.md.j2" %}') from None


@memoize
def _environment(folders: tuple[str, ...]) -> Any:
    """Where templates are looked for; one that was compiled is kept as long as its file is the same."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    page = ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(folders), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page.filters |= {
        "md": md,
        "n": "{:,}".format,
        "number_of": number_of,
        "length_of_time": length_of_time,
        "fence": _fence,
        "num": _number,
    }
    return page


def _number(value: float) -> str:
    """A number of a table: whole, or of three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:.3g}"


def _takedown_note(rights: RightsSummary | None) -> str:
    return tombstone_text(Tombstones(rights.takedown_videos, rights.takedown_clips) if rights else Tombstones())


def _contact(text: str) -> str:
    """An address to write to, as a link where it is one of the web."""
    return _link(text) if text.startswith(("http://", "https://")) else markdown_text(text)


def md(value: object, most: int = 300) -> str:
    """Any text as a short piece of Markdown that stays text."""
    return markdown_text(short_text(str(value), most))


def front_matter(wishes: CardOptions, facts: Facts, story: Provenance) -> dict[str, Any]:
    """The card's YAML. ``dataset_info`` is written anew each time: a stale one breaks every reader."""
    license_, splits = card_license(wishes.license), facts.splits
    said: dict[str, Any] = {"license": license_.id}
    said |= {"license_name": license_.name} if license_.name else {}
    said |= {"pretty_name": wishes.title or story.name}
    said |= {"language": wishes.language} if wishes.language else {}
    said |= {"task_categories": wishes.tasks} if wishes.tasks else {}
    said |= {"tags": list(dict.fromkeys(["cliploom", *facts.kinds, *wishes.tags]))}
    said |= {"size_categories": [_size(sum(s.examples for s in splits))]}
    labels = {"drop_labels": True} if wishes.with_files else {}  # else folder names become labels
    default: dict[str, Any] = {
        "config_name": "default",
        "default": True,
        "data_files": _paths(splits, None, wishes.with_files),
    }
    counts = [{"name": s.name, "num_bytes": s.table_bytes, "num_examples": s.examples} for s in splits]
    info: dict[str, Any] = {
        "features": file_features(facts.schema),
        "splits": counts,
        "download_size": facts.file_bytes,
    }
    info |= {"dataset_size": sum(s.table_bytes for s in splits)}
    if not facts.subsets:
        return said | {"configs": [default | labels], "dataset_info": info}
    configs, infos = [default | labels], [{"config_name": "default", **info}]
    for subset in facts.subsets:
        files = _paths(splits, subset.parts, wishes.with_files)
        configs.append({"config_name": subset.name, "data_files": files, **labels})
        infos.append({"config_name": subset.name, "features": info["features"], **_sizes(splits, subset.parts)})
    return said | {"configs": configs, "dataset_info": infos}


def _paths(splits: Sequence[SplitFiles], parts: Sequence[str] | None, with_files: bool) -> list[dict[str, Any]]:
    """``data_files`` of some parts of all splits; None: of all of them."""
    found = []
    for split in splits:
        held = [part for part in split.parts if parts is None or part in parts]
        if with_files:
            paths = [f"{split.name}/{part}/**" if part else f"{split.name}/**" for part in held]
        else:
            paths = [f"data/{part_name(split.name, part)}-*.parquet" for part in held]
        found += [{"split": split.name, "path": paths[0] if len(paths) == 1 else paths}] if paths else []
    return found


def _sizes(splits: Sequence[SplitFiles], parts: Sequence[str]) -> dict[str, Any]:
    """Rows and bytes of a subset."""
    counts = []
    for split in splits:
        held = [size for part, size in split.parts.items() if part in parts]
        size = sum(one.table_bytes for one in held)
        counts += [{"name": split.name, "num_bytes": size, "num_examples": split.rows_of(parts)}] if held else []
    total = sum(one.table_bytes for split in splits for part, one in split.parts.items() if part in parts)
    return {"splits": counts, "download_size": total, "dataset_size": total}


def _shorten(value: Any) -> Any:
    """The same with the texts inside cut off, such as whole prompts."""
    if isinstance(value, dict):
        return {key: _shorten(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shorten(item) for item in value]
    return short_text(value, _MOST_TEXT) if isinstance(value, str) else value


def _size(examples: int) -> str:
    return next((name for limit, name in _SIZES if examples < limit), "1B<n<10B")


def _fence(text: str) -> str:
    """A code fence longer than any run of back-ticks inside."""
    fence = "```"
    while fence in text:
        fence += "`"
    return fence


def _link(address: str) -> str:
    safe: Sequence[str] = ("https://", "http://")
    plain = address.startswith(tuple(safe)) and not any(c.isspace() or c in "<>()\"'`" for c in address)
    return f"<{address}>" if plain else markdown_text(address)
