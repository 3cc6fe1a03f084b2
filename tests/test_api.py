"""The public face: ``import cliploom``."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import user_code
import yaml

import cliploom as cl
from cliploom.engine.contract.recipe import dump_recipe
from cliploom.engine.query import table_names

ROOT = Path(__file__).parents[1]
MEDIA = ROOT / "tests" / "media"


def test_its_three_lists_of_names_agree_and_each_name_loads() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    typed = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {a.name: n.module for n in typed.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert declared == cl._HOMES
    assert {*declared, "__version__"} == set(cl.__all__)
    assert cl.__all__ == sorted(cl.__all__)
    assert set(cl.__all__) <= set(dir(cl))
    assert all(getattr(cl, name) is not None for name in cl.__all__)


def test_the_fields_of_public_types_are_explained_where_help_shows_them() -> None:
    types = [
        one for one in (getattr(cl, name) for name in cl.__all__) if isinstance(one, type) and "_fields" in vars(one)
    ]
    types += [cl.StepUse, cl.StepContext, cl.Col]
    assert len(types) > 6
    for one in types:
        fields = getattr(one, "_fields", None) or [field.name for field in dataclasses.fields(one)]
        said = set(re.findall(r"^    (\w+): ", inspect.getdoc(one) or "", re.MULTILINE))
        assert said == set(fields), one


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'biuld'"):
        cl.biuld  # type: ignore[attr-defined]  # noqa: B018


def test_importing_it_loads_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import cliploom; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert [name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names] == ["cliploom"]
    assert len(loaded) < 12


def test_a_recipe_in_python_is_the_recipe_in_yaml(tmp_path: Path) -> None:
    text = """
name: both
max_bad: 0.5
steps:
  - builders.folder: {path: videos/}
  - builders.transcripts
  - filters.duration: {min_s: 3, as: long}
  - filters.duration: {max_s: 9, from: builders.folder, timeout_s: 5}
"""
    made = cl.Recipe(
        "both",
        [
            ("builders.folder", {"path": "videos/"}),
            "builders.transcripts",
            cl.StepUse(cl.step("filters.duration", min_s=3), "long"),
            ("filters.duration", {"max_s": 9, "from": "builders.folder", "timeout_s": 5}),
        ],
        max_bad=0.5,
    )
    read = cl.read_recipe(text, "both.yaml")
    assert dump_recipe(made) == dump_recipe(read)
    (tmp_path / "both.yaml").write_text(text, encoding="utf-8")
    assert dump_recipe(cl.load_recipe(f"{tmp_path}/both.yaml")) == dump_recipe(read)
    assert dump_recipe(cl.read_recipe(yaml.safe_dump(dump_recipe(made)), "lock")) == dump_recipe(made)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("builders.foldr", "step 2: there is no step builders.foldr; did you mean builders.folder?"),
        (("filters.duration", {"min": 1}), "step 2: filters.duration has no option min; did you mean min_s?"),
        (("filters.duration", {"as": 3}), "step 2: `as:` is 3: it must be a word"),
        (3, "step 2 is 3"),
    ],
)
def test_a_wrong_step_in_python_is_named_by_its_place(entry: cl.Step, message: str) -> None:
    with pytest.raises(cl.UserError) as caught:
        cl.Recipe("x", ["builders.scan", entry])
    assert caught.value.message == message


def test_a_folder_without_a_build_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(cl.UserError) as caught:
        cl.open_build(tmp_path)
    assert caught.value.message == f"{tmp_path} holds no build"


def test_a_users_code_runs() -> None:
    user_code.test_own_steps()


def test_a_build_is_made_and_read_in_python(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("sintel_trailer_chapters_subs.mkv", "made_zero_bytes.mp4"):
        (videos / name).symlink_to(MEDIA / name)
    built = user_code.build(videos, tmp_path / "b")
    assert (built.name, built.root, dict(built.waiting)) == ("mine", tmp_path / "b", {})
    assert (tmp_path / "b" / "report.html").is_file()
    assert [stage.rows for stage in built.status() if stage.name == "builders.folder"] == [1]
    for name in table_names():
        assert built.table(name).schema.names
    [clips] = built.sql("SELECT count(*) AS n FROM clips").to_pylist()
    assert clips["n"] == built.table("clips").num_rows > 0
    assert built.errors().column("step").to_pylist() == ["builders.folder"]
    with pytest.raises(cl.UserError, match="did you mean clips"):
        built.table("clip")
    with pytest.raises(cl.UserError, match="only one SELECT"):
        built.sql("DROP TABLE clips")
    assert (tmp_path / "b" / "films").is_dir() and not (tmp_path / "b" / "dataset").exists()
    assert built.dataset()["train"].num_rows == built.table("dataset").num_rows > 0
    [line, *_] = [f for f in cl.plan(user_code.recipe(videos), tmp_path / "b") if f.name == "builders.shots"]
    assert (line.done, line.to_do) == (1, 0)
