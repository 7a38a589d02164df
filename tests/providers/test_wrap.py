from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from flowrun.chat.messages import ChatReply, ChatRequest, Delta, fold
from flowrun.errors import AccessDenied, ProviderError, ReplyError, Unavailable, Unsupported
from flowrun.providers.base import Provider
from flowrun.providers.fake import Answer, Fake, Held
from flowrun.providers.gate import Gate
from flowrun.providers.health import Health
from flowrun.providers.wrap import Backoff, Limited, Retrying
from tests.support.virtual_time import CLOCK, run
from tests.support.wrapped import ASKED, AsyncReply, both_ways, limited, retrying, unavailable


class Cut:
    """Breaks its streams after some pieces, so many times, then gives them whole."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.closed = 0

    async def send(self, request: ChatRequest) -> ChatReply:
        return fold([delta async for delta in self.stream(request)])

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        try:
            yield Delta(text="one ", model=request.model)
            if self.left:
                self.left -= 1
                raise Unavailable("cut")
            yield Delta(text="two", finish_reason="stop")
        finally:
            self.closed += 1

    async def aclose(self) -> None:
        self.closed += 100


class Plain:
    """A provider whose stream is an iterator that cannot be closed."""

    async def send(self, request: ChatRequest) -> ChatReply:
        raise NotImplementedError

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        return self

    def __aiter__(self) -> Plain:
        return self

    async def __anext__(self) -> Delta:
        raise StopAsyncIteration

    async def aclose(self) -> None: ...


@both_ways
def test_what_passes_is_asked_again_later_each_time(ask: AsyncReply) -> None:
    told: list[tuple[str, float, int]] = []
    fake = Fake([*[unavailable()] * 4, "hi"])
    assert run(ask(retrying(fake, told=told))).text == "hi"
    assert told == [("mine is down", delay_s, n) for n, delay_s in enumerate((0.5, 1, 2, 4), 2)]


@both_ways
def test_after_the_last_retry_the_error_is_told(ask: AsyncReply) -> None:
    fake = Fake([unavailable()])
    with pytest.raises(Unavailable, match=r"^mine is down$"):
        run(ask(retrying(fake, retries=2)))
    assert len(fake.requests) == 3


@both_ways
@pytest.mark.parametrize(
    "error", [AccessDenied("x"), Unsupported("x"), ProviderError("x", status=400)]
)
def test_what_does_not_pass_is_asked_once(ask: AsyncReply, error: ProviderError) -> None:
    fake = Fake([error, "hi"])
    with pytest.raises(type(error)):
        run(ask(retrying(fake)))
    assert len(fake.requests) == 1


@both_ways
def test_retry_after_is_the_least_that_is_waited(ask: AsyncReply) -> None:
    told: list[tuple[str, float, int]] = []
    run(ask(retrying(Fake([unavailable(3.0), unavailable(0.0), "hi"]), told=told)))
    assert [delay_s for _, delay_s, _ in told] == [3.5, 1.0]


@both_ways
def test_a_wait_of_hours_fails_at_once_and_says_when(ask: AsyncReply) -> None:
    with pytest.raises(Unavailable) as caught:
        run(ask(retrying(Fake([unavailable(86400.0), "hi"]))))
    assert str(caught.value) == "mine is down; it wants to be asked again in 24 h"
    assert caught.value.retry_after_s == 86400.0
    assert caught.value.is_overload


def test_the_delay_has_a_floor_and_a_cap() -> None:
    async def main(dice: float) -> list[float]:
        told: list[float] = []
        provider = Retrying(
            Fake([*[unavailable()] * 30, "hi"]),
            Backoff(retries=40),
            on_retry=lambda _, delay_s, __: told.append(delay_s),
            clock=CLOCK,
            dice=lambda: dice,
        )
        await provider.send(ASKED)
        return told

    assert set(run(main(0.0))) == {0.05}
    assert max(run(main(1.0))) == 30.0


def test_a_broken_stream_begins_again() -> None:
    async def main() -> list[Delta]:
        return [delta async for delta in retrying(Cut(1)).stream(ASKED)]

    deltas = run(main())
    assert [(each.text, each.restart) for each in deltas] == [
        ("one ", False),
        ("", True),
        ("one ", False),
        ("two", False),
    ]
    assert fold(deltas).text == "one two"


def test_a_stream_that_never_began_needs_no_restart() -> None:
    async def main() -> list[Delta]:
        return [delta async for delta in retrying(Fake([unavailable(), "hi"])).stream(ASKED)]

    assert not any(each.restart for each in run(main()))


@pytest.mark.parametrize("wrap", [retrying, limited])
def test_who_stops_listening_closes_the_stream(wrap: Callable[[Provider], Provider]) -> None:
    async def main() -> int:
        cut = Cut(0)
        deltas = wrap(cut).stream(ASKED)
        await anext(deltas)
        assert isinstance(deltas, AsyncGenerator)
        await deltas.aclose()
        return cut.closed

    assert run(main()) == 1


def test_a_stream_that_cannot_be_closed_is_left_alone() -> None:
    async def main() -> list[Delta]:
        return [delta async for delta in retrying(Plain()).stream(ASKED)]

    assert run(main()) == []


@pytest.mark.parametrize("wrap", [retrying, limited])
def test_closing_a_wrapper_closes_what_is_inside(wrap: Callable[[Provider], Provider]) -> None:
    cut = Cut(0)
    run(wrap(cut).aclose())
    assert cut.closed == 100


@both_ways
def test_the_limit_holds_for_whole_replies_and_streams(ask: AsyncReply) -> None:
    async def main() -> int:
        until = asyncio.Event()
        fake = Fake([Held(until, "hi")])
        provider = limited(fake, 4)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(20):
                tasks.create_task(ask(provider))
            await asyncio.sleep(1)
            in_flight = fake.in_flight
            until.set()
        assert len(fake.requests) == 20
        return in_flight

    assert run(main()) == 4


@both_ways
@pytest.mark.parametrize("error", [AccessDenied("x"), unavailable()])
def test_a_slot_is_given_back_after_an_error(ask: AsyncReply, error: ProviderError) -> None:
    async def main() -> str:
        provider = limited(Fake([error, "hi"]), 1)
        with pytest.raises(ProviderError):
            await ask(provider)
        return (await ask(provider)).text

    assert run(main()) == "hi"


@both_ways
def test_a_slot_is_given_back_after_a_cancellation(ask: AsyncReply) -> None:
    async def main() -> str:
        answers: list[Answer] = [Held(asyncio.Event(), "never"), "hi"]
        provider = limited(Fake(answers), 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await ask(provider)
        return (await ask(provider)).text

    assert run(main()) == "hi"


@both_ways
def test_overload_makes_the_limit_smaller(ask: AsyncReply) -> None:
    async def main() -> int:
        gate = Gate(8, clock=CLOCK)
        provider = Limited(Fake([unavailable(status=429)]), gate, Health(clock=CLOCK))
        with pytest.raises(Unavailable):
            await ask(provider)
        return gate.limit

    assert run(main()) == 4


def test_bad_luck_leaves_the_limit_alone() -> None:
    async def main() -> int:
        gate = Gate(8, clock=CLOCK)
        provider = Limited(Fake([Unavailable("reset")]), gate, Health(clock=CLOCK))
        for _ in range(9):
            with pytest.raises(Unavailable):
                await provider.send(ASKED)
        return gate.limit

    assert run(main()) == 8


def test_errors_of_other_kinds_pass_through() -> None:
    class Odd(Fake):
        async def send(self, request: ChatRequest) -> ChatReply:
            raise ReplyError("odd")

    with pytest.raises(ReplyError):
        run(retrying(limited(Odd(["x"]))).send(ASKED))
