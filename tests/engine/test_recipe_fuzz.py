"""Recipes with anything in them: a plan, or one line that says what is wrong."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

from cliploom.cli.recipes import recipe_names, recipe_text
from cliploom.engine.contract.catalog import FOLDERS, step_class, step_names
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe, StepEntry, read_recipe
from cliploom.engine.planning.plan import make_plan
from cliploom.schemas import row_fields

SCRAPS = [
    "", "null", "~", "5", "-1", "0", "1.5", ".nan", ".inf", "-.inf", "1e999", "9" * 30, "9" * 5000, "0x" + "f" * 40,
    "1:30", "true", "no", "2020-13-41", "2020-01-01", "''", '""', '"\\0"', '"\\ud800"', '"a\\nb"', "[]", "{}", "[1, x]",
    "{5: 6}", "{a: 1, a: 2}", "&x [*x]", "*x", "!!python/object:os.system x", "!!binary aGk=", "<<: {a: 1}", "[" * 80,
    "{a: " * 80, "x" * 300, "../../evil", "/", ".", "..", "/dev/null", "C:\\x", "a\tb", "\x00", "\x1b[2J", "\u202e",
    "\ufeff", "é", "日本", "$HOME", "{{ x }}", "{% x %}", "%s", "'; drop table x", "steps:", "as: x", "from: x",
    "from: []", "timeout_s: 0", "name: x", "?", "- - -", "|", ">", "# x", "---", "...", "%YAML 9.9", "builders.scan",
    "filters.keep",
]  # fmt: skip
VALUES: list[Any] = [
    None, "", "x" * 300, "../../evil", "/dev/null", "~nobody/x", "a\nb", "{{", "{% x", "(", "[a", "*", "http://[", -1,
    2**62, 1e308, True, [], ["x", "x"], [1], [[]], {}, {"a": {}}, {"chat": "x"}, {"name": "x", "run": "vllm"}, [{}],
    [{"chat": "x", "as": "../x"}], {"train": 1e308, "test": 1e308}, {"..": 1},
]  # fmt: skip


def _bases() -> list[str]:
    docs = Path(__file__).parents[2] / "docs"
    shown = [
        block
        for page in sorted(docs.glob("*.md"))
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.S)
    ]
    return [*map(recipe_text, recipe_names()), *(text for text in shown if text.startswith("name:"))]


def _mutated(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 4)):
        tokens = re.split(r"([\s:,{}\[\]]+)", text)
        at, scrap = chance.randrange(len(tokens)), chance.choice(SCRAPS)
        match chance.randrange(6):
            case 0 | 1:
                tokens[at] = scrap
            case 2:
                tokens.insert(at, scrap)
            case 3:
                del tokens[at]
            case 4:
                tokens.insert(at, tokens[chance.randrange(len(tokens))])
            case 5:
                at = chance.randrange(len(text) + 1)
                tokens = [text[:at], chance.choice(" \n:-{}[]'\"#&*!|>%@\t"), text[at:]]
        text = "".join(tokens)
    return text


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_recipe_is_planned_or_refused_in_one_line(seed: int) -> None:
    chance, bases = random.Random(seed), _bases()
    for _ in range(40):
        text = _mutated(chance.choice(bases), chance)
        try:
            make_plan(read_recipe(text, "fuzz.yaml"))
        except UserError as error:
            assert "\n" not in error.message and len(error.message) < 1000, text


@pytest.mark.parametrize("name", [name for name in step_names() if name.split(".")[0] in FOLDERS])
def test_an_option_with_any_value_is_planned_or_refused_in_one_line(name: str) -> None:
    before: list[StepEntry] = [("builders.folder", {"path": "x"}), "builders.scan", "builders.shots", "builders.clips"]
    for field in row_fields(step_class(name)):
        for value in VALUES:
            try:
                make_plan(Recipe("fuzz", [*before, (name, {"as": "fuzz", field.name: value})]))
            except UserError as error:
                assert "\n" not in error.message and len(error.message) < 1000, value
