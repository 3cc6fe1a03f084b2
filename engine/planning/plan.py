"""From a recipe to nodes: who reads whose tables, under which fingerprints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ...schemas import Caption, Embedding, Row, row_fields
from ..contract.catalog import ROW_PLUGINS, is_ours, row_types, shape_name, step_faults, step_name, steps_that_write
from ..contract.errors import UserError, nearest, shown_name
from ..contract.options import digest, format_value, plain_options
from ..contract.recipe import Recipe, StepUse
from ..contract.step import Filter, Global, InputSpec, MultiOutput, Split, Step, reads, writes
from ..contract.usage import Budget


class TableRef(NamedTuple):
    """One table of one node: a folder ``tables/<name>/<fingerprint>``."""

    node: int
    name: str
    row: type[Row] | None  # None for verdicts
    fingerprint: str


@dataclass(frozen=True)
class Node:
    """One step of the plan, wired. A step that expands is several nodes."""

    index: int
    name: str
    use: StepUse
    step: Step
    shape: str
    tables: tuple[TableRef, ...]
    reads: InputSpec
    anchors: tuple[TableRef, ...]  # the tables that the anchor's rows come from
    joined: tuple[tuple[TableRef, ...], ...]  # the same for each join
    filters: tuple[TableRef, ...]  # verdicts that count for what it reads
    amends: frozenset[str] = frozenset()  # steps whose rows its rows complete: `from:` one of them means this too

    @property
    def timeout_s(self) -> float:
        """The time limit of one call."""
        return self.use.timeout_s or self.step.timeout_s

    @property
    def rows_per_call(self) -> int:
        """The most rows of one call."""
        return self.use.batch or self.step.rows_per_call()

    @property
    def needs(self) -> set[int]:
        """The nodes that are done before this one; a barrier comes after all before it that do not wait themselves."""
        return set(range(self.index)) if self.shape == "global" else self.sources

    @property
    def sources(self) -> set[int]:
        """The nodes whose rows and verdicts it reads."""
        return {table.node for table in self.depends_on}

    @property
    def depends_on(self) -> list[TableRef]:
        """All tables that decide what it reads, each once: its inputs and the filters before it."""
        return list(dict.fromkeys([*self.inputs, *self.filters]))

    @property
    def inputs(self) -> list[TableRef]:
        """The tables that it reads rows of."""
        return [*self.anchors, *(t for join in self.joined for t in join)]

    def table(self, part: str) -> TableRef:
        """The table of a fan's part, or the only one."""
        return next(t for t in self.tables if t.name == (f"{self.name}.{part}" if part else self.name))


def concurrency_of(node: Node) -> int:
    """Rows that the node's step waits for at once on an event loop; 0 for one that works."""
    return node.step.max_concurrency() if isinstance(node.step, Split) else 0


def outline_nodes(nodes: Sequence[Node], node: Node) -> list[Node]:
    """The nodes as the process of one of them needs them: it need not be able to import the steps of the others."""
    bare = Step()
    return [
        n if n is node else replace(n, step=bare, use=StepUse(bare), reads=n.reads._replace(view=None)) for n in nodes
    ]


def make_plan(recipe: Recipe) -> list[Node]:
    """Wire the steps of a recipe.

    Raises:
        UserError: naming the place, for a step that reads what nothing writes, reads from an unknown or
            a later step, has options that make no sense after the steps before it, or is another package's and broken.
    """
    nodes: list[Node] = []
    uses = recipe.uses()
    names = [use.name for use in uses]
    for i, use in enumerate(uses):
        for source in use.reads_from:
            _check_from(source, i, names, use)
        earlier = [u.step for u in uses[:i]]
        try:
            with nullcontext() if is_ours(type(use.step)) else step_faults(step_name(type(use.step))):
                use.step.check(earlier)
                for suffix, step in use.step.expand():
                    _append(nodes, use, suffix, step)
        except UserError as error:
            place = f"{use.where}: " if use.where and not error.message.startswith(use.where) else ""
            raise UserError(f"{place}{error.message}", error.hint) from None
        except OSError as error:  # of a file that an option names
            said = f"{use.name}: cannot read {format_value(error.filename)}: {error.strerror}"
            raise UserError(f"{use.where}: {said}" if use.where else said) from None
    _check_tables(nodes)
    _check_prices(nodes, recipe.budget)
    return nodes


def _check_prices(nodes: Sequence[Node], budget: Budget) -> None:
    """Raise ``UserError`` for models that cost money, which is limited, and nobody knows how much."""
    unpriced: dict[str, Node] = {}
    for node in nodes if budget.max_cost is not None else ():
        for model in node.step.paid_models():
            if model not in budget.prices:
                unpriced.setdefault(model, node)
    if unpriced:
        names = ", ".join(f"{model} ({node.name})" for model, node in unpriced.items())
        where, first = next(iter(unpriced.values())).use.where, next(iter(unpriced))
        said = f"the budget has max_cost, and its prices have no {names}{nearest(first, budget.prices)}"
        hint = "add each to budget.prices, as NAME: {input: …, output: …}, with zeros for a server that costs nothing"
        raise UserError(f"{where}: {said}" if where else said, hint)


def _check_tables(nodes: Sequence[Node]) -> None:
    """Raise ``UserError`` for two tables of one name: a step that is several tables may take another step's name."""
    seen: set[str] = set()
    for table in (table for node in nodes for table in node.tables):
        if table.name.casefold() in seen:
            raise UserError(f"two tables are called {table.name}", "give one of the steps another name with `as:`")
        seen.add(table.name.casefold())


def _append(nodes: list[Node], use: StepUse, suffix: str, step: Step) -> None:
    """Add the node of a step, or of one that its use expands to, and what must come with it."""
    name = f"{use.name}.{suffix}" if suffix else use.name
    if step.corrects and suffix:  # it reads what the rest of its use writes
        use = replace(use, name=name, reads_from=(use.name, *use.reads_from))
    node = _node(len(nodes), name, use, step, nodes)
    if step.corrects:
        node = replace(node, amends=frozenset(_writers(node.anchors, nodes)))
    nodes.append(node)
    if step.corrects:
        nodes += _rescore(nodes, name.removesuffix(f".{suffix}"))


def _writers(captions: Sequence[TableRef], nodes: Sequence[Node]) -> Iterator[str]:
    """The names of the steps that wrote these captions, and of those that wrote what they were made of."""
    for table in captions:
        node = nodes[table.node]
        yield node.use.name
        yield from _writers([t for t in node.inputs if t.row is table.row], nodes)


def _rescore(nodes: Sequence[Node], name: str) -> list[Node]:
    """What measures captions, once more for the corrections that the last node writes.

    A copy reads the corrections in place of the captions, and vectors of the corrections in place of the captions'.
    """
    [corrected] = nodes[-1].tables
    copies: list[Node] = []
    vectors: dict[TableRef, TableRef] = {}
    for node in nodes[:-1]:
        read = {
            t: corrected if t.row is Caption else vectors[t] for t in node.inputs if t.row is Caption or t in vectors
        }
        if not read or node.amends or not _measures_captions(node):
            continue
        groups = [tuple(dict.fromkeys(read.get(t, t) for t in group)) for group in (node.anchors, *node.joined)]
        own, index = f"{name}.{node.name}", len(nodes) + len(copies)
        tables = tuple(_tables(index, own, node.step, [t.fingerprint for group in groups for t in group]))
        vectors |= {node.tables[0]: tables[0]} if tables[0].row is Embedding else {}
        copies.append(
            replace(
                node, index=index, name=own, use=replace(node.use, name=own), tables=tables, anchors=groups[0],
                joined=tuple(groups[1:]), filters=_filters(nodes), amends=frozenset({node.use.name}),
            )
        )  # fmt: skip
    return copies


def _measures_captions(node: Node) -> bool:
    out = writes(type(node.step))
    return node.shape in ("map", "split") and out not in (None, Caption) and "caption_id" in link_columns(out)


def _check_from(source: str, at: int, names: Sequence[str], use: StepUse) -> None:
    place = f"{use.where}: " if use.where else ""
    if source not in names:
        raise UserError(
            f"{place}{use.name} reads from {shown_name(source)}, which is no step{nearest(source, names[:at])}"
        )
    if names.index(source) >= at:
        what = "itself" if source == use.name else f"{source}, which comes after it"
        raise UserError(f"{place}{use.name} reads from {what}: a step reads only what steps before it write")


def _node(index: int, name: str, use: StepUse, step: Step, before: Sequence[Node]) -> Node:
    what = reads(type(step))
    anchors = _sources(what.anchor, use, before, True) if what.anchor else ()
    joined = tuple(_sources(j.row, use, before, j.required) for j in what.joins)
    inputs = [t.fingerprint for group in (anchors, *joined) for t in group]
    tables = tuple(_tables(index, name, step, inputs))
    for row in {t.row for t in tables if t.row} - set(row_types()):
        hint = f"its package must name it under the entry point group {ROW_PLUGINS}"
        raise UserError(f"{name} writes {row.__name__}, which is the row type of no table", hint)
    return Node(index, name, use, step, shape_name(type(step)), tables, what, anchors, joined, _filters(before))


def _filters(before: Sequence[Node]) -> tuple[TableRef, ...]:
    """The tables whose verdicts count after these nodes."""
    return tuple(t for node in before for t in node.tables if may_drop(node.step))


def may_drop(step: Step) -> bool:
    """Can it take rows out of the build?"""
    return isinstance(step, Filter) or (isinstance(step, Global) and step.drops())


def _tables(index: int, name: str, step: Step, inputs: list[str]) -> Iterator[TableRef]:
    kind, options = step_name(type(step)), plain_options(step, hashed=True)
    if not isinstance(step, MultiOutput):
        said: list[Any] = [kind, step.version, options, step.revision(), inputs]
        yield TableRef(index, name, writes(type(step)), digest(*said))
        return
    for part in step.parts():
        chosen = {option: options[option] for option in part.options}
        print_ = digest(kind, part.name, step.version, part.version, chosen, step.revision(), inputs)
        yield TableRef(index, f"{name}.{part.name}", part.out, print_)


def _sources(row: type[Row], use: StepUse, before: Sequence[Node], required: bool) -> tuple[TableRef, ...]:
    """The tables of a row type that a step reads: all writers since the last that narrows, or those named."""
    others = [node for node in before if node.use is not use]  # what one step expands to does not read each other
    writers = [(node, t) for node in others for t in node.tables if t.row is row]
    named = [(node, t) for node, t in writers if {node.use.name, *node.amends} & {*use.reads_from}]
    if named:
        return tuple(t for _, t in named)
    narrowing = [i for i, (node, _) in enumerate(writers) if node.step.replaces_inputs]
    if narrowing:
        last = writers[narrowing[-1]][0].use.name
        first = next(i for i, (node, _) in enumerate(writers) if node.use.name == last)
        writers = writers[first:]
    if not writers and required:
        hint = ", ".join(steps_that_write(row)) or "no step that ships makes them"
        raise UserError(f"{use.name} reads {row.table}, and no step before it writes them", f"steps that do: {hint}")
    return tuple(t for _, t in writers)


def link_columns(row: type[Row]) -> tuple[str, ...]:
    """The id columns of a row type, its own and those of the rows that it belongs to."""
    ids = {row_fields(r)[0].name for r in row_types()}
    return tuple(f.name for f in row_fields(row) if f.name in ids)
