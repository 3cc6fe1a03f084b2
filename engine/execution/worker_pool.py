"""Who does a build's work: seats in processes of their own, and streams that wait for servers."""

from __future__ import annotations

from collections.abc import Callable

from ..contract.step import Site
from ..planning.plan import Node, lanes_of
from .async_worker import Stream
from .worker_process import Seat, available_mb


class Crew:
    """The workers that there are now. New ones are told of through ``begins``, so that their loading is waited for."""

    def __init__(
        self, most: int, site_of: Callable[[Node], Site], begins: Callable[[Seat | Stream], None],
        warn: Callable[[Node, str], None],
    ) -> None:  # fmt: skip
        self._most, self._site_of, self._begins, self._warn = most, site_of, begins, warn
        self._seats: list[Seat] = []
        self._streams: dict[int, Stream] = {}

    def free(self, node: Node) -> Seat | Stream | None:
        """One that takes a batch of this node now; else None, and perhaps one more is on its way."""
        return self._stream(node) if lanes_of(node) else self._seat(node)

    def _stream(self, node: Node) -> Stream | None:
        stream = self._streams.get(node.index)
        if stream is None:
            stream = self._streams[node.index] = Stream(node, self._site_of(node))
            self._begins(stream)
        return stream if stream.ready else None

    def _seat(self, node: Node) -> Seat | None:
        mine = [seat for seat in self._seats if seat.node is node]
        if sum(seat.busy for seat in self._seats) >= self._most:
            return None
        idle = next((seat for seat in mine if not seat.busy), None)
        most = 1 if node.step.cost in ("llm", "gpu") else self._most
        if idle is None and len(mine) < most and self._room_for(node):
            seat = Seat(node, self._site_of(node))
            seat.busy = True
            self._seats.append(seat)
            self._begins(seat)
        return idle

    def _room_for(self, node: Node) -> bool:
        """Is there memory for one more worker? Idle ones of other steps make room."""
        while self._seats and available_mb() < node.step.memory_mb * 1.25:
            idle = next((seat for seat in self._seats if not seat.busy and seat.node is not node), None)
            if idle is None:
                return False
            self._seats.remove(idle)
            idle.close()
        if available_mb() < node.step.memory_mb:
            self._warn(node, f"needs about {node.step.memory_mb} MB, {available_mb()} MB are free")
        return True

    def dismiss(self, node: Node) -> None:
        """The node is done: its workers let go of what they hold, and end."""
        for seat in [s for s in self._seats if s.node is node]:
            self._seats.remove(seat)
            seat.close()
        if node.index in self._streams:
            self._streams.pop(node.index).close()

    def end(self) -> None:
        """End all of them now."""
        for seat in self._seats:
            seat.pool.stop()
        for seat in self._seats:
            seat.kill()
        for stream in self._streams.values():
            stream.close()
