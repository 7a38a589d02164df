"""Whose turn it is: what waits in a run, calls and values apart, and how much may be under way.

A fan of blocks gives out its next item only when nothing of the items before it waits, so that
what is open is finished first:

    recipes (2,000 items)     parked while a step of an open item waits
    └── item 7
        └── picture           waits for a place: goes before item 8 is opened
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Generic, Protocol, TypeVar

from flowrun.run.job import Job


class Node(Protocol):
    """A part of a run that stands inside another: a step, its rounds, or the inside of a job.

    `waiting` counts what waits inside it; `closed_because` says why nothing more is started there.
    """

    waiting: int
    closed_because: str

    @property
    def above(self) -> Node | None:
        """What it stands in."""
        ...


class Source(Node, Protocol):
    """A node that gives out jobs."""

    @property
    def left(self) -> int:
        """How many jobs are still to be given out."""
        ...

    @property
    def makes_calls(self) -> bool:
        """Whether its jobs wait for models or tools."""
        ...

    @property
    def depth(self) -> int:
        """How many conversations stand around it."""
        ...

    def next_job(self) -> Job:
        """The next job. There must be one (`left`)."""
        ...

    def close(self, because: str) -> None:
        """Gives out no further job. There must be one (`left`)."""
        ...


_Source = TypeVar("_Source", bound=Source)


def upwards(node: Node | None) -> Iterator[Node]:
    """The node and all that it stands in."""
    while node is not None:
        yield node
        node = node.above


class Queue(Generic[_Source]):
    """Gives turns to what waits.

    `concurrency` bounds the calls under way, for each depth of conversations by itself: one that
    waits for a pipeline which its model has called keeps its place, and must not keep out the
    calls of that pipeline.
    """

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._calling: list[deque[_Source]] = [deque()]
        self._busy = [0]
        self._computing: deque[_Source] = deque()
        self._parked: dict[int, _Source] = {}

    def add(self, source: _Source) -> None:
        """Lets it wait for its turns."""
        while len(self._calling) <= source.depth:
            self._calling.append(deque())
            self._busy.append(0)
        self._queue(source).append(source)
        for node in upwards(source.above):
            node.waiting += 1

    def next(self) -> tuple[_Source, Job] | None:
        """The next job; a call, if one may be made, goes before values."""
        for depth in reversed(range(len(self._busy))):
            if self._calling[depth] and self._busy[depth] < self._concurrency:
                found = self._first(self._calling[depth])
                if found is not None:
                    return found
        return self._first(self._computing)

    def take(self, depth: int) -> None:
        """A call is under way."""
        self._busy[depth] += 1

    def give(self, depth: int) -> None:
        """A call is over."""
        self._busy[depth] -= 1

    def close(self, within: Node | None, because: str) -> list[_Source]:
        """Closes what waits in a node, or everywhere."""
        found = [
            source
            for source in (*chain(*self._queues()), *self._parked.values())
            if within is None or within in upwards(source)
        ]
        closed = {id(source) for source in found}
        for queue in self._queues() if found else ():
            kept = [source for source in queue if id(source) not in closed]
            queue.clear()
            queue.extend(kept)
        for source in found:
            self._parked.pop(id(source), None)
        for source in found:
            source.close(because)
            self._leave(source)
        return found

    def _queues(self) -> Iterable[deque[_Source]]:
        return (*self._calling, self._computing)

    def _queue(self, source: _Source) -> deque[_Source]:
        return self._calling[source.depth] if source.makes_calls else self._computing

    def _first(self, queue: deque[_Source]) -> tuple[_Source, Job] | None:
        while queue:
            source = queue.popleft()
            if source.waiting:
                self._parked[id(source)] = source
                continue
            job = source.next_job()
            if source.left:
                queue.append(source)
            else:
                self._leave(source)
            return source, job
        return None

    def _leave(self, source: _Source) -> None:
        """It waits no more; whoever waited for that is in the line again."""
        for node in upwards(source.above):
            node.waiting -= 1
            if not node.waiting and (parked := self._parked.pop(id(node), None)) is not None:
                self._queue(parked).append(parked)
