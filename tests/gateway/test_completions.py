"""Completions over ASGI: what a caller sees of an answer, and of each way in which none comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowrun.errors import Unavailable
from flowrun.providers.fake import Held
from tests.support.asgi import JSON, Got, asking
from tests.support.endpoint import endpoint
from tests.support.piped import Piped
from tests.support.replies import STREAM_HEAD, error, event, piece, sse
from tests.support.serving import gateway, openai_at
from tests.support.wire import Action, End, Seen, chunk


def answered(folder: Path, body: object, text: str = "", **how: Any) -> Got:
    """The answer to one request, in open mode."""

    async def main() -> Got:
        async with gateway(folder, text) as served:
            return await served.ask(body, **how)

    return asyncio.run(main())


def test_a_completion_says_who_answered_and_what_it_is_called(tmp_path: Path) -> None:
    got = answered(tmp_path, asking(text="Hello."), headers={"x-request-id": "mine-1"})
    assert got.status == 200
    assert got.headers["x-request-id"] == "mine-1"
    assert got.headers["x-flowrun-model"] == got.json["model"] == "fake/echo"
    assert got.json["choices"][0]["message"]["content"] == "Hello."
    assert got.json["system_fingerprint"] is None
    assert "x-flowrun-credits" not in got.headers
    assert "x-flowrun-dropped" not in got.headers


@pytest.mark.parametrize("said", ["", "a b", "x" * 129, "ü"])
def test_a_request_id_that_cannot_be_said_back_is_replaced(tmp_path: Path, said: str) -> None:
    got = answered(tmp_path, asking(), headers={"x-request-id": said})
    assert got.headers["x-request-id"] != said
    assert len(got.headers["x-request-id"]) == 32


def test_a_stream_says_the_same_in_pieces(tmp_path: Path) -> None:
    got = answered(tmp_path, asking(text="one two three", stream=True))
    assert got.text == "one two three"
    assert got.events[-1] == "[DONE]"
    assert len({each["id"] for each in got.events[:-1]}) == 1
    assert got.is_whole


def test_pitfall_27_proxies_are_told_not_to_buffer_a_stream(tmp_path: Path) -> None:
    got = answered(tmp_path, asking(stream=True))
    assert got.headers["content-type"].startswith("text/event-stream")
    assert got.headers["cache-control"] == "no-cache, no-transform"
    assert got.headers["x-accel-buffering"] == "no"
    assert not {"content-length", "content-encoding"} & got.headers.keys()


def test_pitfall_27_the_first_piece_arrives_before_the_upstream_ends(tmp_path: Path) -> None:
    async def main(url: str) -> Got:
        async with gateway(tmp_path, openai_at(url)) as served:
            caller = served.caller()
            caller.on_piece = lambda _: caller.gone.set()
            return await caller.ask(asking("mine/m", stream=True))

    with endpoint(_half) as server:
        got = asyncio.run(main(server.url))
    assert b"Half" in got.body
    assert not got.is_whole


def _half(seen: Seen) -> Iterator[Action]:
    return _begun(seen, ["Half"])


def _begun(seen: Seen, words: Iterable[str]) -> Iterator[Action]:
    """These words, and nothing more for ever."""
    yield STREAM_HEAD
    for each in words:
        yield chunk(event(piece(seen, {"content": each})))
    yield End.HANG


@pytest.mark.parametrize(
    ("options", "usages"),
    [({}, [False, True]), ({"include_usage": False}, [False, False])],
)
def test_pitfall_29_usage_comes_where_it_was_asked_for(
    tmp_path: Path, options: dict[str, bool], usages: list[bool]
) -> None:
    more: dict[str, Any] = {"stream_options": options} if options else {}
    got = answered(tmp_path, asking(text="Hi.", stream=True, **more))
    chunks = got.events[:-1]
    assert all(each["choices"] for each in chunks)
    assert [each.get("usage") is not None for each in chunks] == usages


def test_pitfall_29_usage_that_was_asked_for_is_the_last_chunk(tmp_path: Path) -> None:
    body = asking(text="Hi.", stream=True, stream_options={"include_usage": True})
    *chunks, last, done = answered(tmp_path, body).events
    assert done == "[DONE]"
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 2
    assert all(each["usage"] is None for each in chunks)


@pytest.mark.parametrize("model", ["chaos-cut", "chaos-cut-clean", "chaos-reset-body"])
def test_pitfall_22_a_stream_that_was_cut_ends_in_an_error(tmp_path: Path, model: str) -> None:
    text = "a text that is long enough for several pieces"
    with endpoint() as server:
        got = answered(tmp_path, asking(f"mine/{model}", text, stream=True), openai_at(server.url))
    *_, last, done = got.events
    assert got.status == 200
    assert last["choices"][0]["finish_reason"] == "error"
    assert isinstance(last["error"]["code"], int)
    assert done == "[DONE]"


def test_pitfall_22_a_body_that_was_cut_is_an_error(tmp_path: Path) -> None:
    with endpoint() as server:
        got = answered(tmp_path, asking("mine/chaos-cut-clean"), openai_at(server.url))
    assert got.status == 502


def test_pitfall_28_an_error_after_some_pieces_is_told_in_the_stream(tmp_path: Path) -> None:
    text = "a text that is long enough for several pieces"
    with endpoint() as server:
        body = asking("mine/chaos-error-chunk", text, stream=True)
        got = answered(tmp_path, body, openai_at(server.url))
    *before, last, done = got.events
    assert [each["choices"][0]["finish_reason"] for each in before] == [None] * len(before)
    assert last["choices"][0]["finish_reason"] == "error"
    assert last["error"]["message"]
    assert done == "[DONE]"


@pytest.mark.parametrize(
    ("model", "status"),
    [("chaos-429-zero", 429), ("chaos-401", 502), ("chaos-503", 503), ("chaos-400", 400)],
)
@pytest.mark.parametrize("stream", [False, True])
def test_pitfall_40_an_early_failure_of_a_stream_has_its_status(
    tmp_path: Path, model: str, status: int, stream: bool
) -> None:
    with endpoint() as server:
        got = answered(tmp_path, asking(f"mine/{model}", stream=stream), openai_at(server.url))
    assert got.status == status
    assert got.headers["content-type"] == "application/json"
    assert got.error["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_pitfall_41_a_provider_s_word_on_when_to_ask_again_is_passed_on(
    tmp_path: Path, stream: bool
) -> None:
    def busy(seen: Seen) -> Iterator[Action]:
        yield error(429, "slow down", retry_after="12")

    with endpoint(busy) as server:
        got = answered(tmp_path, asking("mine/m", stream=stream), openai_at(server.url))
    assert (got.status, got.headers["retry-after"]) == (429, "12")


@pytest.mark.parametrize("stream", [False, True])
def test_a_stream_of_nothing_is_an_error(tmp_path: Path, stream: bool) -> None:
    def nothing(seen: Seen) -> Iterator[Action]:
        yield from sse([event(piece(seen, {"role": "assistant", "content": ""}))])

    with endpoint(nothing) as server:
        got = answered(tmp_path, asking("mine/m", stream=stream), openai_at(server.url))
    assert got.status == 502


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        ({"messages": []}, 400, "model"),
        (asking(n=2), 400, "n"),
        (asking("nobody/m"), 400, "model"),
        (asking(api_key="sk-1"), 400, "api_key"),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused_with_the_part(
    tmp_path: Path, body: object, status: int, param: str | None
) -> None:
    got = answered(tmp_path, body)
    assert (got.status, got.error["param"]) == (status, param)
    assert got.headers["x-request-id"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(tmp_path: Path, kind: str) -> None:
    got = answered(tmp_path, asking(), headers={"content-type": kind})
    assert (got.status, got.error["code"]) == (415, "unsupported_media_type")


def test_a_compressed_body_is_refused(tmp_path: Path) -> None:
    assert answered(tmp_path, asking(), headers={"content-encoding": "gzip"}).status == 415


def test_a_body_above_the_bound_is_refused_while_it_is_read(tmp_path: Path) -> None:
    parts = [b" " * 2**19] * 4
    got = answered(tmp_path, None, "[serve]\nmax_body_mb = 1\n", parts=parts)
    assert (got.status, got.headers["connection"]) == (413, "close")


def test_a_body_that_says_it_is_too_large_is_not_read(tmp_path: Path) -> None:
    headers = {"content-length": str(2**40)}
    assert answered(tmp_path, asking(), headers=headers).status == 413


@pytest.mark.parametrize(
    ("length", "closed"), [("99999", None), ("100000", "close"), ("", "close")]
)
def test_a_long_body_that_is_not_wanted_is_not_read(
    tmp_path: Path, length: str, closed: str | None
) -> None:
    headers = {"content-type": "text/plain", "content-length": length}
    assert answered(tmp_path, asking(), headers=headers).headers.get("connection") == closed


def test_a_body_that_does_not_come_ends_in_408(tmp_path: Path) -> None:
    async def main() -> Got:
        async with gateway(tmp_path, "[serve]\nbody_timeout = 0.01\n") as served:
            caller = served.caller()
            return await caller.ask(parts=[], headers=served.headers)

    assert asyncio.run(main()).status == 408


def test_a_caller_who_leaves_before_the_body_is_there_gets_nothing(tmp_path: Path) -> None:
    async def main() -> Got:
        async with gateway(tmp_path) as served:
            caller = served.caller()
            caller.gone.set()
            return await caller.ask(parts=[], headers=served.headers)

    assert asyncio.run(main()).status == 0


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1:x"])
def test_without_keys_only_names_of_this_machine_are_answered(tmp_path: Path, host: str) -> None:
    got = answered(tmp_path, asking(), headers={"host": host})
    assert (got.status, got.error["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "[::1]:8600", "127.1.2.3"])
def test_this_machine_has_several_names(tmp_path: Path, host: str) -> None:
    assert answered(tmp_path, asking(), headers={"host": host}).status == 200


def test_a_header_that_stands_twice_is_refused(tmp_path: Path) -> None:
    async def main() -> Got:
        async with gateway(tmp_path) as served:
            headers = [*JSON.items(), ("host", "127.0.0.1")]
            return await served.caller().ask(asking(), headers=headers)

    assert asyncio.run(main()).status == 400


def test_with_keys_any_host_is_answered_and_only_with_one(tmp_path: Path) -> None:
    async def main() -> list[int]:
        async with gateway(tmp_path, credits=1) as served:
            mine = await served.ask(asking(), headers={"host": "llm.example"})
            other = await served.ask(asking(), headers={"authorization": "Bearer fr-no"})
            none = await served.caller().ask(asking())
            return [mine.status, other.status, none.status]

    assert asyncio.run(main()) == [200, 401, 401]


def test_a_server_that_drains_takes_nothing_new(tmp_path: Path) -> None:
    async def main() -> Got:
        async with gateway(tmp_path) as served:
            served.running.drain()
            return await served.ask(asking())

    got = asyncio.run(main())
    assert (got.status, got.error["code"]) == (503, "shutting_down")
    assert got.headers["connection"] == "close"


@pytest.mark.parametrize("stream", [False, True])
def test_what_waits_for_its_answer_when_the_server_ends_is_told(
    tmp_path: Path, stream: bool
) -> None:
    got = asyncio.run(_cut(tmp_path, (), stream=stream))
    assert (got.status, got.error["code"]) == (503, "shutting_down")


def test_a_stream_under_way_when_the_server_ends_is_told_in_it(tmp_path: Path) -> None:
    got = asyncio.run(_cut(tmp_path, ("Half",), stream=True))
    *_, last, done = got.events
    assert got.text == "Half"
    assert last["error"]["code"] == 503
    assert done == "[DONE]"
    assert got.is_whole


async def _cut(folder: Path, words: tuple[str, ...], *, stream: bool) -> Got:
    """The answer to who waits for more than those words while the server ends."""
    reached, loop = asyncio.Event(), asyncio.get_running_loop()

    def answer(seen: Seen) -> Iterator[Action]:
        if not words:
            loop.call_soon_threadsafe(reached.set)
        return _begun(seen, words)

    with endpoint(answer) as server:
        async with gateway(folder, openai_at(server.url)) as served:
            caller = served.caller()
            caller.on_piece = lambda _: reached.set()
            async with asyncio.TaskGroup() as group:
                body = asking("mine/m", stream=stream)
                task = group.create_task(caller.ask(body, headers=served.headers))
                await reached.wait()
                served.running.cut()
            return task.result()


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_silent_stream_is_kept_alive_and_then_told(tmp_path: Path, is_answered: bool) -> None:
    until = asyncio.Event()
    late = Held(until, "At last." if is_answered else Unavailable("never"))

    async def main() -> Got:
        said = {"pipeline/p": Piped([late])}
        async with gateway(tmp_path, pipelines=said, alive_every_s=0.01) as served:
            caller = served.caller()
            caller.on_piece = lambda _: until.set()
            return await caller.ask(asking("pipeline/p", stream=True), headers=served.headers)

    got = asyncio.run(main())
    assert got.status == 200
    assert got.pieces[0] == b": keep-alive\n\n"
    assert (got.text == "At last.") is is_answered
    assert ("error" in got.events[-2]) is not is_answered
    assert got.events[-1] == "[DONE]"
