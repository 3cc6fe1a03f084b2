"""A release loaded by what people load it with, in a process of its own, without network.

Run as a module with a folder and a number, it writes findings to standard output, each as a line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ...engine.contract.errors import RowError
from ...engine.contract.extras import extra
from ...engine.contract.words import number_of
from ...engine.execution.failures import attempt, plain_text
from .findings import Finding, note

_WHOLE_BYTES = 2 << 30  # of a table: a larger one is read as a stream alone, since reading it whole copies it
_TIMEOUT_S = 6 * 3600.0
_WITHOUT = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT")


def load_release(folder: Path, every: int) -> list[Finding]:
    """Load each table, streaming and not, and play every so many-th video; what went wrong.

    Raises:
        UserError: ``datasets`` is not installed.
    """
    with extra("hub"):
        import datasets  # noqa: F401
    with tempfile.TemporaryDirectory() as home:
        environment = {key: value for key, value in os.environ.items() if key not in _WITHOUT}
        environment |= {"HF_HOME": home, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_XET": "1"}
        environment |= {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        environment |= {"HF_DATASETS_CACHE": f"{home}/datasets", "HF_HUB_CACHE": f"{home}/hub"}
        words = [sys.executable, "-m", __name__, str(folder.absolute()), str(every)]
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, cwd=home, timeout=_TIMEOUT_S, check=False
        )
    found = [Finding(*json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it was killed"])[-1][:300]
        found.append(Finding(f"the process that loads the release ended with {done.returncode}: {said}", _AGAIN))
    return found


_AGAIN = "publish from a build that is whole, and say what you did if it stays so"


def main() -> None:
    """Say what goes wrong."""
    folder, every = Path(sys.argv[1]), int(sys.argv[2])
    front = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("\n---\n")[0][4:])
    for info in front["dataset_info"]:
        for streaming in (False, True):
            if streaming or info["dataset_size"] <= _WHOLE_BYTES:
                for finding in _load(folder, info, streaming, every):
                    print(json.dumps(finding), flush=True)


def _load(folder: Path, info: dict[str, Any], streaming: bool, every: int) -> Iterator[Finding]:
    import datasets

    name = info["config_name"]
    how = f"the table {name}{' as a stream' if streaming else ''}"
    got = attempt(lambda: datasets.load_dataset(str(folder), name, streaming=streaming))
    if got.error is not None:
        yield Finding(f"{how} does not load: {_words(got.error)}", _AGAIN)
        return
    wanted = datasets.Features._from_yaml_list(info["features"])
    for split in info["splits"]:
        if split["name"] not in got.value:
            yield Finding(f"{how} has no split {split['name']}", _AGAIN)
            continue
        data = _without_decoding(got.value[split["name"]], streaming)
        if data.features is not None and set(data.features) != set(wanted):
            odd = ", ".join(sorted(set(data.features) ^ set(wanted)))
            yield Finding(f"{how} has other columns than its card says: {odd}", _AGAIN)
        counted = attempt(_count, data, every if streaming and name == "default" else 0)
        if counted.error is not None:
            yield Finding(f"{how} cannot be read to its end: {_words(counted.error)}", _AGAIN)
            continue
        rows, findings = counted.value
        yield from findings
        if rows != split["num_examples"]:
            said = f"{how} has {number_of(rows, 'row')} in {split['name']}, and its card says {split['num_examples']:,}"
            yield Finding(said, _AGAIN)


def _without_decoding(data: Any, streaming: bool) -> Any:
    import datasets

    if streaming:
        return data.decode(False)
    for name, feature in data.features.items():
        if isinstance(feature, datasets.Video | datasets.Image):
            data = data.cast_column(name, type(feature)(decode=False))
    return data


def _count(data: Any, every: int) -> tuple[int, list[Finding]]:
    """The rows, and what is wrong with every so many-th video; 0 plays none."""
    rows, findings = 0, []
    for row in data:
        if every and rows % every == 0:
            for value in row.values():
                if _is_video(value) and (said := play(value)):
                    clip = row.get("clip_id") or row.get("__key__")
                    findings.append(Finding(f"the video of {clip} does not play: {said}", "cut the clip again"))
        rows += 1
    if every and not findings and rows:
        findings += _torchcodec(data)
    return rows, findings


def _is_video(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"bytes", "path"} and any(v is not None for v in value.values())


def play(video: dict[str, Any]) -> str:
    """Decode a whole video file, given as ``datasets`` stores it; what went wrong, or nothing."""
    if video["bytes"] is None:
        return _play_file(video["path"])
    suffix = Path(video["path"] or "clip.mp4").suffix
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(video["bytes"])
        file.flush()
        return _play_file(file.name)


def _play_file(path: str) -> str:
    from ...media.container import best_video, open_media
    from ...media.decode import StreamObservers, decode_all

    frames = 0

    def watch(frame: Any) -> None:
        nonlocal frames
        frames += 1

    try:
        with open_media(path) as container:
            stream = best_video(container)
            if stream is None:
                return "it has no pictures"
            seen = StreamObservers(stream, watch)
            stopped = decode_all(container, [seen])
    except RowError as error:
        return error.message
    return "; ".join([*seen.complaints(), *([stopped] if stopped else []), *([] if frames else ["it has no frame"])])


def _torchcodec(data: Any) -> list[Finding]:
    """Does the first video decode as it does for a user who has torchcodec?"""
    tried = attempt(__import__, "torchcodec")
    if isinstance(tried.error, ModuleNotFoundError):
        return []
    name = next((name for name, f in (data.features or {}).items() if type(f).__name__ == "Video"), None)
    got = attempt(lambda: next(iter(data.decode(True)))[name]) if name and tried.error is None else tried
    said = f"torchcodec does not decode the first video here: {_words(got.error)}" if got.error else ""
    return [note(said, "it may be this machine's FFmpeg; the card shows how to load without it")] if said else []


def _words(error: BaseException | None) -> str:
    lines = plain_text(error).strip().splitlines() or [type(error).__name__]
    return f"{type(error).__name__}: {' '.join(lines)[:300]}"


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # a stream that was not read to its end has threads that can abort the interpreter while it ends
