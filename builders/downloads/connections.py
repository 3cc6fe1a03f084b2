"""The connections that this process makes while a download is under way: where to, how much comes, and how fast."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from ...engine.contract.errors import RowError, TransientError

LARGEST_PAGE_BYTES = 16 << 20
"""Of a page, a list or a key: what is read as a whole and is no video."""
LEAST_BYTES_PER_S = 1024
SLOW_S = 30.0
"""Where less comes in so many seconds of waiting, the line is given up."""
_PIECE_BYTES = 16 << 10
_MOST_SOCKETS = 16
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_ISATAP = (0x00005EFE, 0x02005EFE)  # before an IPv4 address in the last 8 bytes, RFC 5214


class Connections:
    """Watches over what one download does on the network, whoever in this process does it."""

    def __init__(self, private: bool, largest_page_bytes: int = LARGEST_PAGE_BYTES) -> None:
        self._private, self._largest_page_bytes = private, largest_page_bytes
        self.refused = ""  # why a connection was not allowed, where one was not
        self.slow = False
        self._received, self._waited_s = 0, 0.0
        self._since_s: float | None = None  # when it began to wait for the network, while it does
        self._sockets: list[socket.socket] = []
        self._over = threading.Event()

    @contextmanager
    def guard_connections(self) -> Iterator[None]:
        """Hear of every connection and program until this ends. Python tells of a connection when names are resolved
        and redirects are followed, so that neither gets around it."""
        _listen()
        _watching.append(self)
        guard = threading.Thread(target=self._guard, daemon=True)
        guard.start()
        try:
            yield
        finally:
            _watching.remove(self)
            self._over.set()
            guard.join()
            for one in self._sockets:
                one.close()

    def look(self, event: str, args: tuple[Any, ...]) -> None:
        """Raise ``RowError`` for a connection that may not be, and for a program that is told to make one."""
        if event == "socket.connect" and isinstance(args[1], tuple):
            if self.slow:
                raise self.too_slow()
            if not self._private and not is_public(str(args[1][0])):
                self.refused = refusal(str(args[1][0]))
                raise RowError(self.refused, "refused")
            self._keep(args[0])
        elif event == "subprocess.Popen" and not self._private and _has_address(args[1]):
            self.refused = "only another program could fetch it, out of our sight"
            raise RowError(self.refused, "refused")

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time until this ends as time in which bytes should come."""
        self._since_s = time.monotonic()
        try:
            yield
        finally:
            self._waited_s += time.monotonic() - self._since_s
            self._since_s = None

    def limit_speed(self, read: Callable[[int], bytes]) -> Callable[..., bytes]:
        """A ``read`` that counts what comes, a piece at a time, and ends what is read as a whole but is too much."""

        def read_on(amount: int | None = None) -> bytes:
            if amount is not None and amount >= 0:
                return self._piece(read, amount)
            pieces, size = [], 0
            while piece := self._piece(read, _PIECE_BYTES):
                pieces.append(piece)
                size += len(piece)
                if size > self._largest_page_bytes:
                    raise RowError(f"a page of more than {self._largest_page_bytes >> 20} MiB", "too_large")
            return b"".join(pieces)

        return read_on

    def too_slow(self) -> TransientError:
        """That so little came that it was given up."""
        return TransientError(f"less than {LEAST_BYTES_PER_S} bytes a second came for {SLOW_S:g} s")

    def _piece(self, read: Callable[[int], bytes], amount: int) -> bytes:
        with self.waiting():
            piece = read(min(amount, _PIECE_BYTES))
        self._received += len(piece)
        if self.slow:  # the end that it saw is ours
            raise self.too_slow()
        return piece

    def _keep(self, connecting: socket.socket) -> None:
        """Hold a socket by a descriptor of our own, so that it can be shut down from outside."""
        with suppress(OSError):
            self._sockets.append(socket.socket(fileno=os.dup(connecting.fileno())))
        for old in self._sockets[:-_MOST_SOCKETS]:
            old.close()
        del self._sockets[:-_MOST_SOCKETS]

    def _guard(self) -> None:
        """Shut down all connections when too little comes."""
        while not self._over.wait(SLOW_S / 10):
            since_s, now_s = self._since_s, time.monotonic()
            waited_s = self._waited_s + (now_s - since_s if since_s is not None else 0.0)
            if waited_s < SLOW_S:
                continue
            if self._received < LEAST_BYTES_PER_S * waited_s:
                self.slow = True
                for one in [*self._sockets]:
                    with suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)
                return
            self._received, self._waited_s = 0, 0.0
            if since_s is not None:
                self._since_s = now_s


class PrivateAddress(OSError):
    """A connection to this machine or its network that may not be."""


def refusal(address: str) -> str:
    """That an address may not be asked, and what allows it."""
    return f"{address} is an address of this machine or its network; `allow_private: true` allows it"


@contextmanager
def public_only() -> Iterator[None]:
    """Until this ends, this thread connects to public addresses alone; ``PrivateAddress`` in place of others."""
    _listen()
    _public_threads.add(thread := threading.get_ident())
    try:
        yield
    finally:
        _public_threads.discard(thread)


def _hear(event: str, args: tuple[Any, ...]) -> None:
    """What Python tells of every connection and every program."""
    if _watching:
        _watching[-1].look(event, args)
    elif event == "socket.connect" and threading.get_ident() in _public_threads and isinstance(args[1], tuple):
        host = str(args[1][0])
        if not is_public(host):
            raise PrivateAddress(refusal(host))


_watching: list[Connections] = []
_public_threads: set[int] = set()


@cache
def _listen() -> None:
    """Hear of connections and programs from now on: there is no way to take such a hook off."""
    sys.addaudithook(_hear)


def _has_address(words: Any) -> bool:
    return any("://" in os.fsdecode(word) for word in words or ())


def is_public(host: str) -> bool:
    """Whether an address is one of the public internet, also where another stands inside it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # a name that is yet to be resolved: nobody knows to what
    inner = _inner(address) if isinstance(address, ipaddress.IPv6Address) else address
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST and address not in _NAT64:
        return address.ipv4_mapped is not None and is_public(str(inner))
    return address.is_global and not address.is_multicast and inner.is_global and not inner.is_multicast


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that a translator or a tunnel takes it for; itself where none does."""
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return last
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
