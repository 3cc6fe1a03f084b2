"""The wheel: it holds the package and nothing else, and works where nothing else is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = (
    "schemas",
    "builders",
    "captioners",
    "filters",
    "annotation",
    "cards",
    "models",
    "media",
    "engine",
    "cli",
    "recipes",
)
MODULES = ("__init__.py", "__main__.py", "api.py", "py.typed", "testing.py")
AT_THE_ROOT = (*MODULES, "requirements-models.txt")
BESIDE = (*AT_THE_ROOT, "pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE", "tests", "docs", "benchmarks")
SIZE_MB = 5
ELSEWHERE = {"dev", "docs", "test", "vllm"}  # what needs no testing with its oldest, or an environment of its own


def package_files() -> set[str]:
    """What the wheel must hold, as found in the folders of the package."""
    found = {path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    files = {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}
    return {f"cliploom/{name}" for name in files | set(AT_THE_ROOT)}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as a zip download gives it: no .git, and links as the small text files that some tools make of them."""
    place = tmp_path_factory.mktemp("tree")
    ours = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in (*FOLDERS, *BESIDE):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=ours)
        else:
            shutil.copy(ROOT / name, place / name)
    (place / "src" / "cliploom").mkdir(parents=True)
    for name in FOLDERS:
        (place / "src" / "cliploom" / name).write_text(f"../../{name}")
    return place


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    """The wheel, built without going to the network."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", str(tree / "dist"), str(tree)], check=True)
    [made] = (tree / "dist").glob("*.whl")
    return made


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == package_files()
    licences = {name.rpartition("/")[2] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}
    assert wheel.stat().st_size <= SIZE_MB << 20


def test_it_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    place = sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")})
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    # Its dependencies come from this environment; what makes this one editable stays behind, for a line of a
    # .pth file adds a folder and reads no .pth files there.
    Path(place, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def run(*words: str) -> str:
        code = "import sys; from cliploom.cli.main import main; sys.argv[0] = 'cliploom'; main()"
        made = subprocess.run([python, "-c", code, *words], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        return made.stdout

    where = subprocess.run([python, "-c", "import cliploom; print(cliploom.__file__)"], cwd=tmp_path, env=env,
                           capture_output=True, text=True).stdout  # fmt: skip
    assert Path(where.strip()) == Path(place, "cliploom", "__init__.py")
    assert "Commands:" in run("--help")
    assert "filters.duration" in run("steps")
    assert "builders.folder" in run("recipes", "demo")
    videos = Path(place, "cliploom", "recipes", "media")
    (tmp_path / "r.yaml").write_text(f"name: r\nsteps:\n  - builders.folder: {{path: {videos}}}\n")
    assert "4 videos" in run("build", "r.yaml", "--quiet")
    assert (tmp_path / "builds" / "r" / "report.html").exists()


def test_links_point_into_the_tree() -> None:
    links = {path.name: os.readlink(path) for path in (ROOT / "src" / "cliploom").iterdir() if path.is_symlink()}
    if links:  # a zip download may have none
        assert links == {name: f"../../{name}" for name in (*FOLDERS, *MODULES)}


def test_the_oldest_packages_are_the_lower_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for name in extras if name not in ELSEWHERE for line in extras[name])]
    lower = {"==".join(found.groups()) for line in wanted if (found := re.match(r"([\w.-]+)[^>=]*>=([\w.]+)", line))}
    assert len(lower) >= 10
    first, *lines = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8").splitlines()
    assert first.startswith("#")
    assert lines == sorted(lower), "write these lines:\n" + "\n".join(sorted(lower))
