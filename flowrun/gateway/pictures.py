"""Pictures that a request names by address, fetched and put into it.

Whoever writes the address is a stranger: it is reached only if every address of its host is a
public one, at each redirect again, within bounds of time and size; what comes must be a picture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatRequest, ImageUrl, Message, Part
from flowrun.errors import ToolError
from flowrun.gateway.faults import Fault
from flowrun.serving import ServeSettings
from flowrun.tools.addresses import NotPublic, Resolve, look_up
from flowrun.tools.web import Web

_TIMEOUT_S = 20.0
_MOST_IN_A_REQUEST = 32
_MOST_AT_ONCE = 4
_MOST_BYTES_IN_A_REQUEST = 64 * 2**20
_CANNOT = "a picture cannot be fetched"


class Pictures:
    """Fetches for all requests; closed by `aclose`."""

    def __init__(self, settings: ServeSettings, *, resolve: Resolve = look_up) -> None:
        self._web = Web(settings.private, resolve=resolve, most_bytes=settings.max_image_bytes)
        self._most_bytes = settings.max_image_bytes

    async def inlined(self, request: ChatRequest) -> ChatRequest:
        """The request with each named picture in its place.

        Raises: Fault 400 that names the address's place in the body.
        """
        places = list(_places(request))
        if not places:
            return request
        if len(places) > _MOST_IN_A_REQUEST:
            said = f"a request may name {_MOST_IN_A_REQUEST} pictures by address at most"
            raise _refused(said, places[_MOST_IN_A_REQUEST][:2])
        gate = _Gate()
        try:
            async with asyncio.timeout(_TIMEOUT_S), asyncio.TaskGroup() as group:
                tasks = {
                    place[:2]: group.create_task(self._fetched(place, gate)) for place in places
                }
        except* Fault as faults:
            raise _first(faults) from None
        except* TimeoutError:
            raise _refused(f"it was not there within {_TIMEOUT_S:g} s", places[0][:2]) from None
        found = {place: task.result() for place, task in tasks.items()}
        return replace(request, messages=tuple(_filled(request, found)))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._web.aclose()

    async def _fetched(self, place: tuple[int, int, str], gate: _Gate) -> Image:
        message, part, url = place
        try:
            async with gate.slots:
                answer = await self._web.get(url, timeout_s=_TIMEOUT_S)
            gate.count(len(answer.body))
            return Image.from_bytes(answer.body)
        except NotPublic as error:
            said = error.within("serve")
            fault = _refused(str(error.shown), (message, part))
            raise fault.logged_as(f"{_CANNOT}: {said}") from None
        except (ToolError, ValueError) as error:
            told = error.shown if isinstance(error, ToolError) else None
            fault = _refused(told or str(error), (message, part))
            raise fault.logged_as(f"{_CANNOT}: {error}") from None


class _Gate:
    """What the pictures of one request may take together."""

    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(_MOST_AT_ONCE)
        self._left_bytes = _MOST_BYTES_IN_A_REQUEST

    def count(self, size_bytes: int) -> None:
        """Counts one in. Raises: ValueError if that is too much."""
        self._left_bytes -= size_bytes
        if self._left_bytes < 0:
            most = _MOST_BYTES_IN_A_REQUEST // 2**20
            raise ValueError(f"the pictures of a request may have {most} MiB together")


def _first(faults: BaseExceptionGroup[Fault]) -> Fault:
    """One fault of those that came at once."""
    for each in faults.exceptions:
        return _first(each) if isinstance(each, BaseExceptionGroup) else each
    raise AssertionError("a group is never empty")


def _places(request: ChatRequest) -> Iterator[tuple[int, int, str]]:
    for at, message in enumerate(request.messages):
        for inside, part in enumerate(message.parts):
            if isinstance(part, ImageUrl):
                yield at, inside, part.url


def _filled(request: ChatRequest, found: dict[tuple[int, int], Image]) -> Iterator[Message]:
    for at, message in enumerate(request.messages):
        parts: tuple[Part, ...] = tuple(
            found.get((at, inside), part) for inside, part in enumerate(message.parts)
        )
        yield message if parts == message.parts else replace(message, parts=parts)


def _refused(why: str, place: tuple[int, int]) -> Fault:
    return Fault(
        400,
        f"{_CANNOT}: {why}",
        code="invalid_image_url",
        param=f"messages[{place[0]}].content[{place[1]}].image_url.url",
    )
