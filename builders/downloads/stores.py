"""Files of object stores (``s3://``, ``gs://``, ``hf://``, …), through fsspec."""

from __future__ import annotations

from pathlib import Path

from ...engine.contract.errors import UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from .faults import FetchError, check_disk

_PIECE_BYTES = 1 << 20


def requirements() -> list[Requirement]:
    """What reads object stores."""
    return extra_packages("download", "fsspec")


def copy_file(url: str, part: Path, max_mb: int) -> None:
    """Copy a file of a store, as the user's own settings (environment, profiles) let it be read.

    Raises:
        FetchError: it does not come.
        UserError: the package of that store is missing, or the disk is full.
    """
    with extra("download"):
        import fsspec

    size = 0
    try:
        with fsspec.open(url, "rb") as source, part.open("wb") as file:
            while piece := source.read(_PIECE_BYTES):
                size += len(piece)
                if max_mb and size > max_mb * 1_000_000:
                    raise FetchError(f"{url}: it is larger than {max_mb} MB", "too_large")
                file.write(piece)
    except ImportError as error:
        raise UserError(f"builders.urls cannot read {url}: {error}") from None
    except FileNotFoundError:
        raise FetchError(f"{url}: there is no such file", "removed") from None
    except PermissionError as error:
        raise FetchError(f"{url}: {error}", "forbidden") from None
    except ValueError as error:
        raise FetchError(f"{url}: {error}", "bad_address") from None
    except OSError as error:
        check_disk(error, str(part.parent))
        raise FetchError(f"{url}: {error}", "network") from None
    if not size:
        raise FetchError(f"{url}: it is empty", "truncated")
