"""Recipes: what is read, and what is refused before anything runs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import toys

from cliploom.builders.folder import Folder
from cliploom.builders.scan import Scan
from cliploom.captioners.chat import Chat
from cliploom.captioners.rewrite import Rewrite
from cliploom.captioners.teacher import Teacher
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe, StepUse, dump_recipe, load_recipe, read_recipe
from cliploom.engine.planning.plan import make_plan
from cliploom.filters.duration import Duration

GOOD = """\
name: shorts
steps:
  - builders.folder: {path: videos}
  - builders.scan: {frames_per_s: 1}
  - builders.shots: {threshold: 30}
  - builders.clips: {min_s: 1}
  - filters.duration:
      min_s: 2
      max_s: 20
"""


def test_a_recipe_is_the_same_in_yaml_and_in_python() -> None:
    recipe = read_recipe(GOOD, "shorts.yaml")
    assert [use.name for use in recipe.uses()] == [
        "builders.folder", "builders.scan", "builders.shots", "builders.clips", "filters.duration",
    ]  # fmt: skip
    assert recipe.uses()[0].step == Folder(path="videos")
    assert recipe.uses()[1].step == Scan(frames_per_s=1.0)
    assert recipe.uses()[4].step == Duration(2.0, 20.0)
    assert len(make_plan(recipe)) == 5


def test_the_resolved_recipe_reads_back_as_itself() -> None:
    import yaml

    recipe = read_recipe(GOOD, "shorts.yaml")
    text = yaml.safe_dump(dump_recipe(recipe))
    again = read_recipe(text, "again.yaml")
    assert [u.step for u in again.uses()] == [u.step for u in recipe.uses()]


def test_set_overrides_one_option() -> None:
    recipe = read_recipe(GOOD, "shorts.yaml", ["filters.duration.max_s=7", "builders.scan.frames_per_s=0.5"])
    assert recipe.uses()[4].step == Duration(2.0, 7.0)
    assert recipe.uses()[1].step == Scan(frames_per_s=0.5)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("builders.shots", "builders.shoots", "5: there is no step builders.shoots; did you mean builders.shots?"),
        (
            "builders.shots",
            "filters.clip_score",
            "5: there is no step filters.clip_score; it is now called captioners.clip_score",
        ),
        ("threshold: 30", "treshold: 30", "5: builders.shots has no option treshold; did you mean threshold?"),
        ("min_s: 2\n", "min_s: two\n", "8: filters.duration.min_s is 'two': "),
        ("max_s: 20", "max_s: -1", "9: filters.duration.max_s is -1: it must be at least 0"),
        ("{path: videos}", "{}", "3: builders.folder needs the option path"),
        ("name: shorts", "nam: shorts", "1: a recipe has no nam; did you mean name?"),
        ("  - builders.scan: {frames_per_s: 1}\n", "", "4: builders.shots reads signals, and no step before it"),
        ("steps:", "steps: [", ""),
        ("{min_s: 1}", "{from: builders.shoot}", "6: builders.clips reads from builders.shoot, which is no step"),
        ("{min_s: 1}", "{from: filters.duration}", "6: builders.clips reads from filters.duration, which comes after"),
        ("{min_s: 1}", "{from: builders.clips}", "6: builders.clips reads from itself"),
        (
            "  - builders.shots",
            "  - builders.scan\n  - builders.shots",
            "5: builders.scan is used twice (first at shorts",
        ),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(UserError) as error:
        make_plan(read_recipe(GOOD.replace(old, new), "shorts.yaml"))
    assert error.value.message.startswith(f"shorts.yaml:{said}")
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("filters.duration: {min_s: 1, min_s: 2}", "10: min_s is given twice"),
        ("filters.duration: {5: 6}", "10: 5 is not text: write it in quotes"),
        ("filters.duration: {min_s: .nan}", "10: .nan is not a finite number"),
        ("filters.duration: {max_s: .inf}", "10: .inf is not a finite number"),
        ("filters.duration: {min_s: '.nan'}", "10: filters.duration.min_s is '.nan': "),
        ("filters.duration: {min_s: yes}", "10: filters.duration.min_s is True: it must be a number"),
        ("filters.duration: {min_s: 'nan'}", "10: filters.duration.min_s is nan: it must be finite"),
        ("filters.duration: {min_s: " + "9" * 30 + "}", "10: 999999999999999999999999999999 is too large a number"),
        ("filters.duration: {min_s: " + "9" * 5000 + "}", "10: '9999"),
        ("filters.duration: {min_s: 2020-13-41}", "10: filters.duration.min_s is '2020-13-41': "),
        ("filters.duration: {as: ../../evil}", "10: a step cannot be called '../../evil'"),
        ("filters.duration: {as: " + "x" * 300 + "}", "10: a step cannot be called 'xxxx"),
        ('filters.duration: {as: "a\\0b"}', "10: 'a\\x00b' holds the character '\\x00'"),
        ('filters.keep: {where: "\\ud800"}', "10: \\ud800 holds the character '\\ud800'"),
        ("filters.duration: {as: Builders.Scan}", "10: Builders.Scan is used twice"),
        ("filters.duration: {timeout_s: 0}", "10: `timeout_s:` is 0: "),
        ("filters.duration: {batch: 0}", "10: `batch:` is 0: it must be a whole number above 0"),
        ("filters.duration: {workers: many}", "10: `workers:` is 'many': it must be a whole number above 0"),
        ("filters.duration: {as: builders.scan.frames}", ""),
        ("&again filters.duration: *again", "10: *again refers to another place"),
        ("!!python/object:os.system {}", "10: tag:yaml.org,2002:python/object:os.system is a tag"),
        ("[" * 50, "10: it is nested more than 40 deep"),
        ("steps: []\nsteps: []", ""),
    ],
)
def test_what_no_recipe_needs_is_refused_with_its_line(step: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        make_plan(read_recipe(f"{GOOD}  - {step}\n", "shorts.yaml"))
    assert error.value.message.startswith(f"shorts.yaml:{said}" if said else "")
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: a recipe is a mapping"),
        (GOOD + "steps: []\n", "10: steps is given twice"),
        ("name: \x00", "1: this is not YAML: it holds the character"),
        (GOOD.replace("shorts", "x" * 300), "1: name is 'xxx"),
        (GOOD + "budget: {max_cost: .nan}", "10: .nan is not a finite number"),
        (GOOD + "budget: {max_cost: nan}", "10: budget.max_cost is nan: it must be finite"),
        ("a: &a [x, x]\nb: &b [*a, *a]\n", "2: *a refers to another place"),
        ("x" * 1_000_001, " it has more than 1,000,000 characters"),
    ],
)
def test_a_text_that_is_no_recipe_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        read_recipe(text, "shorts.yaml")
    assert error.value.message.startswith(f"shorts.yaml:{said}")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"name: a\n# caf\xe9\n", r":2: it is not UTF-8"), (b"\x00" * 2_000_000, "it has more than 1,000,000 characters")],
)
def test_a_file_that_is_no_text_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(UserError, match=said):
        load_recipe(tmp_path / "x.yaml")


def test_a_byte_order_mark_is_no_part_of_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("\ufeff" + GOOD, encoding="utf-8")
    assert load_recipe(tmp_path / "x.yaml").name == "shorts"


def test_a_date_is_a_word(tmp_path: Path) -> None:
    recipe = read_recipe(GOOD + "  - cards.dataset: {title: 2020-01-01}\n", "x.yaml")
    assert dump_recipe(recipe)["steps"][-1]["cards.dataset"]["title"] == "2020-01-01"


@pytest.mark.parametrize("settings", [{"name": " "}, {"name": "a\nb"}, {"shards": 0}, {"max_bad": float("nan")}])
def test_a_recipe_in_python_is_held_to_the_same(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        Recipe(**{"name": "x", "steps": (Folder(path="videos"),), **settings})


def test_a_step_made_in_python_has_finite_numbers_too() -> None:
    with pytest.raises(UserError, match=r"filters.duration.max_s is inf: it must be finite"):
        make_plan(Recipe("x", (Folder(path="videos"), Duration(max_s=float("inf")))))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("nonsense", "write it as step.option=value"),
        ("filters.duratoin.max_s=3", "no step filters.duratoin; did you mean filters.duration?"),
        ("filters.duration.max_s=.inf", "--set filters.duration.max_s:1: .inf is not a finite number"),
        ("filters.duration.max=3", "has no option max; did you mean max_s?"),
    ],
)
def test_a_wrong_setting_is_refused(setting: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        read_recipe(GOOD, "shorts.yaml", [setting])


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no recipe"):
        load_recipe(tmp_path / "none.yaml")


def test_a_step_twice_takes_a_name() -> None:
    twice = GOOD + "  - filters.duration: {min_s: 3, as: stricter}\n"
    assert [n.name for n in make_plan(read_recipe(twice, "x.yaml"))][-2:] == ["filters.duration", "stricter"]


def test_later_steps_read_what_narrows() -> None:
    """``Join`` stands in for what it read; a reader after it reads only its rows, unless told otherwise."""
    steps = (toys.Numbers(), toys.Pieces(), toys.Say(), StepUse(toys.Say(word="bye"), "bye"), toys.Join())
    read = make_plan(Recipe("x", (*steps, StepUse(toys.Join(), "again"))))[-1].joined[0]
    assert [table.name for table in read] == ["toys.Join"]
    told = make_plan(Recipe("x", (*steps, StepUse(toys.Join(), "again", ("bye",)))))[-1].joined[0]
    assert [table.name for table in told] == ["bye"]


def test_fingerprints_know_what_matters() -> None:
    def prints(**settings: Any) -> dict[str, str]:
        return {t.name: t.fingerprint for n in make_plan(toys.recipe(**settings)) for t in n.tables}

    plain = prints()
    assert prints(numbers__last=99) == plain, "facts of this machine are not hashed"
    louder = prints(voices__loud=2)
    assert {name for name in plain if plain[name] != louder[name]} == {"toys.Voices.segments"}
    stricter = prints(longest__most_s=1.0)
    assert {name for name in plain if plain[name] != stricter[name]} == {"toys.Longest"}


@pytest.mark.parametrize(
    ("step", "new"),
    [
        ("captioners.teacher: {teachers: [{chat: m, patience_s: 9}]}", ["max_wait_s"]),
        ("captioners.rewrite: {patience_s: 90, model: {name: m, patience_s: 9}}", ["timeout_s", "max_wait_s"]),
        ("captioners.rewrite: {timeout_s: 90, model: {name: m, max_wait_s: 9}}", []),
    ],
)
def test_an_option_with_a_name_of_earlier_versions_is_taken_and_told(step: str, new: list[str]) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = read_recipe(f"{GOOD}  - {step}\n", "shorts.yaml").uses()[-1]
        if isinstance(made.step, Teacher):
            [(_, chat)] = made.step.expand()
            assert isinstance(chat, Chat) and chat.model.max_wait_s == 9
        else:
            assert isinstance(made.step, Rewrite)
            assert (made.timeout_s, made.step.model.max_wait_s) == (90, 9)
    assert [str(one.message).rpartition(" ")[2] for one in told] == new


@pytest.mark.parametrize("word", ["name", "builders.shots", "threshold", "min_s", "as: x"])
def test_of_a_very_long_word_only_the_beginning_is_told(word: str) -> None:
    named = GOOD.replace("{threshold: 30}", "{threshold: 30, as: x}").replace(word, word + "9" * 2000)
    with pytest.raises(UserError) as error:
        make_plan(read_recipe(named, "shorts.yaml"))
    assert len(error.value.message) < 1000
    for setting in ("9" * 2000, "x" * 2000 + ".min_s=1"):
        with pytest.raises(UserError) as error:
            read_recipe(GOOD, "shorts.yaml", [setting])
        assert len(error.value.message) < 1000
