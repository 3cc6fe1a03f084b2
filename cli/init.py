"""``cliploom init``: a recipe to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    kind: Annotated[str, typer.Argument(help="Which recipe to start from; `cliploom recipes` lists them.")] = "clips",
    folder: Annotated[Path, typer.Option("--folder", help="Where to write it.")] = Path(),
) -> None:
    """Write a recipe to start from.

    The file is KIND.yaml; one that is there already is left alone.
    """
    from ..engine.contract.errors import UserError
    from .recipes import recipe_text

    text = recipe_text(kind)
    target = folder / f"{kind}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"{target} is there already", "choose another --folder, or move it away") from None
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from None
    except RecursionError:  # of pathlib, for a folder in a thousand folders
        raise UserError(f"{folder} is too long a path") from None
    print(f"wrote {target}")
    print(f"edit it, look with `cliploom plan {target}`, then run `cliploom build {target}`")
