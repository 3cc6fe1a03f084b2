"""Builds on a Ray cluster of one head and two nodes, all on this machine: the same tables, whatever dies."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe, load_recipe
from cliploom.engine.execution.ray_pool import ray_executor
from cliploom.engine.execution.runner import RunOptions


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that does no work and two nodes with one processor each."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0",  # all of it on 127.0.0.1
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_AUTH_TOKEN": "0123456789abcdef" * 2,
        }.items():  # fmt: skip
            patch.setenv(name, value)
        import ray
        from ray.cluster_utils import Cluster

        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 100 << 20})
        made.films = [made.add_node(num_cpus=1, object_store_memory=100 << 20) for _ in range(2)]
        ray.init(address=made.address, log_to_driver=False)
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tmp_path_factory.mktemp("ray")
    (folder / "films").mkdir()
    source = Path(__file__).parents[1] / "media/birds_cc0_1s.mp4"
    for number in range(6):
        (folder / f"films/birds{number}.mp4").write_bytes(source.read_bytes() + bytes(number))
    text = f"""
name: films
shards: 3
steps:
  - builders.folder: {{path: {folder / "films"}}}
  - builders.scan: {{frames_per_s: 1}}
  - builders.shots: {{}}
  - builders.clips: {{min_s: 0.2, max_s: 30, cut: smart}}
"""
    (folder / "films.yaml").write_text(text)
    return load_recipe(folder / "films.yaml")


def _rows(root: Path) -> dict[str, bytes]:
    return {str(f.relative_to(root)): f.read_bytes() for f in sorted((root / "tables").rglob("rows-*.parquet"))}


@pytest.fixture(scope="module")
def expected(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("local")
    run_build(recipe, root / "b", RunOptions())
    return _rows(root / "b")


ON_RAY = RunOptions(executor=ray_executor("ray"))


def test_the_tables_are_those_of_one_machine(
    cluster: Any, recipe: Recipe, expected: dict[str, bytes], tmp_path: Path
) -> None:
    run_build(recipe, tmp_path / "b", ON_RAY)
    assert len(expected) > 8
    assert _rows(tmp_path / "b") == expected
    stages = Build.read(tmp_path / "b").funnel()
    assert {stage.failed for stage in stages} == {0}


def test_a_node_that_is_lost_blames_no_row(
    cluster: Any, recipe: Recipe, expected: dict[str, bytes], tmp_path: Path
) -> None:
    kills = int(os.environ.get("CLIPLOOM_TEST_NODE_KILLS", "2"))
    with ThreadPoolExecutor(1) as pool:
        build = pool.submit(run_build, recipe, tmp_path / "b", ON_RAY)
        for number in range(kills):  # here, as Ray adds nodes in the main thread alone
            if wait([build], 2.0 + number % 5).done:
                break
            cluster.remove_node(cluster.films.pop(0), allow_graceful=False)
            cluster.films.append(cluster.add_node(num_cpus=1, object_store_memory=100 << 20))
        build.result()
    assert _rows(tmp_path / "b") == expected
    assert {stage.failed for stage in Build.read(tmp_path / "b").funnel()} == {0}


def test_a_step_that_fits_no_node_is_refused_before_anything_starts(
    cluster: Any, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cliploom.builders.scan import Scan

    monkeypatch.setattr(Scan, "memory_mb", 1 << 24)
    with pytest.raises(UserError, match="builders.scan needs .* the largest node of the cluster has 1 CPU"):
        run_build(recipe, tmp_path / "b", ON_RAY)
    assert not list((tmp_path / "b").rglob("rows-*"))


def test_no_process_is_left(cluster: Any) -> None:
    until = time.monotonic() + 30
    while left := _workers():
        assert time.monotonic() < until, left
        time.sleep(0.5)


def _workers() -> list[str]:
    """Actors of ours, and worker processes of theirs."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if "ray::RayWorker" in words:
                found.append(f"{entry.name} {words}")
    return found


@pytest.mark.parametrize("words", ["", "rays", "ray://", "ray://host", "ray:/host:1", "http://h:1"])
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises(UserError, match="it is `ray`, or ray://"):
        ray_executor(words)
