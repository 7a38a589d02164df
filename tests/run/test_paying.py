"""What a call may cost at worst, and what is booked when it has ended, however it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Delta,
    ImageUrl,
    Message,
    ResponseFormat,
    Text,
    ToolCall,
    ToolDefinition,
    unfold,
)
from flowrun.chat.usage import Price, Usage
from flowrun.digest import JsonValue
from flowrun.errors import (
    AccessDenied,
    FlowrunError,
    ProviderError,
    StepError,
    Unavailable,
    Unsupported,
)
from flowrun.providers.base import Endpoint
from flowrun.providers.fake import Answer, Fake
from flowrun.providers.resolved import Resolved
from flowrun.run.ask import Stopped
from flowrun.run.budget import Budget
from flowrun.run.paying import Paying, input_tokens, paid_from, worst_case
from tests.support import virtual_time
from tests.support.running import picture
from tests.support.spending import A_DOLLAR_A_TOKEN, costing

D = Decimal
LIMIT: dict[str, JsonValue] = {"max_completion_tokens": 10}


def resolved(price: Price | None = A_DOLLAR_A_TOKEN) -> Resolved:
    return Resolved(Endpoint("mine", "openai"), "big", Capabilities(), price)


def asked(*parts: Text, **options: JsonValue) -> ChatRequest:
    return ChatRequest("big", (Message("user", parts or (Text("hi"),)),), options or LIMIT)


def prices(**usd: str) -> Price:
    """US dollars for one token of each bucket."""
    each = {name: D(said) * 1_000_000 for name, said in usd.items()}
    return Price(each["input"], each["output"], each.get("cache_read"), each.get("cache_write"))


# The worst case


def test_no_token_is_less_than_a_byte_and_each_message_has_its_frame() -> None:
    plain, umlauts = asked(Text("aou")), asked(Text("äöü"))
    assert input_tokens(umlauts) - input_tokens(plain) == 3
    assert input_tokens(plain) == 64 + 16 + 3
    two = ChatRequest("big", plain.messages * 2)
    assert input_tokens(two) == 64 + 2 * (16 + 3)
    assert input_tokens(asked(Text("\ud800"))) == 64 + 16 + 3


def test_pictures_count_as_an_allowance() -> None:
    message = Message("user", (picture(), ImageUrl("https://example.org/a.png")))
    assert input_tokens(ChatRequest("big", (message,))) == 64 + 16 + 2 * 8192


def test_tools_their_calls_and_schemas_count() -> None:
    bare = asked()
    tool = ToolDefinition("search", "Finds.", {"type": "object"})
    with_tool = ChatRequest("big", bare.messages, tools=(tool,))
    assert input_tokens(with_tool) > input_tokens(bare) + 1024 + len("searchFinds.object")
    call = Message("assistant", (), (ToolCall("c1", "search", '{"q": "ä"}'),))
    assert input_tokens(ChatRequest("big", (*bare.messages, call))) == input_tokens(bare) + 32 + 19
    wanted = ResponseFormat("json_schema", "s", {"type": "object", "description": "x" * 500})
    with_schema = ChatRequest("big", bare.messages, response_format=wanted)
    assert input_tokens(with_schema) > input_tokens(bare) + 500


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({"max_completion_tokens": 10}, 10),
        ({"max_tokens": 7}, 7),
        ({"max_tokens": 7, "max_completion_tokens": 3}, 7),
        ({"max_tokens": 2.5}, D("2.5")),
    ],
)
def test_what_may_be_answered_is_what_is_allowed(options: dict[str, int], tokens: Decimal) -> None:
    assert worst_case(asked(**options), resolved()) == tokens


def test_what_is_asked_counts_at_the_dearest_price() -> None:
    tokens = input_tokens(asked())
    assert worst_case(asked(), resolved(prices(input="2", output="3"))) == 2 * tokens + 30
    dear = prices(input="2", output="3", cache_read="1", cache_write="4")
    assert worst_case(asked(), resolved(dear)) == 4 * tokens + 30


def test_what_costs_nothing_needs_no_limit() -> None:
    assert worst_case(asked(temperature=1), resolved(prices(input="0", output="0"))) == 0
    cheap = worst_case(asked(temperature=1), resolved(prices(input="1", output="0")))
    assert cheap == input_tokens(asked())


def test_a_model_without_a_price_cannot_be_held_to_a_budget() -> None:
    with pytest.raises(StepError) as caught:
        worst_case(asked(), resolved(None))
    assert str(caught.value) == (
        'nobody knows what "mine/big" costs, so that no budget can hold it; write its price into '
        'flowrun.toml: [prices."mine/big"] with input and output'
    )


@pytest.mark.parametrize("options", [{"temperature": 1}, {"max_tokens": "x"}, {"max_tokens": 0}])
def test_nor_can_an_answer_of_any_length(options: dict[str, JsonValue]) -> None:
    with pytest.raises(StepError) as caught:
        worst_case(asked(**options), resolved())
    assert str(caught.value) == (
        'nobody knows how much "mine/big" may answer, so that no budget can hold it; set '
        "max_completion_tokens"
    )


# What is booked


class Streamed(Fake):
    """Says its deltas, then raises what it has to."""

    def __init__(self, deltas: Sequence[Delta], error: Exception | None = None) -> None:
        super().__init__([""])
        self._deltas = deltas
        self._error = error

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:  # type: ignore[override]
        """The deltas. The base's is a generator too."""
        for delta in self._deltas:
            yield delta
        if self._error is not None:
            raise self._error


def booked(provider: Fake, *, is_streamed: bool) -> Decimal:
    """What one call leaves spent of a budget; whatever comes of it."""

    async def main() -> Decimal:
        budget = Budget(D(100), "the run")
        paying = Paying(provider, budget, resolved(), lambda: None)
        try:
            if is_streamed:
                async for _ in paying.stream(asked()):
                    assert budget.reserved_usd == 10
            else:
                await paying.send(asked())
        except FlowrunError:
            pass
        assert budget.reserved_usd == 0
        return budget.spent_usd

    return virtual_time.run(main())


@pytest.mark.parametrize("is_streamed", [False, True], ids=["sent", "streamed"])
@pytest.mark.parametrize(
    ("answer", "spent"),
    [
        (costing(3), 3),
        (costing(12), 12),
        (costing(0), 0),
        (costing(None), 10),
        (ChatReply("x", "stop", "m", Usage(cost_usd=D("0.25"))), D("0.25")),
        (ChatReply("x", "stop", "m", Usage(cost_usd=D(-5))), 0),
        (AccessDenied("no"), 0),
        (Unsupported("no"), 0),
        (Unavailable("busy", status=429), 0),
        (Unavailable("broken", status=500), 0),
        (ProviderError("bad", status=400), 0),
        (Unavailable("no way there", is_unsent=True), 0),
        (Unavailable("cut"), 10),
        (Unavailable("late", status=504), 10),
        (ProviderError("odd"), 10),
    ],
    ids=str,
)
def test_an_attempt_is_booked_by_what_came_of_it(
    answer: Answer, spent: Decimal, is_streamed: bool
) -> None:
    assert booked(Fake([answer]), is_streamed=is_streamed) == spent


def test_an_error_after_something_was_said_is_paid_for() -> None:
    refused = Unavailable("sent an error", status=502)
    assert booked(Streamed([Delta(text="so")], refused), is_streamed=True) == 10
    assert booked(Streamed([], refused), is_streamed=True) == 0


def test_a_stream_that_is_left_is_paid_for() -> None:
    async def main() -> Decimal:
        budget = Budget(D(100), "the run")
        stream = Paying(Fake(["a b"]), budget, resolved(), lambda: None).stream(asked())
        assert (await anext(stream)).text
        await stream.aclose()
        return budget.spent_usd

    assert virtual_time.run(main()) == 10


def test_the_pieces_of_a_stream_pass_through() -> None:
    async def main() -> list[Delta]:
        paying = Paying(Fake([costing(1, "a b")]), Budget(D(100), "x"), resolved(), lambda: None)
        return [each async for each in paying.stream(asked())]

    assert "".join(each.text for each in virtual_time.run(main())) == "a b"
    streamed = Streamed([unfold(costing(4)), Delta()])
    assert booked(streamed, is_streamed=True) == 4


def test_a_stream_need_not_be_one_that_can_be_closed() -> None:
    class Pieces:
        def __aiter__(self) -> Pieces:
            return self

        async def __anext__(self) -> Delta:
            raise StopAsyncIteration

    class Plain(Fake):
        def stream(self, request: ChatRequest) -> Pieces:  # type: ignore[override]
            """No generator. The base's is one."""
            return Pieces()

    assert booked(Plain([""]), is_streamed=True) == 10


def test_a_call_that_is_cancelled_is_paid_for() -> None:
    async def main() -> Decimal:
        budget = Budget(D(100), "the run")

        class Endless(Fake):
            async def send(self, request: ChatRequest) -> ChatReply:
                await asyncio.Event().wait()
                raise AssertionError

        paying = Paying(Endless([""]), budget, resolved(), lambda: None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await paying.send(asked())
        return budget.spent_usd

    assert virtual_time.run(main()) == 10


def test_what_is_free_is_asked_though_nothing_is_left() -> None:
    async def main() -> ChatReply:
        free = resolved(prices(input="0", output="0"))
        paying = Paying(Fake(["x"]), Budget(D("0.01"), "the run"), free, lambda: None)
        reply = await paying.send(asked())
        await paying.aclose()
        return reply

    assert virtual_time.run(main()).text == "x"


def test_nothing_is_begun_after_a_stop_that_came_while_it_waited() -> None:
    async def main() -> None:
        budget, fake = Budget(D(10), "the run"), Fake([costing(1)])
        stopped: list[bool] = []

        def require_going() -> None:
            if stopped:
                raise Stopped("stopped")

        async def ask() -> None:
            with pytest.raises(Stopped):
                await Paying(fake, budget, resolved(), require_going).send(asked())

        await budget.reserve(D(9))
        async with asyncio.TaskGroup() as group:
            group.create_task(ask())
            await asyncio.sleep(1)
            stopped.append(True)
            budget.settle(D(9), D(0))
        assert fake.requests == []
        assert (budget.spent_usd, budget.reserved_usd) == (D(0), D(0))

    virtual_time.run(main())


def test_without_a_budget_nothing_is_put_round_a_provider() -> None:
    assert paid_from(None, resolved(), lambda: None) is None
