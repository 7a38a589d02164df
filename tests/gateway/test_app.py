"""The routes of the gateway: who may see what, and what is said where there is nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.asgi import JSON, Got, asking, get
from tests.support.endpoint import endpoint
from tests.support.replies import unary
from tests.support.serving import Gateway, gateway, openai_at

LOCAL = {"host": "127.0.0.1:8600"}
FORWARDED = {**LOCAL, "x-forwarded-for": "192.0.2.1"}
TOKEN = {"host": "llm.example", "authorization": "Bearer scraper"}


def seen(folder: Path, ask: Callable[[Gateway], Awaitable[Got]], **how: Any) -> Got:
    async def main() -> Got:
        async with gateway(folder, **how) as served:
            return await ask(served)

    return asyncio.run(main())


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/chat/completions"])
def test_completions_have_two_paths(tmp_path: Path, path: str) -> None:
    assert seen(tmp_path, lambda served: served.ask(asking(), path=path)).status == 200


@pytest.mark.parametrize("path", ["/v1/models", "/api/v1/models"])
def test_models_are_listed_for_both_families(tmp_path: Path, path: str) -> None:
    got = seen(tmp_path, lambda served: served.get(path))
    ids = [each["id"] for each in got.json["data"]]
    values = [each["value"] for group in got.json["model_groups"] for each in group["options"]]
    assert sorted(ids) == sorted(values)
    assert "fake/echo" in ids


def test_one_model_is_told_by_its_id(tmp_path: Path) -> None:
    got = seen(tmp_path, lambda served: served.get("/v1/models/fake/echo"))
    assert (got.status, got.json["id"], got.json["owned_by"]) == (200, "fake/echo", "fake")


def test_a_model_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    got = seen(tmp_path, lambda served: served.get("/v1/models/nobody/m"))
    assert (got.status, got.error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/fake/echo"])
def test_models_are_shown_to_who_has_a_key(tmp_path: Path, path: str) -> None:
    async def both(served: Gateway) -> Got:
        assert (await served.get(path)).status == 200
        return await get(served.app, path, headers=JSON)

    got = seen(tmp_path, both, credits=0)
    assert (got.status, got.error["code"]) == (401, "invalid_api_key")


def test_models_are_not_shown_to_a_page_that_rebound_its_name(tmp_path: Path) -> None:
    evil = {"host": "evil.example"}
    assert seen(tmp_path, lambda s: get(s.app, "/v1/models", headers=evil)).status == 403


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("POST", "/v1/completions", 404, "not_found"),
        ("POST", "//v1/chat/completions", 404, "not_found"),
        ("POST", "/v1/chat/completions/", 404, "not_found"),
        ("POST", "/V1/chat/completions", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
    ],
)
def test_there_is_nothing_else(
    tmp_path: Path, method: str, path: str, status: int, code: str
) -> None:
    got = seen(tmp_path, lambda served: served.ask(asking(), method=method, path=path))
    assert (got.status, got.error["code"]) == (status, code)
    assert "access-control-allow-origin" not in got.headers


def test_a_wrong_path_is_told_the_right_ones(tmp_path: Path) -> None:
    got = seen(tmp_path, lambda served: served.ask(asking(), path="/chat/completions"))
    assert got.error["message"] == (
        "nothing is at /chat/completions: the API's base is http://127.0.0.1:8600/v1, "
        "with /v1/chat/completions and /v1/models"
    )
    long = seen(tmp_path, lambda served: served.ask(asking(), path="/\x1b[1m" + "a" * 500))
    assert long.error["message"].isprintable()
    assert len(long.error["message"]) < 250


def test_a_model_that_is_not_there_is_told_the_nearest(tmp_path: Path) -> None:
    got = seen(tmp_path, lambda served: served.get("/v1/models/recomended"))
    assert got.error["message"] == ('no model has the id "recomended": did you mean recommended?')
    got = seen(tmp_path, lambda served: served.get("/v1/models/zzzzzz"))
    assert got.error["message"] == 'no model has the id "zzzzzz": GET /v1/models lists them'


def test_health_asks_nobody_and_tells_of_a_drain(tmp_path: Path) -> None:
    async def drained(served: Gateway) -> Got:
        served.running.drain()
        return await get(served.app, "/healthz", headers={})

    assert seen(tmp_path, lambda s: get(s.app, "/healthz", headers={}), credits=0).status == 200
    assert seen(tmp_path, drained).status == 503


@pytest.mark.parametrize(
    ("token", "headers", "client", "status"),
    [
        (None, LOCAL, "127.0.0.1", 200),
        (None, LOCAL, "192.0.2.1", 401),
        (None, FORWARDED, "127.0.0.1", 401),
        (None, {"host": "evil.example"}, "127.0.0.1", 403),
        ("scraper", LOCAL, "127.0.0.1", 401),
        ("scraper", TOKEN, "192.0.2.1", 200),
        ("scraper", {**TOKEN, "authorization": "Bearer other"}, "192.0.2.1", 401),
    ],
)
def test_metrics_are_for_this_machine_or_for_who_has_the_token(
    tmp_path: Path, token: str | None, headers: dict[str, str], client: str, status: int
) -> None:
    async def scraped(served: Gateway) -> Got:
        await served.ask(asking())
        await served.ask(asking("nobody/m"))
        return await get(served.app, "/metrics", headers=headers, client=client)

    got = seen(tmp_path, scraped, token=token)
    assert got.status == status
    if status == 200:
        assert b'flowrun_requests_total{model="fake/echo",status="200"} 1.0' in got.body
        assert b'flowrun_requests_total{model="none",status="400"} 1.0' in got.body


def test_an_app_closes_what_it_has_open(tmp_path: Path) -> None:
    async def main() -> list[str]:
        async with gateway(tmp_path, credits=1) as served:
            told: list[str] = []
            messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

            async def receive() -> dict[str, str]:
                return messages.pop(0)

            async def send(message: Any) -> None:
                told.append(message["type"])

            scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
            await served.app(scope, receive, send)
            return told

    assert asyncio.run(main()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


ROUTING = (
    *("api_key", "api_base", "base_url", "api_version", "api_type", "headers", "extra_headers"),
    *("extra_query", "extra_body", "organization", "custom_llm_provider", "proxy", "timeout"),
    *("endpoint", "host", "url", "azure_endpoint", "azure_ad_token", "deployment_id", "project"),
    *("default_headers", "http_client", "authorization", "x-api-key", "webhook", "callback_url"),
    *("model_list", "provider_url", "aws_access_key_id"),
)


@pytest.mark.parametrize("name", ROUTING)
def test_s4_a_body_does_not_say_where_a_request_goes(tmp_path: Path, name: str) -> None:
    with endpoint() as server, endpoint() as other:
        text = openai_at(server.url, key_env='"MINE_KEY"')
        how: dict[str, Any] = {"text": text, "environ": {"MINE_KEY": "sk-server-0123456789"}}
        values: list[Any] = [other.url, {"authorization": "Bearer sk-evil-0123456789"}]
        for value in values:
            got = seen(tmp_path, _asker(asking("mine/echo", **{name: value})), **how)
            assert (got.status, got.error["param"]) == (400, name)
        assert (server.seen, other.seen) == ([], [])


def _asker(body: object) -> Callable[[Gateway], Awaitable[Got]]:
    return lambda served: served.ask(body)


FIELDS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "n": 1,
    "stop": ["x"],
    "seed": 7,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 2,
    "max_tokens": 100,
    "max_completion_tokens": 100,
    "reasoning_effort": "low",
    "verbosity": "low",
    "service_tier": "auto",
    "user": "u",
    "store": True,
    "metadata": {"a": "b"},
    "safety_identifier": "s",
    "prompt_cache_key": "k",
    "prediction": {"type": "content", "content": "x"},
    "web_search_options": {"search_context_size": "low"},
    "response_format": {"type": "json_object"},
    "parallel_tool_calls": False,
    "modalities": ["text"],
    "image_config": {"quality": "high"},
    "provider": {"sort": "price"},
    "reasoning": {"effort": "low"},
    "cache_control": {"type": "ephemeral"},
    "plugins": [{"id": "web"}],
    "session_id": "s",
}
TWIN = {
    "max_tokens": "max_completion_tokens",
    "reasoning": "reasoning_effort",
}
DIALECTS: dict[str, dict[str, Any]] = {
    "openai": {"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]},
    "anthropic": {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "x"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    "gemini": {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP"}
        ]
    },
}
"""A good answer in each protocol."""


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", FIELDS)
def test_pitfall_43_no_field_is_lost_in_silence(tmp_path: Path, name: str, dialect: str) -> None:
    with endpoint(lambda _: iter([unary(DIALECTS[dialect])])) as server:
        text = openai_at(server.url, dialect=f'"{dialect}"')
        more: dict[str, Any] = {"tools": [_TOOL]} if name == "parallel_tool_calls" else {}
        plain = asking("mine/m-1", **more)
        seen(tmp_path, lambda served: served.ask(plain), text=text)
        body = asking("mine/m-1", **{**more, name: FIELDS[name]})
        got = seen(tmp_path, lambda served: served.ask(body), text=text)
        sent = [each.json for each in server.seen]
    if len(sent) == 1:
        assert got.status in (400, 501)
        assert str(got.error["param"]).partition(".")[0] in (name, TWIN.get(name))
        return
    dropped = got.headers.get("x-flowrun-dropped", "").split(", ")
    is_usual = FIELDS[name] in (1, ["text"])
    assert {name, TWIN.get(name)} & {*dropped} or sent[0] != sent[1] or is_usual


_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def test_pitfall_49_a_picture_of_this_machine_is_not_fetched(tmp_path: Path) -> None:
    with endpoint() as server:
        url = {"url": server.url.replace("/v1", "/picture.png")}
        body = asking("fake/echo")
        body["messages"][0]["content"] = [{"type": "image_url", "image_url": url}]
        got = seen(tmp_path, lambda served: served.ask(body))
        assert server.log.connections == 0
    assert got.status == 400
    assert got.error["param"] == "messages[0].content[0].image_url.url"


@pytest.mark.parametrize("stream", [False, True])
def test_pitfall_21_a_schema_is_answered_by_content_alone(tmp_path: Path, stream: bool) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    form = {"type": "json_schema", "json_schema": {"name": "it", "schema": schema}}
    body = asking("fake/echo", response_format=form, stream=stream)
    got = seen(tmp_path, lambda served: served.ask(body))
    if stream:
        said, finish = got.text, got.events[-2]["choices"][0]["finish_reason"]
    else:
        choice = got.json["choices"][0]
        said, finish = choice["message"]["content"], choice["finish_reason"]
        assert "tool_calls" not in choice["message"]
    assert isinstance(json.loads(said)["a"], int)
    assert finish == "stop"


def _upstream(folder: Path, model: str, **said: Any) -> tuple[Got, dict[str, Any]]:
    """The answer of a model that speaks Anthropic's protocol, and what it was sent."""
    with endpoint(lambda _: iter([unary(DIALECTS["anthropic"])])) as server:
        text = openai_at(server.url, dialect='"anthropic"')
        got = seen(folder, _asker(asking(f"mine/{model}", **said)), text=text)
        return got, server.seen[0].json


@pytest.mark.parametrize(
    ("model", "sent"),
    [("claude-opus-5", set()), ("claude-sonnet-4-5", {"temperature"})],
)
def test_pitfall_44_sampling_that_a_model_refuses_is_left_out_and_told(
    tmp_path: Path, model: str, sent: set[str]
) -> None:
    got, body = _upstream(tmp_path, model, temperature=0.5, top_p=0.9)
    assert got.status == 200
    assert {"temperature", "top_p"} & body.keys() == sent
    assert set(got.headers["x-flowrun-dropped"].split(", ")) == {"temperature", "top_p"} - sent


@pytest.mark.parametrize(
    ("said", "limit"),
    [({}, 64_000), ({"max_tokens": 7}, 7), ({"max_completion_tokens": 8}, 8)],
)
def test_pitfall_45_an_answer_is_as_long_as_was_said_or_as_it_may_be(
    tmp_path: Path, said: dict[str, int], limit: int
) -> None:
    _, body = _upstream(tmp_path, "claude-sonnet-4-5", **said)
    assert body["max_tokens"] == limit
