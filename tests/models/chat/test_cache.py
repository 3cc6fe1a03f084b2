"""Answers are kept: nothing is asked twice, by whichever process, and nothing is lost or mixed up."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cliploom.cli.main import app
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.models.chat.cache import CachingModel
from cliploom.models.chat.cache_file import AnswerFile, cache_usage, prune
from cliploom.models.chat.model import ChatAnswer, ChatModelOptions, ChatRequest, ImagePart, Message, VideoPart

OPTIONS = ChatModelOptions("m")


def question(text: Any, **others: Any) -> ChatRequest:
    return ChatRequest([Message(role="user", content=text)], **others)


class Slow:
    """A model that counts what it is asked and fails on ``bad``."""

    def __init__(self, name: str = "m", revision: str = "1") -> None:
        self.name, self.revision = name, revision
        self.asked: list[str] = []

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        text = str(request.messages[0]["content"])
        self.asked.append(text)
        await asyncio.sleep(0.005)
        if text == "bad":
            raise RowError("bad", "bad_request")
        return ChatAnswer(f"{text}!", "stop", 1, 2)


def ask(path: Path, model: Slow, *questions: ChatRequest) -> list[Any]:
    async def go() -> list[Any]:
        with AnswerFile.open(path) as file:
            cached = CachingModel(model, OPTIONS, file)
            return await asyncio.gather(*(cached.ask(q) for q in questions), return_exceptions=True)

    return asyncio.run(go())


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    path, model = tmp_path / "a.sqlite", Slow()
    questions = [question(str(i % 10)) for i in range(50)]
    first = ask(path, model, *questions)
    assert sorted(model.asked) == [str(i) for i in range(10)]  # also by those who ask at once
    again = Slow()
    assert ask(path, again, *questions) == first
    assert again.asked == []
    assert first[3] == ChatAnswer("3!", "stop", 1, 2)


def test_answers_that_cannot_be_kept_stop_no_others(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    odd = [
        ChatAnswer("a", "stop", 10**30, 1),
        ChatAnswer("a \ud800 b", "stop", 1, 1),
        ChatAnswer("a", "sto\udfffp", 1, 1),
    ]
    with AnswerFile.open(path) as file:
        for i, answer in enumerate([*odd, ChatAnswer("b", "stop", 1, 1)]):
            file.put(bytes([i]), "m", answer)
    with AnswerFile.open(path) as file:
        assert [file.get(bytes([i])) for i in range(4)] == [None, None, None, ChatAnswer("b", "stop", 1, 1)]


def test_a_failure_is_told_to_all_who_asked_and_is_not_kept(tmp_path: Path) -> None:
    model = Slow()
    answers = ask(tmp_path / "a.sqlite", model, *[question("bad")] * 3)
    assert all(isinstance(a, RowError) for a in answers)
    assert model.asked == ["bad"]
    ask(tmp_path / "a.sqlite", model, question("bad"))
    assert model.asked == ["bad", "bad"]


def test_who_asked_first_may_go_away(tmp_path: Path) -> None:
    async def go() -> None:
        with AnswerFile.open(tmp_path / "a.sqlite") as file:
            cached = CachingModel(Slow(), OPTIONS, file)
            first, second = (asyncio.create_task(cached.ask(question("x"))) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            assert (await second).text == "x!"
            assert first.cancelled()
            third, fourth = (asyncio.create_task(cached.ask(question("y"))) for _ in range(2))
            await asyncio.sleep(0)
            fourth.cancel()
            assert (await third).text == "y!"

    asyncio.run(go())


def test_everything_that_an_answer_depends_on_counts(tmp_path: Path) -> None:
    one, two = ImagePart(b"1"), ImagePart(b"2")
    asked = [
        question("x"),
        question("y"),
        ChatRequest([Message(role="system", content="x")]),
        question("x", schema={"type": "object"}),
        question("x", max_tokens=5),
        question("x", temperature=0.5),
        question("x", top_p=0.5),
        question("x", seed=1),
        question(["x"]),
        question([one, "x"]),
        question([two, "x"]),
        question([one, two, "x"]),
        question([two, one, "x"]),
        question([VideoPart((one, two), (0.0, 1.0)), "x"]),
        question([VideoPart((one, two), (0.0, 2.0)), "x"]),
        question('x"],["user","x'),
    ]
    with AnswerFile.open(tmp_path / "a.sqlite") as file:
        models = [
            CachingModel(Slow(name, revision), options, file)
            for name, revision in (("m", "1"), ("m", "2"), ("n", "1"))
            for options in (OPTIONS, replace(OPTIONS, extra={"top_k": 1}), replace(OPTIONS, film="video"))
        ]
        keys = {model.key(q) for model in models for q in asked}
        assert len(keys) == len(models) * len(asked)
        same = replace(OPTIONS, url=["http://elsewhere/v1"], at_once=3, timeout_s=1, key_env="KEY")
        assert {CachingModel(Slow(), same, file).key(q) for q in asked} <= keys
        assert models[0].key(question("x", temperature=0)) == models[0].key(question("x", temperature=0.0))


def test_a_broken_file_is_set_aside(tmp_path: Path) -> None:
    path, model = tmp_path / "a.sqlite", Slow()
    path.write_bytes(b"no database at all" * 100)
    with pytest.warns(UserWarning, match="is no file of answers"):
        ask(path, model, question("x"))
    assert [a.text for a in ask(path, Slow(), question("x"))] == ["x!"]
    assert len(list(tmp_path.glob("a.sqlite.broken-*"))) == 1
    ask(path, model, *(question(f"{i} {'word ' * 300}") for i in range(20)))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)  # pages behind the first one
    path.write_bytes(content)
    with pytest.warns(UserWarning):
        answers = ask(path, Slow(), *(question(f"{i} {'word ' * 300}") for i in range(20)))
    assert len({a.text for a in answers}) == 20
    again = Slow()
    ask(path, again, question("x"))  # a new file, without a warning
    assert again.asked == ["x"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write") as caught, AnswerFile.open(tmp_path / "file" / "a.sqlite"):
        pass
    assert "CLIPLOOM_CACHE" in caught.value.hint


WRITER = """
import sys
from pathlib import Path
from cliploom.models.chat.cache_file import AnswerFile
from cliploom.models.chat.model import ChatAnswer

path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with AnswerFile.open(path) as file:
    for i in range(count):
        file.put(f"{name} {i}".encode(), name, ChatAnswer(f"{name} says {i}", "stop", i, 1))
        file.put(f"all {i}".encode(), "all", ChatAnswer(f"the same {i}", "stop", i, 1))
    if name == "killed":
        import time
        while file._unwritten:
            time.sleep(0.01)
        print("written", flush=True)
        time.sleep(60)
"""


def start(path: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(count)], stdout=subprocess.PIPE)


def test_four_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    writers = [start(path, f"w{i}", 300) for i in range(4)]
    assert [w.wait() for w in writers] == [0] * 4
    assert {k.model: k.answers for k in cache_usage(path)} == {"all": 300, **{f"w{i}": 300 for i in range(4)}}
    with AnswerFile.open(path) as file:
        assert file.get(b"w2 17") == ChatAnswer("w2 says 17", "stop", 17, 1)
        assert file.get(b"all 299") == ChatAnswer("the same 299", "stop", 299, 1)
        assert file.get(b"w2 300") is None


def test_a_kill_loses_nothing_that_is_older_than_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    writer = start(path, "killed", 200)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"written\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert {k.model: k.answers for k in cache_usage(path)} == {"all": 200, "killed": 200}


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLIPLOOM_CACHE", str(tmp_path))
    path = tmp_path / "answers.sqlite"
    with AnswerFile.open(path) as file:
        for i in range(20):
            file.put(bytes([i]), "old" if i < 10 else "new", ChatAnswer("x" * 100, "stop", 1, 1))
    db = sqlite3.connect(path)
    with db:
        db.execute("UPDATE answers SET made_at = ? WHERE model = 'old'", (time.time() - 10 * 86_400,))
    db.close()
    return path


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["cache", *words])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_the_command_says_what_is_kept(filled: Path) -> None:
    assert "20 answers" in run("stats")
    assert '"model": "old", "answers": 10, "size": 1000' in run("stats", "--json")
    with pytest.raises(UserError, match="nothing to forget"):
        run("prune")
    with pytest.raises(UserError, match="did you mean new"):
        run("prune", "--model", "nev")


def test_the_command_forgets(filled: Path) -> None:
    assert "0 answers" in run("prune", "--older", "11")
    assert "0 answers" in run("prune", "--older", "9", "--model", "new")
    assert "10 answers" in run("prune", "--older", "9")
    assert "5 answers" in run("prune", "--max-mb", "0.0005")
    assert [(k.model, k.answers) for k in cache_usage(filled)] == [("new", 5)]
    assert "5 answers" in run("prune", "--model", "new")
    assert prune(filled.with_name("none.sqlite"), 1) == 0
    assert cache_usage(filled.with_name("none.sqlite")) == []
