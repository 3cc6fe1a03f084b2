"""Words, tables and progress."""

from __future__ import annotations

import io
import time

import pytest

from cliploom.cli.screen.formatting import duration, number, printable, rate, shorten, tally
from cliploom.cli.screen.progress import Board, PlainLines, live_table, progress
from cliploom.cli.screen.tables import Column, print_prose, print_table
from cliploom.engine.contract.events import Event, Kind


def event(kind: Kind, step: str = "", **said: object) -> Event:
    return Event(kind, step, said)


STORY = [
    event("build", recipe="x", root="r", steps=["a", "b", "c"]),
    event("shard", "a", shard=0, to_do=4, came=5),
    event("rows", "a", n=3, failed=0),
    event("rows", "a", n=1, failed=1),
    event("step", "a", state="done"),
    event("step", "b", state="runs"),
    event("waiting", "b", message="fill in \x1b[2Jthe sheet"),
    event("step", "c", state="done"),
    event("done", waiting={}),
]


def test_words() -> None:
    assert [duration(s) for s in (0.44, 12.2, 185, 7800)] == ["0.4 s", "12 s", "3 min 5 s", "2 h 10 min"]
    assert [rate(r) for r in (0, 0.05, 12.34)] == ["", "3.0/min", "12.3/s"]
    assert [number(n) for n in (0, 1234, 0.257)] == ["", "1,234", "0.26"]
    assert tally({"dark": 1, "short": 12}) == "short 12, dark 1"
    assert shorten("abcdef", 4) == "abc…"


def test_foreign_text_does_nothing_to_the_terminal() -> None:
    assert printable("a\x1b[2Jb\tc\nd\u202ee\x07") == "a\\x1b[2Jb c d\\u202ee\\x07"
    assert printable("日本語 🎬 é") == "日本語 🎬 é"


def test_a_table_in_a_pipe_has_one_line_a_row() -> None:
    out = io.StringIO()
    print_table([Column("name"), Column("n", "right"), Column("text", wide=True)], [("a", "1", "[red]x" * 300)], out)
    heading, line = out.getvalue().splitlines()
    assert heading == "name  n  text"
    assert line == "a     1  " + "[red]x" * 300


def test_plain_lines() -> None:
    out = io.StringIO()
    lines = PlainLines(out)
    for each in STORY:
        lines(each)
    said = out.getvalue().splitlines()
    assert said[0].startswith("a: 3 of 4 rows, ")
    assert said[1].startswith("a: done, 4 rows in ") and said[1].endswith("1 failed")
    assert said[2:] == ["b: reads all that reaches it", "b: fill in \\x1b[2Jthe sheet"]


def test_a_slow_model_is_spoken_of_all_the_same() -> None:
    out = io.StringIO()
    with PlainLines(out).never_silent(0.05) as lines:
        time.sleep(0.2)
        for each in (*STORY[:2], event("step", "b", state="runs")):
            lines(each)
        time.sleep(0.3)
    said = out.getvalue().splitlines()
    assert said[0].startswith("looking for what is to do, for ")
    assert any(line.startswith("a: 0 of 4 rows, for ") for line in said)
    assert any(line.startswith("b: reads all that reaches it, for ") for line in said)


def test_what_waits_for_rows_is_not_said_again() -> None:
    out = io.StringIO()
    with PlainLines(out).never_silent(0.05) as lines:
        for step, rows in (("a", 4), ("b", 2)):
            lines(event("step", step, state="runs"))
            lines(event("shard", step, to_do=rows))
        lines(event("rows", "b", n=2, failed=0))
        time.sleep(0.3)
    again = [line for line in out.getvalue().splitlines() if ", for " in line]
    assert again and all(line.startswith("a: 0 of 4 rows") for line in again)


def test_prose_is_broken_at_the_width_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "30")
    text = "A first paragraph that is\nlonger than a narrow terminal.\n\nA second one."
    terminal, pipe = Terminal(), io.StringIO()
    for out in (terminal, pipe):
        print_prose(text, out)
    assert terminal.getvalue() == "A first paragraph that is\nlonger than a narrow terminal.\n\nA second one.\n\n"
    assert pipe.getvalue() == f"{text}\n\n"
    monkeypatch.setenv("COLUMNS", "20")
    print_prose(text, narrow := Terminal())
    assert max(map(len, narrow.getvalue().splitlines())) <= 20


def test_the_live_table() -> None:
    from rich.console import Console

    board = Board()
    for each in STORY[:3]:
        board.take(each)
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as caught:
        console.print(live_table(board))
    heading, a, b, _ = caught.get().splitlines()
    assert heading.split()[:6] == ["step", "done", "to", "do", "rate", "left"]
    assert a.split()[:3] == ["a", "3", "1"] and a.split()[-1] == "runs"
    assert b.split() == ["b"]


def test_quiet_listens_to_nothing() -> None:
    with progress(True) as listeners:
        assert listeners == []


def test_a_terminal_gets_the_live_table() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with progress(False, out) as [listen]:
        for each in STORY:
            listen(each)
    assert "b: fill in \\x1b[2Jthe sheet" in out.getvalue()
    assert "waits" in out.getvalue()


@pytest.mark.parametrize("kind", ["warning", "waiting"])
def test_notes_are_always_said(kind: Kind) -> None:
    out = io.StringIO()
    PlainLines(out)(event(kind, "a", message="mind this"))
    assert out.getvalue() == "a: mind this\n"


def test_a_log_that_cannot_be_written_does_not_end_a_build() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    lines = PlainLines(Full())
    for each in STORY:
        lines(each)
    assert lines.board.lines["a"].state == "done"
