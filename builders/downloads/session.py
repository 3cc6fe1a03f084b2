"""The HTTP client of a build's downloads."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from . import connections
from .options import DownloadOptions
from .robots import AGENT

if TYPE_CHECKING:
    from aiohttp import ClientSession


def user_agent() -> str:
    """How we name ourselves to servers."""
    try:
        return f"{AGENT}/{version(__name__.partition('.')[0])}"
    except PackageNotFoundError:
        return AGENT


def requirements() -> list[Requirement]:
    """What downloads files."""
    return extra_packages("download", "aiohttp")


@asynccontextmanager
async def open_session(options: DownloadOptions, proxy: str = "") -> AsyncIterator[ClientSession]:
    """A client whose connections go to public addresses alone, unless the options say otherwise."""
    with extra("download"):
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
        from aiohttp.resolver import ThreadedResolver

    class PublicResolver(ThreadedResolver):
        """Leaves addresses out that may not be asked: what a name stands for is looked at after each look-up."""

        async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[Any]:
            found = await super().resolve(host, port, family)
            allowed = [one for one in found if connections.is_public(one["host"])]
            if not allowed:
                raise connections.PrivateAddress(connections.refusal(found[0]["host"] if found else host))
            return allowed

    resolver = ThreadedResolver() if options.allow_private or proxy else PublicResolver()
    connector = TCPConnector(limit=0, resolver=resolver, ttl_dns_cache=300, family=socket.AF_UNSPEC)
    timeout = ClientTimeout(total=None, sock_connect=30.0, sock_read=connections.SLOW_S)
    with ExitStack() as stack:
        if not options.allow_private and not proxy:  # behind a proxy nobody here sees which address is asked
            stack.enter_context(connections.public_only())
        async with ClientSession(
            connector=connector,
            timeout=timeout,
            headers={"User-Agent": user_agent()},
            cookie_jar=DummyCookieJar(),
            trust_env=options.allow_private and bool(getproxies()),  # looked up anew for each request
        ) as session:
            yield session
