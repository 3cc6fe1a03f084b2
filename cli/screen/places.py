"""What a command's argument stands for: a recipe file, or a build folder by its path or by its recipe's."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.contract.errors import UserError

if TYPE_CHECKING:
    from ...cards.release.reading import DatasetFolder, DatasetPlace
    from ...engine.build import Build
    from ...engine.contract.recipe import Recipe

_ENDINGS = (".yaml", ".yml")


def open_recipe(path: Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe file.

    Raises:
        UserError: as ``load_recipe``; for a file that is not there it says what may have been meant.
    """
    from ...engine.contract.recipe import load_recipe

    if path.is_dir():
        raise UserError(f"{path} is a folder, and a recipe is a file", _about_folder(path))
    if not path.exists() and not path.is_symlink():
        raise UserError(f"there is no recipe {path}", _about_absent(path))
    return load_recipe(path, settings)


def open_build(path: Path) -> Build:
    """Open a build folder, also by the recipe file that it was made with.

    Raises:
        UserError: there is no build; it says where one was looked for.
    """
    from ...engine.build import Build
    from ...engine.storage.addresses import address_of
    from ..build import build_folder

    if path.is_file() and path.suffix in _ENDINGS:
        root = build_folder(open_recipe(path).name)
        if not root.is_dir():
            hint = f"`cliploom build {path}` makes it; one that --out put elsewhere is named by its folder"
            raise UserError(f"{path} has no build in {root}", hint)
        return Build.read(root)
    usual = build_folder(path.name)
    if not path.exists() and usual.is_dir() and not address_of(path):
        raise UserError(f"there is no folder {path}", f"did you mean {usual}?")
    return Build.read(path)


def find_dataset(path: Path) -> DatasetFolder:
    """Open a dataset folder: itself, the one of a build folder, or of the build of a recipe file.

    Raises:
        UserError: there is none.
    """
    from ...cards.release.reading import open_dataset as open_folder

    return open_folder(_dataset_or_build(path))


def find_dataset_place(path: Path) -> DatasetPlace:
    """The same without a look at its tables, which may be of any kind."""
    from ...cards.release.reading import locate_dataset

    return locate_dataset(_dataset_or_build(path))


def _dataset_or_build(path: Path) -> Path:
    from ...cards.release.reading import CARD
    from ...engine.storage.addresses import bring

    if (path / CARD).is_file():
        return path
    build = open_build(path)
    if build.dataset is not None:
        bring(build.root, build.dataset.name)  # of a build in a bucket
    return build.root


def _about_folder(path: Path) -> str:
    inside = sorted(file for file in path.iterdir() if file.suffix in _ENDINGS and file.name != "recipe.lock.yaml")
    if (path / "recipe.lock.yaml").is_file():
        return f"it holds a build: `cliploom status {path}` shows it; to build again, name the recipe"
    return f"did you mean {inside[0]}?" if inside else "`cliploom init` writes a recipe to start from"


def _about_absent(path: Path) -> str:
    from ..recipes import recipe_names

    beside = [file for ending in _ENDINGS if (file := path.with_name(f"{path.name}{ending}")).is_file()]
    if beside:
        return f"did you mean {beside[0]}?"
    name, names = path.name.removesuffix(".yaml"), recipe_names()
    there = {file.name: file for file in path.parent.glob("*") if file.suffix in _ENDINGS}
    ships = [name] if name in names else get_close_matches(name, names, n=1)
    if name not in names and (guess := get_close_matches(path.name, there, n=1)):
        return f"did you mean {there[guess[0]]}?"
    if not ships:
        return "`cliploom recipes` lists those that ship, and `cliploom init NAME` writes one"
    built = "; `cliploom demo` builds it as it is" if ships == ["demo"] else ""
    return f"the recipe {ships[0]} ships: `cliploom init {ships[0]}` writes it to {ships[0]}.yaml, to be edited{built}"
