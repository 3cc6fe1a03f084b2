"""The first words with a model's server: is it there, does it know us, has it the model, and which one?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.contract.errors import RowError, UserError, Waiting, nearest
from . import load_balancer as polite
from .load_balancer import ServerTrouble, unreachable_message
from .model import ChatModelOptions
from .openai_protocol import as_json

if TYPE_CHECKING:
    from .remote import RemoteServer

_SHOWN = 8  # models named in a hint


class HealthCheck(NamedTuple):
    """What a server says of the model, or why it says nothing (one line)."""

    revision: str = ""
    trouble: str = ""


async def greet(server: RemoteServer, model: ChatModelOptions) -> HealthCheck:
    """See that a server has the model. One that is loading is waited for.

    Raises:
        UserError: it is no such server, does not accept the key, or has other models.
        Waiting: it was busy for all of ``max_wait_s``.
    """
    loop = asyncio.get_running_loop()
    began, pause = loop.time(), polite.BACK_OFF_S
    while True:
        try:
            return HealthCheck(_find_model(await server.send("/models"), server.url, model))
        except ServerTrouble as error:
            trouble = error
        except RowError as error:
            return await _without_list(server, model, error)
        if trouble.kind == "gone":
            return HealthCheck(trouble=f"nothing answers at {trouble.message}")
        if trouble.kind == "slow":
            return HealthCheck(trouble=trouble.message)
        pause = max(pause * 2, trouble.after_s or 0)
        if loop.time() + pause - began > model.max_wait_s:
            raise Waiting(unreachable_message([server.url], trouble))
        await asyncio.sleep(pause)


async def _without_list(server: RemoteServer, model: ChatModelOptions, error: RowError) -> HealthCheck:
    """A server may have no list of models; then a question without content tells whether it takes questions."""
    try:
        await server.send("/chat/completions", {"model": model.name, "messages": []})
    except RowError as said:
        if "answered 404" in said.message or "answered 405" in said.message:
            hint = "an address ends in /v1" if not server.url.endswith("/v1") else "mend the model's url"
            raise UserError(f"no OpenAI-compatible server is at {error.message[:200]}", hint) from None
    except ServerTrouble:
        pass  # it takes questions; what is wrong with it will show
    return HealthCheck()


def _find_model(content: bytes, url: str, model: ChatModelOptions) -> str:
    """What a list of models says of ours."""
    found: Any = (as_json(content) or {}).get("data")
    if not isinstance(found, list):
        hint = "an address ends in /v1" if not url.endswith("/v1") else "mend the model's url"
        raise UserError(f"what answers at {url} is no OpenAI-compatible server", hint)
    models = {str(each["id"]): each for each in found if isinstance(each, dict) and "id" in each}
    if models and model.name not in models:
        names = ", ".join([*models][:_SHOWN]) + (", …" if len(models) > _SHOWN else "")
        raise UserError(f"{url} has no model {model.name}{nearest(model.name, models)}", f"models there: {names}")
    return _revision(models.get(model.name, {}))


def _revision(model: Mapping[str, Any]) -> str:
    """What tells one file of weights from another, and stays the same when the server starts again."""
    root = str(model.get("root") or model.get("id") or "")
    meta = model.get("meta")
    size = f" {meta['size']} bytes" if isinstance(meta, dict) and isinstance(meta.get("size"), int) else ""
    return f"{PurePath(root).name if root.startswith('/') else root}{size}"
