"""Streams that nobody can take back: begun again only before content, and what was held is gone."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatReply, ChatRequest, Delta, ToolCallPiece, fold
from flowrun.chat.usage import Usage
from flowrun.errors import Unavailable, Unsupported
from flowrun.providers.wrap import Backoff, Fallback, Retrying, has_content
from tests.support.replies import png
from tests.support.virtual_time import CLOCK, run
from tests.support.wrapped import ASKED

NAMED = Delta(id="one", model="m")
WHOLE = (NAMED, Delta(text="well"), Delta(finish_reason="stop"))
ERROR = Unavailable("cut")
NOTHING = [NAMED, Delta(), Delta(model="m"), Delta(usage=Usage(1)), Delta(finish_reason="stop")]
CONTENT = [
    Delta(text="a"),
    Delta(refusal="a"),
    Delta(reasoning="a"),
    Delta(images=(Image.from_bytes(png("a")),)),
    Delta(tool_calls=(ToolCallPiece(0, "c", "t"),)),
]


class Script:
    """Streams these in turn; an error breaks off the stream that it stands in."""

    def __init__(self, *streams: tuple[Delta | Exception, ...]) -> None:
        self.streams = list(streams)
        self.closed = 0

    async def send(self, request: ChatRequest) -> ChatReply:
        return fold([each async for each in self.stream(request)])

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        try:
            for each in self.streams.pop(0):
                if isinstance(each, Exception):
                    raise each
                yield each
        finally:
            self.closed += 1

    async def aclose(self) -> None: ...


def retrying(script: Script) -> Retrying:
    return Retrying(script, Backoff(2), restarts=False, clock=CLOCK)


def streamed(provider: Retrying | Fallback) -> list[Delta]:
    async def main() -> list[Delta]:
        return [each async for each in provider.stream(ASKED)]

    return run(main())


@pytest.mark.parametrize("delta", NOTHING)
def test_pitfall_39_a_name_is_no_content_and_is_dropped_with_its_attempt(delta: Delta) -> None:
    assert not has_content(delta)
    script = Script((delta, ERROR), (ERROR,), WHOLE)
    assert streamed(retrying(script)) == list(WHOLE)
    assert script.closed == 3


@pytest.mark.parametrize("delta", CONTENT)
def test_pitfall_39_after_content_nothing_is_asked_again(delta: Delta) -> None:
    assert has_content(delta)
    script = Script((NAMED, delta, ERROR), WHOLE)
    seen: list[Delta] = []

    async def main() -> None:
        async for each in retrying(script).stream(ASKED):
            seen.append(each)

    with pytest.raises(Unavailable, match=r"^cut$"):
        run(main())
    assert seen == [NAMED, delta]
    assert len(script.streams) == 1


def test_pitfall_39_the_next_model_is_asked_before_content_only() -> None:
    first, second = Script((NAMED, Unsupported("no"))), Script(WHOLE)
    assert streamed(Fallback([(first, "a"), (second, "b")], restarts=False)) == list(WHOLE)
    first, second = Script((*WHOLE, ERROR)), Script(WHOLE)
    with pytest.raises(Unavailable):
        streamed(Fallback([(first, "a"), (second, "b")], restarts=False))
    assert len(second.streams) == 1


def test_pitfall_39_wrappers_of_wrappers_hold_to_it_too() -> None:
    first, second = Script((NAMED, ERROR), (NAMED, ERROR), (NAMED, ERROR)), Script(WHOLE)
    chain = Fallback([(retrying(first), "a"), (retrying(second), "b")], restarts=False)
    assert streamed(chain) == list(WHOLE)


def test_a_stream_without_content_comes_whole_at_its_end() -> None:
    empty = (NAMED, Delta(finish_reason="stop"))
    assert streamed(retrying(Script(empty))) == list(empty)


def test_who_stops_listening_closes_what_is_held_back() -> None:
    async def main(provider: Retrying) -> None:
        deltas = provider.stream(ASKED)
        await anext(deltas)
        await deltas.aclose()

    script = Script((NAMED, Delta(text="a"), Delta(text="b")))
    run(main(retrying(script)))
    assert script.closed == 1
