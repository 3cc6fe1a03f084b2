"""Write the pages that are made from the code: steps.md, tables.md, cli.md, exports.md and metrics.md.

``python docs/generate.py`` writes them; ``--check`` only says which are out of date, and exits 1 if any is.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from typer.testing import CliRunner

from cliploom.cards.exports.catalog import FORMATS
from cliploom.cards.exports.format import ExportFormat
from cliploom.cards.metrics.catalog import METRICS
from cliploom.cards.metrics.metric import Metric
from cliploom.cli.main import COMMANDS, app
from cliploom.cli.screen.step_help import StepHelp, describe, describe_options
from cliploom.engine.contract.catalog import FOLDERS, PLUGINS, step_names
from cliploom.schemas import ROWS, Row, arrow_schema
from cliploom.schemas.tables import column_table

HERE = Path(__file__).parent
NOTE = "<!-- Made by docs/generate.py; change the code, not this page. -->\n"


def steps_page() -> str:
    """Every step with its docstring, what it reads and writes, and its options."""
    found = [describe(name) for name in step_names() if name.split(".")[0] in FOLDERS]
    parts = [
        f"# Steps\n\n{NOTE}\nThis page has every step that a recipe can name: what it does, what it reads and "
        "writes, and its options. `cliploom steps` lists the same, and `cliploom steps NAME` explains one. Packages "
        f"add steps under the entry point group `{PLUGINS}`.\n",
        "| step | what it does |\n|---|---|\n" + "".join(map(_line, found)),
    ]
    for _, group in groupby(found, key=lambda d: d.name.split(".")[0]):
        parts += [_step(described) for described in group]
    return "\n".join(parts)


def _line(step: StepHelp) -> str:
    return f"| [`{step.name}`](#{step.name.replace('.', '')}) | {_rst(step.summary)} |\n"


def _step(step: StepHelp) -> str:
    lines = [f"## {step.name}\n\n{_rst(step.doc)}\n\n*{step.shape}*; reads {step.reads}; writes {step.writes}.\n"]
    if step.options:
        lines.append("| option | type | default | unit, range | meaning |\n|---|---|---|---|---|")
        for o in step.options:
            default = f"`{_cell(o.default)}`" if o.default else "*needed*"
            lines.append(f"| `{o.name}` | {o.type} | {default} | {_cell(o.range)} | {_cell(o.meaning)} |")
    return "\n".join(lines) + "\n"


def tables_page() -> str:
    """Every row type with its columns."""
    parts = [
        f'# Tables\n\n{NOTE}\nThis page has every column of every table of a build. `cliploom sql DIR "select …"` '
        "asks the tables by these names. In SQL each has a column `_step` too, the step that wrote the row. The order "
        "is that in which a build makes them; `?` marks what may be null.\n\nThree more tables are in no list below. "
        "`verdicts` (`step`, `id`, `video_id`, `reason`, `detail`) holds what steps dropped. `errors` (`step`, `id`, "
        "`video_id`, `kind`, `message`, `attempts`) holds what failed. `dataset` is the dataset folder as it was "
        "written, a row a clip; `entries` says in which split a clip is.\n"
    ]
    parts += [_table(row) for row in ROWS]
    return "\n".join(parts)


def _table(row: type[Row]) -> str:
    return f"## {row.table}\n\n{_rst(inspect.getdoc(row) or '')}\n\n{column_table(arrow_schema(row))}"


def cli_page() -> str:
    """The help of every command."""
    intro = "This page has the help of every command, as `--help` prints it.\n"
    parts = [f"# Commands\n\n{NOTE}\n{intro}", _help([])]
    names = [command.__name__ for command in COMMANDS] + [
        "review push",
        "review pull",
        "review open",
        "review export",
        "cache stats",
        "cache prune",
    ]
    parts += [f"## {name}\n\n{_help(name.split())}" for name in names]
    return "\n".join(parts)


def exports_page() -> str:
    """Every export format."""
    parts = [
        f"# Exports\n\n{NOTE}\n`cliploom export DIR --format NAME` writes a dataset in a format that others read. "
        "DIR is a build folder, its recipe, or any dataset folder of cliploom, also one that came back from the Hub. "
        "What was written is read back and compared with the dataset before the folder has its name, "
        "`exports/NAME` beside the dataset or what `--out` says; `export.yaml` in it says what it is. Paths start at "
        "the dataset folder. Times are seconds.\n\nFormats that hold no times take datasets whose clips are files of "
        "their own (`media: files`). An export can be a source again: name it as the `manifest` of "
        "`builders.folder`, with the dataset folder as its `path`, and take its clips and captions with "
        "`builders.source_clips`. A dataset's own table does the same and keeps licences, titles and publishers: "
        "`builders.folder: {path: dataset/train, manifest: metadata.parquet}`.\n",
        "| format | files | needs clip files | described at |\n|---|---|---|---|\n"
        + "".join(map(_format_line, FORMATS.values())),
    ]
    return "\n".join([*parts, *map(_format, FORMATS.values())])


def _format_line(of: type[ExportFormat]) -> str:
    needs = "yes" if of.needs_files else ""
    return f"| [`{of.name}`](#{of.name}) | `{of.files}` | {needs} | <{of.source}> |\n"


def _format(of: type[ExportFormat]) -> str:
    lines = [f"## {of.name}\n\n{_rst(inspect.getdoc(of) or '')}\n"]
    lines += [f'It needs `pip install "cliploom[{of.extra}]"`.\n'] if of.extra else []
    return "\n".join([*lines, *_options(of)]) + "\n"


def _options(of: type) -> Iterator[str]:
    if options := describe_options(of):
        yield "| option | type | default | unit, range | meaning |\n|---|---|---|---|---|"
        for o in options:
            yield f"| `{o.name}` | {o.type} | `{_cell(o.default)}` | {_cell(o.range)} | {_cell(o.meaning)} |"


def metrics_page() -> str:
    """Every metric."""
    intro = (
        "`cliploom score PRED GOLD --metric NAME` measures predictions against right answers, with the numbers of the "
        "published evaluator; `--json` prints them as one object, `--set OPTION=VALUE` sets an option. Each file holds "
        "one JSON object a line."
    )
    lines = [f"| [`{m.name}`](#{m.name}) | <{m.source}> |\n" for m in METRICS.values()]
    table = "| metric | evaluator |\n|---|---|\n" + "".join(lines)
    return "\n".join([f"# Metrics\n\n{NOTE}\n{intro}\n", table, *map(_metric, METRICS.values())])


def _metric(of: type[Metric]) -> str:
    files = f"PRED is {of.predictions}. GOLD is {of.gold}.\n"
    return "\n".join([f"## {of.name}\n\n{_rst(inspect.getdoc(of) or '')}\n", files, *_options(of)]) + "\n"


def _help(words: list[str]) -> str:
    said = CliRunner().invoke(app, [*words, "--help"], prog_name="cliploom", terminal_width=100).output
    return f"```\n{said.strip()}\n```\n"


def _rst(text: str) -> str:
    """Docstrings mark code with two backticks, Markdown with one."""
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES = {
    "steps.md": steps_page, "tables.md": tables_page, "cli.md": cli_page, "exports.md": exports_page,
    "metrics.md": metrics_page,
}  # fmt: skip


def outdated() -> Iterator[str]:
    """The names of pages that are not as the code says."""
    for name, page in PAGES.items():
        path = HERE / name
        if not path.exists() or path.read_text(encoding="utf-8") != page():
            yield name


def main() -> None:
    """Write the pages, or check them."""
    if "--check" in sys.argv[1:]:
        old = list(outdated())
        if old:
            sys.exit(f"out of date: {', '.join('docs/' + name for name in old)}; run `make docs`")
        return
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
