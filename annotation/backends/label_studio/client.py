"""A Label Studio server through its own client, with failures in words."""

from __future__ import annotations

import html
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ....engine.contract.errors import UserError
from ....engine.contract.extras import extra

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

P = ParamSpec("P")
T = TypeVar("T")

PAGE = 500
"""Tasks of one request: much larger ones time out behind gateways."""
_WAITS_S = (0.5, 2.0, 5.0)
_LONGEST_WAIT_S = 60.0  # also where a server asks for more
TIMEOUT_S = 60.0
_AGAIN = "What is done is kept: run the command again"
_INSTALL = 'pip install "cliploom[review]", here or in an environment of its own (docs/review.md)'


@dataclass(frozen=True)
class LabelStudioServer:
    """A server that took the token."""

    url: str
    client: LabelStudio
    waits_s: Sequence[float] = _WAITS_S

    def ask(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer to a request that may be repeated.

        Raises:
            UserError: the server cannot be reached, is too slow, refuses, or answers with something else.
        """
        for wait_s in (*self.waits_s, None):
            try:
                return call(*args, **kwargs)
            except _failures() as error:
                if wait_s is None or not _passes(error):
                    raise _in_words(self.url, error) from None
                time.sleep(_wait_s(error, wait_s))
        raise AssertionError

    def pages(self, project: int, fields: str, include: str) -> Iterator[list[dict[str, Any]]]:
        """All tasks of a project, a page at a time; a page that is behind the last one ends it."""
        for page in range(1, 1_000_000):
            found = self.ask(self._page, project, fields, include, page)
            if found:
                yield found
            if len(found) < PAGE:
                return

    def _page(self, project: int, fields: str, include: str, page: int) -> list[dict[str, Any]]:
        from label_studio_sdk.core.api_error import ApiError

        try:
            pager = self.client.tasks.list(project=project, fields=fields, include=include, page=page, page_size=PAGE)
        except ApiError as error:
            if error.status_code == 404 and page > 1:
                return []  # what is behind the last page
            raise
        return [_plain(task) for task in pager.items or []]


def _plain(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = model if isinstance(model, dict) else model.model_dump()
    return found


def open_server(url: str, token_name: str, waits_s: Sequence[float] = _WAITS_S) -> LabelStudioServer:
    """Sign in with the token that an environment variable holds: a personal access token, or a legacy one.

    Raises:
        UserError: there is no token, the server takes none, or cannot be reached.
    """
    token = os.environ.get(token_name, "").strip()
    if not token:
        hint = f"copy one from {url}/user/account and set it: export {token_name}=…"
        raise UserError(f"there is no token in the environment variable {token_name}", hint)
    if not token.isascii() or not token.isprintable():
        raise UserError(f"the token in {token_name} holds characters that no token has", "copy it again")
    with extra("review", _INSTALL):
        from label_studio_sdk import LabelStudio
        from label_studio_sdk.core.api_error import ApiError
    try:
        client = LabelStudio(base_url=url, api_key=token, timeout=TIMEOUT_S, max_retries=0)  # ``ask`` repeats
    except ApiError as error:
        raise _in_words(url, error) from None
    server = LabelStudioServer(url.rstrip("/"), client, waits_s)
    if not isinstance(getattr(server.ask(client.users.whoami), "id", None), int):
        raise UserError(f"what answers at {url} is no Label Studio", "is the address right?")
    return server


def people(server: LabelStudioServer) -> Mapping[int, str]:
    """What each user is called: by e-mail address."""
    found = server.ask(server.client.users.list)
    return {user["id"]: str(user.get("email") or user["id"]) for user in map(_plain, found)}


def _failures() -> tuple[type[Exception], ...]:
    """What the client raises; ``ValueError`` where an answer is no JSON."""
    import httpx
    from label_studio_sdk.core.api_error import ApiError
    from label_studio_sdk.core.parse_error import ParsingError

    return httpx.HTTPError, ApiError, ParsingError, ValueError


def _passes(error: Exception) -> bool:
    """May the same request be answered later?"""
    status = getattr(error, "status_code", None)
    return status is None or status >= 500 or status in (408, 429)


def _wait_s(error: Exception, usual_s: float) -> float:
    """How long to wait: as the server says, or as usual."""
    asked = next((v for k, v in (getattr(error, "headers", None) or {}).items() if k.lower() == "retry-after"), "")
    return min(max(float(asked), usual_s), _LONGEST_WAIT_S) if asked.isdecimal() else usual_s


def _in_words(url: str, error: Exception) -> UserError:
    status = getattr(error, "status_code", None)
    if status is None:
        slow = "Timeout" in type(error).__name__
        what = "answers with something that is no JSON" if isinstance(error, ValueError) else "cannot be reached"
        said = f"{url} {'does not answer in time' if slow else what}: {error}"
        return UserError(said, f"is Label Studio running there? {_AGAIN}")
    told = _words(getattr(error, "body", None))
    if status == 401:
        hint = "it may have expired or been withdrawn; legacy tokens must be allowed in the organization's settings"
        return UserError(f"{url} does not take the token: {told}", hint)
    if status == 403:
        return UserError(f"{url} forbids it: {told}", "is this user a member of the project?")
    if status < 400:
        hint = "is the address right? A sign-in page may stand before the server"
        return UserError(f"{url} does not answer as Label Studio does: {told}", hint)
    return UserError(f"{url} answers {status}: {told}", _AGAIN if _passes(error) else "")


def _words(body: Any) -> str:
    """What an answer says, on one line; of a web page its title."""
    if isinstance(body, Mapping):
        parts = [body.get("detail"), body.get("validation_errors")]
        return " ".join(str(part) for part in parts if part)[:300] or str(dict(body))[:300]
    text = str(body)
    if "<html" in text.casefold() or "<!doctype" in text.casefold():
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
        return f"a web page, {html.unescape(' '.join(title[1].split()))[:100]!r}" if title else "a web page"
    return " ".join(text.split())[:300]
