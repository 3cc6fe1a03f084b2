"""``cliploom publish`` as a shell sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
import releases
from commands import Run


@pytest.mark.parametrize(
    "words",
    [(), ("--to", "a/b", "--folder", "x"), ("--folder", "x", "--layout", "tars"), ("--folder", "x", "--dry-run")],
)
def test_what_cannot_be_meant_is_one_line(cliploom: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    said = cliploom("publish", tmp_path, *words)
    assert said.code == 2 and said.err.startswith("error: ") and len(said.err.splitlines()) <= 2
    assert "Traceback" not in said.err and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_folder_gets_a_release_and_the_check_says_what_speaks_against_it(cliploom: Run, tmp_path: Path) -> None:
    source = releases.source(tmp_path, "virtual")
    said = cliploom("publish", source.root, "--folder", tmp_path / "out")
    assert said.code == 0 and said.out.startswith("version 1.0.0 written: ")
    assert said.out.splitlines()[1] == str(tmp_path / "out") and (tmp_path / "out" / "README.md").is_file()
    said = cliploom("publish", source.root, "--check")
    assert said.code == 0 and "error: " not in said.out  # a note, where mlcroissant is not installed
    assert said.out.splitlines()[-1] == "1 table, 8 clips, 0 videos played: nothing would break this release"
    card = source.root / "README.md"
    card.write_text(card.read_text().replace("license: cc-by-4.0", "license: my-own"))
    said = cliploom("publish", source.root, "--check")
    assert said.code == 1 and said.out.startswith("error: the Hub knows no licence 'my-own'; name one that it knows")


def test_the_demo_says_the_command_that_would_publish_it(
    cliploom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cliploom.cli.build.do_build", lambda *_: None)
    monkeypatch.setattr("cliploom.cli.screen.outcome.end_build", lambda *_: None)
    said = cliploom("demo", "--out", "my demo")
    assert said.out.splitlines()[-1] == "publish:  cliploom publish 'my demo' --to USER/NAME"
