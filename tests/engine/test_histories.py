"""After any history of builds, every table and every number is that of a fresh build."""

from __future__ import annotations

import random
from pathlib import Path

import histories
import pytest
from histories import World, killed_after

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.preview import preview_build

STEPS = 7  # of a history

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    histories.all_inline(monkeypatch)


def build(world: World, root: Path, limit: int | None = None, retry: bool = False) -> None:
    try:
        run_build(world.recipe(), root, RunOptions(workers=1, limit=limit, retry_failed=retry))
    except UserError as error:
        assert error.message == "no clip is left to publish"


def change(world: World, rng: random.Random) -> str:
    """Change something that there is to build; the word for it."""
    names = sorted(world.films)
    what = rng.choice(["add", "add", "remove", "rename", "replace", "touch", "swap", "most_s", "word", "loud"])
    if what == "add" or len(names) < 2:
        world.films[f"v{rng.randrange(30):02d}"] = [rng.randrange(60), 0]
        return "add"
    one, other = rng.sample(names, 2)
    if what == "remove":
        del world.films[one]
    elif what == "rename":
        world.films[f"w{rng.randrange(30):02d}"] = world.films.pop(one)
    elif what == "replace":
        world.films[one] = [rng.randrange(60), 0]
    elif what == "touch":
        world.films[one][1] += 1
    elif what == "swap":
        world.films[one], world.films[other] = world.films[other], world.films[one]
    elif what == "most_s":
        world.most_s = rng.choice([1.0, 2.0, 9.0])
    elif what == "word":
        world.word = rng.choice("ab")
    else:
        world.loud = rng.choice([1, 2])
    return what


@pytest.mark.parametrize("seed", range(7))
def test_any_history_ends_as_a_fresh_build(seed: int, tmp_path: Path) -> None:
    rng, world, root, said = random.Random(seed), World(), tmp_path / "history", []
    gone: dict[str, list[int]] = {}
    for _ in range(8):
        change(world, rng)
    for _ in range(STEPS):
        said.append(change(world, rng))
        if rng.random() < 0.3 and world.films:  # it comes back two steps later
            gone |= (left := {name: world.films.pop(name) for name in rng.sample(sorted(world.films), 1)})
            said.append(f"away {left}")
        elif gone and rng.random() < 0.5:
            world.films |= gone
            gone.clear()
            said.append("back")
        if not world.films:
            continue
        way = rng.random()
        if way < 0.3:
            operations = rng.randrange(250)
            said.append(f"killed {operations}")
            with killed_after(operations):
                build(world, root)
        elif way < 0.45:
            said.append("limit")
            build(world, root, limit=rng.randrange(1, 4))
        else:
            said.append("build")
            build(world, root, retry=rng.random() < 0.2)
        if (root / "recipe.lock.yaml").exists():
            histories.check_sums(root)
            Build.read(root).funnel()
    world.films |= gone or {"v99": [8, 0]}
    build(world, root)
    build(world, tmp_path / "fresh")
    assert histories.contents(root) == histories.contents(tmp_path / "fresh"), said
    ended = Build.read(root).funnel()[-1].finished
    assert not ended or not any(f.to_do or f.after for f in preview_build(world.recipe(), root, RunOptions(workers=1)))
    histories.check_sums(root)
