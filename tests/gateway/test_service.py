"""One completion's way: who is asked, what is sent, and what it costs, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowrun.chat.messages import ChatRequest, Delta, ToolCall
from flowrun.errors import NotInstalled, Unavailable, Unsupported
from flowrun.gateway.faults import Fault
from flowrun.gateway.service import own_keys
from tests.support.asgi import Got, asking
from tests.support.endpoint import endpoint
from tests.support.piped import Broken, Piped, reply
from tests.support.replies import error
from tests.support.serving import gateway, openai_at
from tests.support.wire import Action, Seen


def both(folder: Path, **how: Any) -> Callable[..., Got]:
    """Asks a gateway in one go."""

    def asked(body: object, **more: Any) -> Got:
        async def main() -> Got:
            async with gateway(folder, **how) as served:
                return await served.ask(body, **more)

        return asyncio.run(main())

    return asked


# Who is asked


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("first", ["mine/chaos-503", "mine/chaos-reset-early", "mine/chaos-404",
                                   "nobody/m", "openai/gpt-x"])  # fmt: skip
def test_the_next_model_is_asked_where_one_cannot_be_had(
    tmp_path: Path, first: str, stream: bool
) -> None:
    with endpoint() as server:
        ask = both(tmp_path, text=openai_at(server.url))
        got = ask(asking(first, "Hello.", models=["fake/echo"], stream=stream))
    assert got.status == 200
    assert got.headers["x-flowrun-model"] == "fake/echo"
    said = got.text if stream else got.json["choices"][0]["message"]["content"]
    assert said == "Hello."


@pytest.mark.parametrize("first", ["mine/chaos-400", "mine/chaos-401"])
def test_a_refusal_is_told_and_no_other_is_asked(tmp_path: Path, first: str) -> None:
    other = Piped(["never"])
    with endpoint() as server:
        ask = both(tmp_path, text=openai_at(server.url), pipelines={"pipeline/p": other})
        got = ask(asking(first, models=["pipeline/p"]))
    assert got.status in (400, 502)
    assert other.requests == []


def test_a_filtered_answer_is_an_answer(tmp_path: Path) -> None:
    filtered, other = Piped([reply(text="", finish_reason="content_filter")]), Piped(["never"])
    ask = both(tmp_path, pipelines={"pipeline/p": filtered, "pipeline/q": other})
    got = ask(asking("pipeline/p", models=["pipeline/q"]))
    assert got.json["choices"][0]["finish_reason"] == "content_filter"
    assert other.requests == []


def test_of_several_failures_one_that_may_pass_is_told(tmp_path: Path) -> None:
    with endpoint() as server:
        ask = both(tmp_path, text=openai_at(server.url))
        assert ask(asking("mine/chaos-503", models=["nobody/m"])).status == 503
        assert ask(asking("nobody/m", models=["nobody/n"])).status == 400


def test_pitfall_39_a_failure_before_content_is_fallen_back_from(tmp_path: Path) -> None:
    named = Broken([Delta(id="x", model="m")], Unavailable("gone"))
    ask = both(tmp_path, pipelines={"pipeline/p": named})
    got = ask(asking("pipeline/p", "Hello.", models=["fake/echo"], stream=True))
    roles = [each["choices"][0]["delta"].get("role") for each in got.events[:-1]]
    assert got.text == "Hello."
    assert [each for each in roles if each] == ["assistant"]


def test_pitfall_39_nobody_else_is_asked_after_content(tmp_path: Path) -> None:
    begun, other = Broken([Delta(text="Half")], Unavailable("gone")), Piped(["never"])
    ask = both(tmp_path, pipelines={"pipeline/p": begun, "pipeline/q": other})
    got = ask(asking("pipeline/p", models=["pipeline/q"], stream=True))
    assert got.text == "Half"
    assert got.events[-2]["error"]["code"] == 502
    assert other.requests == []


# What is sent


def test_a_hint_that_a_model_does_not_take_is_left_out_and_told(tmp_path: Path) -> None:
    def picky(request: ChatRequest) -> Any:
        return next((Unsupported("no", param=each) for each in request.options), "An answer.")

    asked = Piped(picky)
    ask = both(tmp_path, pipelines={"pipeline/p": asked})
    for stream in (False, True):
        got = ask(asking("pipeline/p", temperature=1, seed=7, store=True, stream=stream))
        dropped = set(got.headers["x-flowrun-dropped"].split(", "))
        assert dropped == {"temperature", "seed", "store"}
    assert asked.requests[-1].options == {}


@pytest.mark.parametrize(
    "refusal",
    [
        Unsupported("no", param="stop"),
        Unsupported("no", param="temperature", status=400),
        Unsupported("no", param="seed"),
        Unsupported("no"),
    ],
)
def test_what_is_no_hint_is_refused(tmp_path: Path, refusal: Unsupported) -> None:
    ask = both(tmp_path, pipelines={"pipeline/p": Piped([refusal])})
    got = ask(asking("pipeline/p", temperature=1, stop=["x"]))
    assert got.status == 400


@pytest.mark.parametrize("stream", [False, True])
def test_blocks_of_a_turn_come_back_by_the_id_of_its_call(tmp_path: Path, stream: bool) -> None:
    call = ToolCall("call_1", "look", "{}")
    block = {"by": "test", "signature": "s"}
    asked = Piped([reply(tool_calls=(call,), blocks=(block,), finish_reason="tool_calls"), "Done."])
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]

    async def main() -> None:
        async with gateway(tmp_path, pipelines={"pipeline/p": asked}) as served:
            await served.ask(asking("pipeline/p", "Look.", tools=tools, stream=stream))
            body = asking("pipeline/p", "Look.", tools=tools)
            function = {"name": "look", "arguments": "{}"}
            wire = {"id": "call_1", "type": "function", "function": function}
            body["messages"] += [
                {"role": "assistant", "content": None, "tool_calls": [wire]},
                {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
            ]
            await served.ask(body)

    asyncio.run(main())
    assert asked.requests[-1].messages[1].blocks == (block,)


# Whose key


def test_own_keys_are_read_by_endpoint() -> None:
    assert own_keys("a=sk-1, b = sk=2") == {"a": "sk-1", "b": "sk=2"}


@pytest.mark.parametrize(
    "said",
    [
        "sk-1",
        "=sk-1",
        "a=",
        "a=b c",
        "a=1,a=2",
        "a=ü",
        ",".join(f"e{at}=sk-12345678" for at in range(33)),
    ],
)
def test_own_keys_that_cannot_be_read_are_refused_and_not_repeated(said: str) -> None:
    with pytest.raises(Fault) as caught:
        own_keys(said)
    assert caught.value.status == 400
    assert "sk-1" not in str(caught.value)


KEY, OWN = "sk-servers-own-0123456789", "sk-callers-own-0123456789"


def _echoes_key(seen: Seen) -> Iterator[Action]:
    head = seen.head.decode()
    yield error(401, "refused: " + head[head.lower().index("authorization") :][:80])


@pytest.mark.parametrize("stream", [False, True])
def test_pitfall_42_a_key_is_in_no_answer(tmp_path: Path, stream: bool) -> None:
    with endpoint(_echoes_key) as server:
        table = openai_at(server.url, key_env='"MINE_KEY"')
        ask = both(tmp_path, text=table, environ={"MINE_KEY": KEY})
        for headers in ({}, {"x-provider-key": f"mine={OWN}"}):
            got = ask(asking("mine/m", stream=stream), headers=headers)
            assert (KEY in str(got), OWN in str(got)) == (False, False)
            assert got.status == (401 if headers else 502)
        assert [OWN.encode() in each.head for each in server.seen] == [False, True]


def test_who_brings_a_key_needs_none_of_the_server_s(tmp_path: Path) -> None:
    with endpoint() as server:
        ask = both(tmp_path, text=openai_at(server.url, key_env='"MINE_KEY"'))
        assert ask(asking("mine/echo")).status == 400
        assert ask(asking("mine/echo"), headers={"x-provider-key": f"mine={OWN}"}).status == 200


def test_a_key_of_an_unknown_provider_is_refused_with_a_mend(tmp_path: Path) -> None:
    got = both(tmp_path)(asking(), headers={"x-provider-key": "opnai=sk-0123456789"})
    assert (got.status, got.error["code"]) == (400, "invalid_provider_key")
    assert got.error["message"] == (
        'x-provider-key has a key of the unknown provider "opnai": did you mean openai?'
    )


def test_where_the_embedded_model_is_not_installed_the_next_one_is_asked(tmp_path: Path) -> None:
    lacking = Piped([NotInstalled("it needs a package: run pip")])
    ask = both(tmp_path, pipelines={"pipeline/p": lacking})
    assert ask(asking("pipeline/p", models=["fake/echo"])).status == 200
    got = both(tmp_path, pipelines={"pipeline/p": Piped([NotInstalled("run pip")])})(
        asking("pipeline/p")
    )
    assert (got.status, got.error["code"]) == (503, "model_unavailable")
    assert got.error["message"] == "the embedded model is not installed on this server"


def test_a_pipeline_that_is_not_there_is_fallen_back_from(tmp_path: Path) -> None:
    ask = both(tmp_path)
    assert ask(asking("pipeline/q", models=["fake/echo"])).status == 200
    got = ask(asking("pipeline/q"))
    assert (got.status, got.error["code"]) == (404, "model_not_found")
    assert got.error["message"] == "this server runs no pipelines"


def test_a_pipeline_without_a_bound_is_told_how_to_get_one(tmp_path: Path) -> None:
    unbound = Piped(["never"])
    unbound.worst_usd = None
    got = both(tmp_path, pipelines={"pipeline/p": unbound}, credits=5)(asking("pipeline/p"))
    assert (got.status, got.error["code"]) == (400, "price_unknown")
    assert got.error["message"] == (
        "pipeline/p has no budget: write budget: {usd: 0.10} at the top of its file"
    )


def test_a_refusal_tells_what_was_dropped_before_it(tmp_path: Path) -> None:
    got = both(tmp_path)(asking("nobody/m", store=True))
    assert (got.status, got.headers["x-flowrun-dropped"]) == (400, "store")


def test_a_provider_that_asked_for_a_pause_is_named_with_it(tmp_path: Path) -> None:
    def throttle(_: Seen) -> Iterator[Action]:
        yield error(429, "slow down", retry_after="3600")

    with endpoint(throttle) as server:

        async def main() -> Got:
            async with gateway(tmp_path, openai_at(server.url)) as served:
                assert (await served.ask(asking("mine/m"))).status == 429
                return await served.ask(asking("mine/m"))

        got = asyncio.run(main())
    assert got.error["message"].startswith("mine asked for a pause of 60 min: slow down")
    assert (got.status, got.headers["retry-after"]) == (429, "3600")
