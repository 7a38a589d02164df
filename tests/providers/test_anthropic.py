from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest

from flowrun.chat.converse import Watch, converse
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Message,
    Part,
    ResponseFormat,
    Text,
    ToolCall,
    ToolDefinition,
    fold,
)
from flowrun.chat.toolcalls import Judged
from flowrun.chat.usage import Usage
from flowrun.config import Config, load
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unavailable, Unsupported
from flowrun.providers.anthropic import AnthropicDialect
from flowrun.providers.base import Endpoint
from flowrun.providers.http import HttpProvider
from flowrun.providers.router import Providers, Router
from tests.support.anthropic_types import valid_request
from tests.support.dialects import ANTHROPIC
from tests.support.wire_bodies import PICTURE, body_of

T = TypeVar("T")
DIALECT = AnthropicDialect()
ASKED = ChatRequest("claude-opus-5-5", (Message("user", (Text("hello"),)),))
CLOSED: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}


def encoded(request: ChatRequest, *, stream: bool = False) -> dict[str, Any]:
    return valid_request(body_of(DIALECT.encode(request, stream=stream)))


def reply(*content: object, stop: str | None = "end_turn", **beside: object) -> bytes:
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": "served"}
    return json.dumps({**whole, "content": content, "stop_reason": stop, **beside}).encode()


def decode(body: bytes) -> ChatReply:
    return DIALECT.decode(body, content_type="application/json")


def test_a_plain_request() -> None:
    wire = DIALECT.encode(ASKED, stream=False)
    assert (wire.method, wire.path) == ("POST", "/messages")
    assert wire.headers == {"anthropic-version": "2023-06-01"}
    assert body_of(wire) == {
        "model": "claude-opus-5-5",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        "max_tokens": 128_000,
    }
    assert encoded(ASKED, stream=True)["stream"] is True


def test_pitfall_46_system_messages_are_hoisted_in_their_order() -> None:
    messages = (
        Message("system", (Text("be "), Text("brief"))),
        Message("user", (Text("a"),)),
        Message("system", (Text("be kind"),)),
        Message("assistant", (Text("b"),)),
        Message("system", (Text("  "),)),
        Message("user", (Text("c"),)),
    )
    body = encoded(replace(ASKED, messages=messages))
    assert body["system"] == "be brief\nbe kind"
    assert [each["role"] for each in body["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"modalities": ("text", "image")}, "modalities"),
        ({"image_config": {"aspect_ratio": "1:1"}}, "image_config"),
        ({"provider": {"zdr": True}}, "provider"),
    ],
)
def test_what_only_others_take_is_refused(change: dict[str, Any], param: str) -> None:
    with pytest.raises(Unsupported) as caught:
        DIALECT.encode(replace(ASKED, **change), stream=False)
    assert str(caught.value) == f'cannot take "{param}": it answers for itself, in text'
    assert caught.value.param == param


def test_a_schema_is_enforced_beside_the_effort() -> None:
    form = ResponseFormat("json_schema", "answer", CLOSED)
    body = encoded(replace(ASKED, response_format=form, options={"reasoning_effort": "low"}))
    assert body["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": CLOSED},
    }
    assert "tools" not in body


def test_pitfall_21_a_forced_answer_is_text_and_no_call() -> None:
    body = encoded(replace(ASKED, response_format=ResponseFormat("json_object")))
    assert body["tool_choice"] == {"type": "tool", "name": "flowrun_answer"}
    call = {"type": "tool_use", "id": "t", "name": "flowrun_answer", "input": {"a": 1}}
    found = decode(reply(call, stop="tool_use"))
    assert (found.text, found.finish_reason, found.tool_calls) == ('{"a":1}', "stop", ())


def test_pitfall_21_a_forced_answer_is_streamed_as_text_too() -> None:
    start = {"type": "tool_use", "id": "t", "name": "flowrun_answer", "input": {}}
    events: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": start},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": each},
            }
            for each in ("", '{"a": ', "0", "}")
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ]
    found = ANTHROPIC.streamed([f"data: {json.dumps(each)}\n\n".encode() for each in events])
    assert (found.text, found.finish_reason, found.tool_calls) == ('{"a":0}', "stop", ())


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "stop"),
        (None, "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
    ],
)
def test_pitfall_17_every_stop_reason_is_known(stop: str | None, finish: str) -> None:
    assert decode(reply({"type": "text", "text": "x"}, stop=stop)).finish_reason == finish


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        ("pause_turn", "paused its turn, which only tools of its own make it do"),
        ("whatever", 'ended its reply for an unknown reason: "whatever"'),
    ],
)
def test_pitfall_17_an_end_that_no_reply_has_is_an_error(stop: str, said: str) -> None:
    with pytest.raises(ProviderError) as caught:
        decode(reply({"type": "text", "text": "x"}, stop=stop))
    assert (type(caught.value), str(caught.value)) == (ProviderError, said)


def test_pitfall_16_a_call_that_was_cut_is_not_made() -> None:
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    assert decode(reply(call, stop="max_tokens")).finish_reason == "length"
    assert decode(reply(call, stop="end_turn")).finish_reason == "tool_calls"


def test_pitfall_30_usage_comes_in_disjoint_buckets() -> None:
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 3},
        "service_tier": "standard",
    }
    assert decode(reply(usage=usage)).usage == Usage(10, 1000, 100, 5)


def test_usage_that_is_told_by_age_alone_is_added_up() -> None:
    by_age = {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4, "x": None}
    told = {"input_tokens": 1, "cache_creation": by_age, "output_tokens": 2}
    assert decode(reply(usage=told)).usage == Usage(1, 0, 3, 2, cache_write_1h_tokens=4)
    assert decode(reply(usage={"input_tokens": 1, "cache_creation": 7})).usage == Usage(1)
    assert decode(reply()).usage is None


@pytest.mark.parametrize(
    ("hour", "usage"),
    [
        (100, Usage(10, 0, 20, 2, cache_write_1h_tokens=100)),
        (500, Usage(10, output_tokens=2, cache_write_1h_tokens=120)),
    ],
)
def test_pitfall_32_what_is_kept_for_an_hour_is_counted_apart(hour: int, usage: Usage) -> None:
    by_age = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": hour}
    counts = {"input_tokens": 10, "cache_creation_input_tokens": 120, "output_tokens": 2}
    assert decode(reply(usage={**counts, "cache_creation": by_age})).usage == usage


def test_a_reply_of_parts_that_are_none_is_read_as_far_as_it_goes() -> None:
    found = decode(reply(7, {"type": "text"}, {"type": "text", "text": "x", "citations": []}))
    assert found.text == "x"
    assert found.blocks == (
        {"by": "anthropic", "block": {}},
        {"by": "anthropic", "text": 0},
        {"by": "anthropic", "text": 1},
    )


ROW = Endpoint("claude", "anthropic", "https://llm.example.org/v1", key_env="K")


def over_http(
    handler: Callable[[httpx2.Request], httpx2.Response],
    use: Callable[[HttpProvider], Coroutine[Any, Any, T]],
    **row: Any,
) -> T:
    async def main() -> T:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as client:
            return await use(HttpProvider(replace(ROW, **row), DIALECT, client, key="sk-canary"))

    return asyncio.run(main())


def test_the_key_and_the_version_go_with_every_request() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "claude-opus-5-5"}]})
        return httpx2.Response(200, content=reply({"type": "text", "text": "hi"}))

    async def use(provider: HttpProvider) -> tuple[str, list[object]]:
        text = (await provider.send(ASKED)).text
        return text, [row["id"] for row in await provider.models()]

    assert over_http(answer, use) == ("hi", ["claude-opus-5-5"])
    assert [str(each.url) for each in seen] == [
        "https://llm.example.org/v1/messages",
        "https://llm.example.org/v1/models?limit=1000",
    ]
    for each in seen:
        assert each.headers["x-api-key"] == "sk-canary"
        assert each.headers["anthropic-version"] == "2023-06-01"
        assert "authorization" not in each.headers
    newer = {"Anthropic-Version": "2026-10-21"}
    over_http(answer, lambda provider: provider.send(ASKED), headers=newer)
    assert seen[-1].headers.get_list("anthropic-version") == ["2026-10-21"]


def test_an_error_in_the_midst_of_a_stream_names_the_endpoint_and_not_the_key() -> None:
    failure = ANTHROPIC.failure("overloaded_error", "sk-canary is busy")
    sent = [*ANTHROPIC.events(WITH_THOUGHTS)[:5], f"data: {json.dumps(failure)}\n\n".encode()]
    kind = {"content-type": "text/event-stream"}

    async def use(provider: HttpProvider) -> ChatReply:
        return fold([delta async for delta in provider.stream(ASKED)])

    with pytest.raises(Unavailable) as caught:
        over_http(lambda _: httpx2.Response(200, headers=kind, content=b"".join(sent)), use)
    assert "sk-canary" not in str(caught.value)
    assert str(caught.value).startswith("claude reported an error: ")


class Lamps:
    """A tool that finds three lamps."""

    routes = ()
    most_turns = 2

    def kept(self, turn: int) -> ChatReply | None:
        return None

    def keep(self, turn: int, reply: ChatReply) -> None: ...

    async def results(self, turn: int, calls: Sequence[Judged]) -> Sequence[tuple[Part, ...]]:
        return [(Text(f"three lamps for {each.arguments['q']}"), PICTURE) for each in calls]


WITH_THOUGHTS = ChatReply(
    "Let me see.",
    "tool_calls",
    "served",
    Usage(1, output_tokens=1),
    reasoning="First, look.",
    tool_calls=(ToolCall("toolu_1", "search", '{"q":"lamps"}'),),
)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_pitfall_08_thoughts_go_back_as_they_came_before_the_call(is_streamed: bool) -> None:
    seen: list[dict[str, Any]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(valid_request(json.loads(request.content)))
        told = WITH_THOUGHTS if len(seen) == 1 else replace(WITH_THOUGHTS, text="Three.", **NONE)
        if is_streamed:
            kind = {"content-type": "text/event-stream"}
            return httpx2.Response(200, headers=kind, content=b"".join(ANTHROPIC.events(told)))
        return httpx2.Response(200, json=ANTHROPIC.unary(told))

    async def use(provider: HttpProvider) -> str:
        watch = Watch(lambda _: None, lambda *_: None, on_text=print if is_streamed else None)
        found = await converse(
            provider,
            replace(ASKED, tools=(ToolDefinition("search", "", {}),)),
            read=lambda reply: reply.text,
            repairs=0,
            watch=watch,
            tools=Lamps(),
        )
        return found.value

    assert over_http(answer, use) == "Three."
    said, result = seen[1]["messages"][1:]
    assert said["content"] == [
        {"type": "thinking", "thinking": "First, look.", "signature": "c2lnbmVk=="},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {"q": "lamps"}},
    ]
    (block,) = result["content"]
    assert [each["type"] for each in block["content"]] == ["text", "image"]


NONE: dict[str, Any] = {"tool_calls": (), "finish_reason": "stop", "reasoning": ""}


def test_the_catalog_knows_it_and_a_configuration_may_say_that_an_endpoint_speaks_it() -> None:
    known = Router(Config(variables=frozenset({"ANTHROPIC_API_KEY"}))).resolve("claude-opus-5-5")
    assert known.label == "anthropic/claude-opus-5-5"
    assert known.endpoint.base_url == "https://api.anthropic.com/v1"
    assert known.capabilities.images_out is False


def test_a_configured_endpoint_is_asked_in_its_dialect(tmp_path: Path) -> None:
    (tmp_path / "flowrun.toml").write_text(
        '[endpoints.mine]\nbase_url = "https://x.example.org"\ndialect = "anthropic"\n'
    )
    config = load(tmp_path, {})

    async def main() -> None:
        async with Providers(config, in_flight=1, environ={}) as providers:
            resolved = providers.resolve("mine/claude-opus-5-5")
            assert resolved.endpoint.dialect == "anthropic"
            with pytest.raises(Unsupported, match='mine cannot take "seed"'):
                await providers.provider(resolved).send(replace(ASKED, options={"seed": 7}))

    asyncio.run(main())
