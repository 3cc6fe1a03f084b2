"""Asking the Hub: patient with a server that is busy, and plain about what it refuses."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from ...engine.contract.errors import UserError
from ...engine.contract.extras import extra
from ...engine.execution.failures import attempt, plain_text

T = TypeVar("T")

PATIENCE_S = 600.0  # that a server may be busy or gone before it is given up
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_TRANSPORT = {"TransportError", "ConnectionError", "Timeout", "TimeoutException"}  # of httpx, httpx2 and requests
_QUOTA = re.compile(r"quota|storage limit|upgrade|exceed", re.IGNORECASE)


class HubUnreachable(UserError):
    """The server does not answer, or is too busy for too long."""


class HubForbidden(UserError):
    """The token may not do this."""


class HubRace(Exception):
    """Somebody else changed the repository meanwhile."""


class Trouble(NamedTuple):
    """What is wrong with a request: how long to wait, or who can mend it."""

    message: str
    hint: str = ""
    passes: bool = False  # by itself
    after_s: float | None = None  # the server says when
    race: bool = False
    forbidden: bool = False


class HubClient:
    """One dataset repository on the Hub.

    The token is the client library's own: ``HF_TOKEN``, or what ``hf auth login`` has kept. It is not told to anything.
    """

    def __init__(self, repo: str, patience_s: float = PATIENCE_S) -> None:
        """Raise ``UserError`` for a name that is none, a missing package or no token."""
        with extra("hub"):
            import huggingface_hub
            from huggingface_hub.utils import logging
            from huggingface_hub.utils.tqdm import disable_progress_bars
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
            raise UserError(f"{repo!r} is no name of a dataset on the Hub", "write it as user/name")
        disable_progress_bars()
        logging.set_verbosity(40)  # errors: what else it says, we say
        self.repo, self.patience_s = repo, patience_s
        self.token = huggingface_hub.get_token() or ""
        if not self.token:
            raise UserError("there is no token for the Hub", "`hf auth login` keeps one, or set HF_TOKEN")
        self.api = huggingface_hub.HfApi(library_name="cliploom")

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self.api.endpoint}/datasets/{self.repo}"

    def ask(self, call: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call a method of ``api`` until it answers, for as long as patience lasts.

        Raises:
            HubRace: the repository is not what the request took it for.
            UserError: what the server refuses, in one line. ``HubUnreachable`` where patience ran out,
                ``HubForbidden`` where the token may not do it.
        """
        pause, end = _FIRST_PAUSE_S, time.monotonic() + self.patience_s
        while True:
            got = attempt(partial(call, *args, **options))
            if got.error is None:
                answer: T = got.value
                return answer
            if not isinstance(got.error, Exception):
                raise got.error
            trouble = self._judge(got.error)
            if trouble.race:
                raise HubRace(trouble.message) from None
            if not trouble.passes:
                kind = HubForbidden if trouble.forbidden else UserError
                raise kind(trouble.message, trouble.hint) from None
            wait = pause * random.uniform(0.5, 1.0) if trouble.after_s is None else trouble.after_s
            if time.monotonic() + wait > end:
                raise HubUnreachable(trouble.message, "publish again: it goes on where it was") from None
            time.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def try_ask(self, call: Callable[..., T], *args: Any, **options: Any) -> T | None:
        """As ``ask``; None where there is no such repository, revision or file."""
        from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError
        from huggingface_hub.errors import RevisionNotFoundError as NoRevision

        def attempt() -> T | None:
            try:
                return call(*args, **options)
            except GatedRepoError:
                raise
            except (EntryNotFoundError, RepositoryNotFoundError, NoRevision) as error:
                if _status(error) == 401:
                    raise
                return None

        return self.ask(attempt)

    def _judge(self, error: Exception) -> Trouble:
        chain = list(_causes(error))
        names = {cls.__name__ for one in chain for cls in type(one).__mro__}
        if "OfflineModeIsEnabled" in names:
            return Trouble("the Hub's client is told to stay offline", "unset HF_HUB_OFFLINE")
        answer = next((one for one in chain if getattr(one, "response", None) is not None), None)
        if answer is not None:
            return self._refusal(answer, names)
        said = self._plain(error)
        if names & _TRANSPORT:
            return Trouble(f"{self.api.endpoint} does not answer: {said}", passes=True)
        hint = "HF_HUB_DISABLE_XET=1 uploads without Xet" if "xet" in said.lower() else ""
        return Trouble(f"the upload to {self.repo} failed: {said}", hint)

    def _refusal(self, error: BaseException, names: set[str]) -> Trouble:
        response: Any = error.response  # type: ignore[attr-defined]
        status, said = int(response.status_code), self._plain(_server_words(error))
        if status in _BUSY:
            what = "is asked too much" if status == 429 else "is busy"
            return Trouble(f"the Hub {what} ({status}: {said})", passes=True, after_s=_wait(response.headers))
        if status in (409, 412) or "RevisionNotFoundError" in names:
            return Trouble(said, race=True)
        if "GatedRepoError" in names:
            return Trouble(f"{self.repo} is gated, and this token has no access", f"ask for it at {self.url}")
        if status in (402, 413, 507) or (status == 403 and _QUOTA.search(said)):
            return Trouble(f"the Hub has no room for this in {self.repo}: {said}", "free space, or ask for more")
        if status == 401 and "credentials" in said:
            return Trouble("the Hub does not know this token", "`hf auth login` keeps a new one, or set HF_TOKEN")
        if status in (401, 404):
            hint = "look at the name, and at what the token may see"
            return Trouble(f"there is no dataset {self.repo} that this token may see ({said})", hint)
        if status == 403:
            hint = "it needs the role `write` there"
            return Trouble(f"this token may not write to {self.repo}: {said}", hint, forbidden=True)
        return Trouble(f"the Hub refuses this ({status}): {said}")

    def _plain(self, value: object) -> str:
        lines = [line.strip() for line in plain_text(value).splitlines() if line.strip()]
        said = " ".join(lines)[:300]
        return re.sub(r"\?[^\s'\"]*=[^\s'\"]*", "", said).replace(self.token, "…")  # a signed address is a key too


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0))


def _server_words(error: Any) -> str:
    said = getattr(error, "server_message", None) or error.response.headers.get("X-Error-Message") or str(error)
    return str(said)


def _wait(headers: Any) -> float | None:
    """Seconds that the server asks for, of ``Retry-After`` or of the rate limit's own header."""
    said = str(headers.get("Retry-After") or "").strip()
    if said.isdigit():
        return float(said)
    if said:
        parsed = attempt(parsedate_to_datetime, said).value
        return max(0.0, parsed.timestamp() - time.time()) if parsed else None
    limit = str(headers.get("RateLimit") or "")  # "api";r=0;t=55
    found = re.search(r"\bt=(\d+)", limit) if re.search(r"\br=0\b", limit) else None
    return float(found[1]) if found else None
