"""What a completion costs: done, cut, left by its caller, or never begun."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flowrun.chat.messages import Delta
from flowrun.chat.usage import Usage
from flowrun.errors import StepError, Unavailable
from flowrun.gateway.base import UNITS
from flowrun.providers.fake import Held
from tests.support.asgi import Got, asking
from tests.support.endpoint import endpoint
from tests.support.piped import Broken, Piped, reply
from tests.support.replies import STREAM_HEAD, echo, event, image_item, piece, png, sse
from tests.support.serving import Gateway, gateway, openai_at, priced
from tests.support.wire import Action, End, Seen, chunk

COST = Usage(10, output_tokens=5, cost_usd=Decimal("0.0025"))
"""A quarter of a credit."""


async def rows(served: Gateway) -> list[Any]:
    return await served.ledger.usage(["model"], since=0, until=10**12)


def paid(folder: Path, body: object, credits: int = 10, **how: Any) -> tuple[Got, int, list[Any]]:
    """The answer, the units it was charged, and the rows of the ledger."""
    headers = how.pop("headers", {})
    folder.mkdir(exist_ok=True)

    async def main() -> tuple[Got, int, list[Any]]:
        async with gateway(folder, credits=credits, **how) as served:
            got = await served.ask(body, headers)
            return got, await served.charged(credits), await rows(served)

    return asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_charged_for_what_its_provider_told(tmp_path: Path, stream: bool) -> None:
    said = {"pipeline/p": Piped([reply(usage=COST)])}
    got, units, (row,) = paid(tmp_path, asking("pipeline/p", stream=stream), pipelines=said)
    assert got.status == 200
    assert units == UNITS // 4
    assert (row.group, row.calls, row.prompt_tokens) == (("pipeline/p",), 1, 10)
    assert got.headers.get("x-flowrun-credits") == (None if stream else "0.25")


def test_tokens_are_charged_by_the_price_of_the_model(tmp_path: Path) -> None:
    with endpoint() as server:
        text = openai_at(server.url) + priced("mine/echo", "1000", "2000")
        got, units, _ = paid(tmp_path, asking("mine/echo"), 10**6, text=text)
    usage = got.json["usage"]
    usd = usage["prompt_tokens"] / 1000 + usage["completion_tokens"] / 500
    assert units == round(usd * 100 * UNITS)
    assert server.seen[0].json["max_completion_tokens"] == 8192


def test_a_limit_of_the_caller_s_is_the_one_that_is_sent(tmp_path: Path) -> None:
    with endpoint() as server:
        text = openai_at(server.url) + priced("mine/echo")
        paid(tmp_path, asking("mine/echo", max_tokens=77), text=text)
    assert server.seen[0].json["max_completion_tokens"] == 77


def test_who_brings_a_key_pays_half(tmp_path: Path) -> None:
    with endpoint() as server:
        text = openai_at(server.url, key_env='"MINE_KEY"') + priced("mine/echo", "1000", "2000")
        own = {"x-provider-key": "mine=sk-own-0123456789"}
        how: dict[str, Any] = {"text": text, "environ": {"MINE_KEY": "sk-server-0123456789"}}
        _, whole, _ = paid(tmp_path / "a", asking("mine/echo"), 10**6, **how)
        _, half, _ = paid(tmp_path / "b", asking("mine/echo"), 10**6, headers=own, **how)
    assert half * 2 == whole > 0


def test_a_model_of_unknown_price_is_not_asked(tmp_path: Path) -> None:
    with endpoint() as server:
        got, units, _ = paid(tmp_path, asking("mine/echo"), text=openai_at(server.url))
    assert (got.status, got.error["code"], got.error["param"]) == (400, "price_unknown", "model")
    assert (units, server.seen) == (0, [])


def test_a_model_of_unknown_price_may_be_free(tmp_path: Path) -> None:
    with endpoint() as server:
        text = openai_at(server.url) + '[credits]\nunknown_price = "free"\n'
        got, units, _ = paid(tmp_path, asking("mine/echo"), text=text)
    assert (got.status, units) == (200, 0)


def test_a_pipeline_without_a_budget_has_no_price(tmp_path: Path) -> None:
    endless = Piped(["never"])
    endless.worst_usd = None
    got, _, _ = paid(tmp_path, asking("pipeline/p"), pipelines={"pipeline/p": endless})
    assert got.error["code"] == "price_unknown"


def test_pitfall_36_a_balance_for_one_answers_one_of_twenty(tmp_path: Path) -> None:
    until = asyncio.Event()
    said = Piped(lambda _: Held(until, reply(usage=replace(COST, cost_usd=Decimal("0.01")))))

    async def main() -> tuple[list[int], int, Got]:
        async with gateway(tmp_path, credits=1, pipelines={"pipeline/p": said}) as served:

            async def one() -> int:
                got = await served.ask(asking("pipeline/p"))
                if got.status == 402:
                    left.pop()
                    if len(left) == 1:
                        until.set()
                return got.status

            left = list(range(20))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one()) for _ in range(20)]
            last = await served.ask(asking("pipeline/p"))
            return [each.result() for each in tasks], await served.charged(1), last

    statuses, units, last = asyncio.run(main())
    assert sorted(statuses) == [200] + [402] * 19
    assert units == UNITS
    assert last.error["code"] == "insufficient_credits"
    assert "0 are left" in last.error["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["chaos-503", "chaos-400", "chaos-reset-early"])
def test_nothing_is_charged_for_a_call_that_fails(tmp_path: Path, model: str, stream: bool) -> None:
    with endpoint() as server:
        text = openai_at(server.url) + priced(f"mine/{model}")
        body = asking(f"mine/{model}", stream=stream)
        got, units, found = paid(tmp_path, body, text=text)
    assert got.status >= 400
    assert (units, found) == (0, [])


def test_only_the_candidate_that_answered_is_charged(tmp_path: Path) -> None:
    said = {
        "pipeline/a": Broken([Delta(id="x")], Unavailable("gone")),
        "pipeline/b": Piped([reply(usage=COST)]),
    }
    for stream in (False, True):
        body = asking("pipeline/a", models=["pipeline/b"], stream=stream)
        _, units, (row,) = paid(tmp_path / str(stream), body, pipelines=said)
        assert (units, row.group) == (UNITS // 4, ("pipeline/b",))


@pytest.mark.parametrize("stream", [False, True])
def test_a_pipeline_that_fails_costs_what_its_calls_did(tmp_path: Path, stream: bool) -> None:
    said = {"pipeline/p": Broken([Delta(usage=COST)], StepError("it broke"))}
    got, units, (row,) = paid(tmp_path, asking("pipeline/p", stream=stream), pipelines=said)
    assert got.status >= 400
    assert (units, row.output_tokens) == (UNITS // 4, 5)


@pytest.mark.parametrize("stream", [False, True])
def test_who_hangs_up_before_any_content_pays_for_the_prompt(tmp_path: Path, stream: bool) -> None:
    asked = threading.Event()

    def silent(_: Seen) -> Iterator[Action]:
        asked.set()
        yield End.HANG

    async def main(url: str) -> tuple[Got, int]:
        text = openai_at(url) + priced("mine/m", "1000", "2000")
        async with gateway(tmp_path, text, credits=10_000) as served:
            caller = served.caller()
            body = asking("mine/m", "What a long prompt this is.", stream=stream)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(caller.ask(body, headers=served.headers))
                await asyncio.to_thread(asked.wait)
                caller.gone.set()
            return task.result(), await served.charged(10_000)

    with endpoint(silent) as server:
        got, units = asyncio.run(main(server.url))
    assert (got.status, got.pieces) == (0, [])
    assert units > 0


def test_a_stream_that_breaks_off_is_charged_for_what_was_told(tmp_path: Path) -> None:
    begun = [Delta(usage=COST), Delta(text="Half")]
    said = {"pipeline/p": Broken(begun, StepError("it broke"))}
    got, units, (row,) = paid(tmp_path, asking("pipeline/p", stream=True), pipelines=said)
    assert got.events[-2]["error"]["message"] == "it broke"
    assert (units, row.output_tokens) == (UNITS // 4, 5)


def test_pitfall_35_who_hangs_up_pays_for_what_came(tmp_path: Path) -> None:
    words = "Twelve words that have come already, which nobody has counted as tokens yet."
    with endpoint(lambda seen: _begun(seen, words)) as server:
        text = openai_at(server.url) + priced("mine/m", "1000", "2000")
        got, units, row = asyncio.run(_left(tmp_path, text, server_text=words))
    assert words[:6] in got.body.decode()
    assert row.output_tokens == -(-len(words) // 3)
    assert units > 0


def _begun(seen: Seen, words: str) -> Iterator[Action]:
    yield STREAM_HEAD
    yield chunk(event(piece(seen, {"content": words})))
    yield End.HANG


async def _left(folder: Path, text: str, *, server_text: str) -> tuple[Got, int, Any]:
    async with gateway(folder, text, credits=10_000) as served:
        caller = served.caller()
        caller.on_piece = lambda _: caller.gone.set()
        got = await caller.ask(asking("mine/m", stream=True), headers=served.headers)
        (row,) = await rows(served)
        return got, await served.charged(10_000), row


@pytest.mark.parametrize("stream", [False, True])
def test_pitfall_38_the_upstream_call_ends_with_its_caller(tmp_path: Path, stream: bool) -> None:
    reached = asyncio.Event()
    waiting = Broken([Delta(id="x")], None, reached)

    def held(_: object) -> Held:
        reached.set()
        return Held(asyncio.Event(), "never")

    silent = Piped(held)
    said = {"pipeline/p": waiting if stream else silent}

    async def main() -> tuple[Got, int]:
        async with gateway(tmp_path, credits=1, pipelines=said) as served:
            caller = served.caller()
            async with asyncio.TaskGroup() as group:
                body = asking("pipeline/p", stream=stream)
                task = group.create_task(caller.ask(body, headers=served.headers))
                await reached.wait()
                assert (await served.standing()).held_units == UNITS
                caller.gone.set()
            return task.result(), await served.charged(1)

    got, units = asyncio.run(main())
    assert (got.status, got.pieces, units) == (0, [], 0)
    assert (waiting.is_closed.is_set(), silent.in_flight) == (stream, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_pitfall_59_a_picture_of_several_frames_costs_thirty_credits_once(
    tmp_path: Path, stream: bool
) -> None:
    def frames(seen: Seen) -> Iterator[Action]:
        if not seen.stream:
            yield from echo(seen)
            return
        drawn = [piece(seen, {"images": [image_item(png(each))]}) for each in ("a", "b", "c")]
        yield from sse([event(each) for each in (*drawn, piece(seen, {}, "stop"))])

    with endpoint(frames) as server:
        text = openai_at(server.url) + priced("mine/m", "0", "0")
        body = asking("mine/m", modalities=["image"], stream=stream)
        got, units, (row,) = paid(tmp_path, body, 100, text=text)
    assert got.status == 200
    assert (units, row.images) == (30 * UNITS, 1)


def test_usage_that_is_not_told_is_estimated(tmp_path: Path) -> None:
    said = {
        "pipeline/p": Broken([Delta(text="Six..."), Delta(finish_reason="stop")], StepError(""))
    }
    _, _, (row,) = paid(tmp_path, asking("pipeline/p", stream=True), pipelines=said)
    assert row.output_tokens == 2


@pytest.mark.parametrize(
    ("told", "output"), [(Usage(), 4), (Usage(7), 4), (Usage(0, output_tokens=9), 9)]
)
@pytest.mark.parametrize("stream", [False, True])
def test_use_that_is_told_as_none_is_estimated(
    tmp_path: Path, told: Usage, output: int, stream: bool
) -> None:
    said = {"pipeline/p": Piped([reply(usage=told)])}
    _, _, (row,) = paid(tmp_path, asking("pipeline/p", stream=stream), pipelines=said)
    assert row.output_tokens == output
    assert row.prompt_tokens >= max(1, told.prompt_tokens)


def test_an_unknown_error_in_a_stream_is_told_in_it(tmp_path: Path) -> None:
    class Odd(Broken):
        async def stream(self, request: object) -> Any:
            yield Delta(text="Half")
            raise ZeroDivisionError("sk-secret")

    said = {"pipeline/p": Odd([], None)}
    got, _, _ = paid(tmp_path, asking("pipeline/p", stream=True), pipelines=said)
    assert got.events[-2]["error"]["code"] == 500
    assert got.is_whole
    assert "sk-secret" not in str(got)


def test_an_unknown_error_is_told_without_what_it_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(request: object) -> Any:
        raise ZeroDivisionError("sk-secret")

    for stream in (False, True):
        said = {"pipeline/p": Piped(fails)}
        body = asking("pipeline/p", stream=stream)
        got, units, _ = paid(tmp_path / str(stream), body, pipelines=said)
        assert (got.status, units) == (500, 0)
        assert "sk-secret" not in str(got) + caplog.text
    assert "ZeroDivisionError" in caplog.text


AUTO = """
[models]
fastest = "mine/easy"
smartest = "mine/hard"
[auto]
judge = "mine/judge"
"""


def test_the_judge_of_auto_is_paid_by_who_asks_for_it(tmp_path: Path) -> None:
    with endpoint() as server:
        prices = "".join(priced(f"mine/{each}", "1000", "2000") for each in ("easy", "hard"))
        text = openai_at(server.url) + AUTO + prices + priced("mine/judge", "1000", "2000")
        got, units, found = paid(tmp_path / "rich", asking("auto"), 10_000, text=text)
        poor, _, nothing = paid(tmp_path / "poor", asking("auto"), 0, text=text)
        assert {row.group for row in found} == {("mine/judge",), ("mine/hard",)}
    assert got.status == 200
    assert units == sum(row.units for row in found)
    assert (poor.status, nothing) == (402, [])
