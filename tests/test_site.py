"""The pages that explain: each is on the site, speaks of what there is, and what it shows can be done."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import cliploom as cl

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CODE = [path for path in ROOT.glob("[!.]*/**/*.py") if path.relative_to(ROOT).parts[0] not in ("build", "src", "tests")]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder like a clone after ``pip install .``: the sample videos, and a command ``cliploom``."""
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    command = tmp_path / "bin" / "cliploom"
    command.parent.mkdir()
    program = "from cliploom.cli.main import main; main()"
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{program}' \"$@\"\n", encoding="utf-8")
    command.chmod(0o755)
    return tmp_path


def run(command: str | list[str], folder: Path) -> str:
    """What a command prints."""
    env = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    done = subprocess.run(
        command, shell=isinstance(command, str), cwd=folder, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_page_is_on_the_site() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"- ([\w/-]+\.md)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
    assert set(re.findall(r"\(([\w-]+\.md)\)", (DOCS / "decisions" / "index.md").read_text(encoding="utf-8"))) == {
        page.name for page in (DOCS / "decisions").glob("*.md") if page.name != "index.md"
    }
    assert yaml.safe_load(text)["theme"]["font"] is False


def test_every_public_name_is_explained() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    assert [name for name in cl.__all__ if not re.search(rf"cliploom\.{name}$|`{name}`", page, re.MULTILINE)] == [
        "__version__"
    ]


def test_every_term_of_the_glossary_is_in_use() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in CODE)
    pages = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md") if page.name != "glossary.md")
    lines = [line for line in (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines() if line.startswith("- ")]
    found = [re.fullmatch(r"- \*\*(.+?)\*\*(?: \(`(\w+)`\))?: (.+\.)", line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    terms = [match for match in found if match]
    assert [t[1] for t in terms] == sorted(t[1] for t in terms)
    for term in terms:
        assert re.search(rf"\b{term[1]}", pages + code, re.IGNORECASE), f"nobody speaks of {term[1]}"
        if term[2]:
            assert re.search(rf"(class|def) {term[2]}\b|^{term[2]} = ", code, re.MULTILINE), f"there is no {term[2]}"


@pytest.mark.parametrize(
    "page", ["architecture.md", "glossary.md", *(f"decisions/{p.name}" for p in DOCS.glob("decisions/*.md"))]
)
def test_files_that_are_named_exist(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:[a-z]\w*/)+(?:\w+\.py)?", text)) | set(re.findall(r"\b\w+(?:/\w+)+\.py", text))
    inside = {name for name in named if (ROOT / name.split("/")[0]).is_dir()}
    assert page != "architecture.md" or len(inside) > 30
    assert not [name for name in inside if not (ROOT / name).exists()]


@pytest.mark.slow
def test_the_tutorial_can_be_followed(workplace: Path) -> None:
    for language, text in BLOCK.findall((DOCS / "tutorial.md").read_text(encoding="utf-8")):
        if language == "yaml":
            (workplace / "first.yaml").write_text(text, encoding="utf-8")
        elif language == "python":
            assert run([sys.executable, "-c", text], workplace)
        elif language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, *shown = part.splitlines()
                printed = [" ".join(line.split()) for line in run(command, workplace).splitlines()]
                at = 0
                for line in shown:  # in this order, as they stand but for spaces
                    assert line == "…" or line and " ".join(line.split()) in printed[at:], (line, printed)
                    at = at if line == "…" else printed.index(" ".join(line.split()), at) + 1


@pytest.mark.slow
def test_the_notebook_runs(workplace: Path) -> None:
    book = json.loads((DOCS / "first-dataset.ipynb").read_text(encoding="utf-8"))
    assert not [cell for cell in book["cells"] if cell.get("outputs")], "clear its outputs"
    code = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 5
    (workplace / "docs").mkdir(exist_ok=True)
    run([sys.executable, "-c", "\n".join(code)], workplace / "docs")  # where Jupyter runs it


@pytest.mark.skipif(not shutil.which("mkdocs", path=str(Path(sys.executable).parent)), reason="mkdocs is not installed")
def test_the_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    mkdocs = Path(sys.executable).with_name("mkdocs")
    run(
        [
            str(mkdocs),
            "build",
            "--strict",
            "--quiet",
            "--config-file",
            str(ROOT / "mkdocs.yml"),
            "--site-dir",
            str(tmp_path),
        ],
        ROOT,
    )
    pages = [page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html")]
    assert len(pages) >= len(list(DOCS.rglob("*.md")))
    loaded = re.compile(r"""<(?:script|img|link)[^>]*(?:src|href)=["'](?:https?:)?//[^"']+""")
    assert not [found for page in pages for found in loaded.findall(page)]
