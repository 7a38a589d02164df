"""Every way of a bad endpoint ends in the right answer, or in an error that names the cause."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from itertools import product

import pytest

from flowrun.chat.usage import Usage
from tests.support.asking import (
    KEY,
    MODES,
    TRANSPORTS,
    Limits,
    Mode,
    Transport,
    asking,
    outcome_of,
    reply_of,
    request,
)
from tests.support.endpoint import BEHAVIOURS, MIXED, ByModel, Server, endpoint
from tests.support.oddities import CURIOUS, FINAL
from tests.support.tool_models import TOOL_MODELS

EITHER = r"(gave a reply|sent an event) that is not JSON"

ERRORS: dict[str, str] = {
    **{str(code): f"ProviderError: bench answered {code}: status {code} was asked for"
       for code in (400, 413, 422)},
    **{str(code): f"AccessDenied: bench answered {code}: status {code} was asked for"
       for code in (401, 402, 403)},
    **{str(code): f"Unsupported: bench answered {code}: status {code} was asked for"
       for code in (404, 501)},
    **{str(code): f"Unavailable: bench answered {code}: status {code} was asked for"
       for code in (408, 409, 429, 500, 502, 503, 504, 529)},
    "429-huge": "Unavailable: bench answered 429: status 429 was asked for; "
                "it wants to be asked again in 24 h",
    "429-quota": "AccessDenied: bench answered 429: no credit left",
    "503-final": "ProviderError: bench answered 503: status 503 was asked for",
    "reset-early": "Unavailable: bench broke the connection: .*Connection reset by peer",
    "close-early": "Unavailable: bench broke the connection: Server disconnected.*",
    "reset-headers": "Unavailable: bench broke the connection: .+",
    "reset-body": "Unavailable: bench broke the connection: .+",
    "cut": "Unavailable: bench broke the connection: .+",
    "cut-clean": "Unavailable: bench (gave a reply that is not JSON: .+"
                 "|cut the stream before the reply was complete)",
    "html": "Unavailable: bench gave a reply that is not JSON: an HTML page",
    "html-502": "Unavailable: bench answered 502: an HTML page",
    "redirect": r"ProviderError: bench redirects to http://localhost:\d+: "
                "redirects are not followed",
    "huge-header": "Unavailable: bench broke the connection: .+",
    "echo-key": r"AccessDenied: bench answered 401: the key Bearer \*\*\* \(\*\*\*\) "
                "was of no use",
    "echo-key-500": r"Unavailable: bench answered 500: the key Bearer \*\*\* \(\*\*\*\) "
                    "was of no use",
    "error-chunk": "Unavailable: bench reported an error: the upstream model went away",
    "error-bare": "Unavailable: bench reported an error: the server had an error",
    "finish-unknown": "ProviderError: bench ended its reply for an unknown reason: "
                      '"phase_of_the_moon"',
    "finish-error": "Unavailable: bench ended its reply with an error",
    "no-choices": "Unavailable: bench (gave a reply without an answer: .+"
                  "|cut the stream before the reply was complete)",
    "array": rf"Unavailable: bench {EITHER}: \[1, 2, 3\]",
    "not-json": rf'Unavailable: bench {EITHER}: \{{"choices": \[\{{"mess',
    "bad-utf8": "Unavailable: bench (gave a reply that is not JSON: .+"
                "|cut the stream before the reply was complete)",
    "deep": rf"Unavailable: bench {EITHER}: \[{{40,}}…",
    "nothing": "Unavailable: bench gave a reply that is not JSON: an empty body",
    "image-bad": "ProviderError: bench gave a picture that cannot be read: "
                 "Only base64 data is allowed",
    "image-text": "ProviderError: bench gave a picture that cannot be read: "
                  "the bytes are no PNG, JPEG, GIF or WebP picture",
    "image-svg": "ProviderError: bench gave a picture that cannot be read: "
                 "the bytes are no PNG, JPEG, GIF or WebP picture",
    "image-cut": "ProviderError: bench gave a picture that cannot be read: "
                 "the image/png picture is cut short",
    "image-url": "ProviderError: bench gave a picture that is no data URL: "
                 '"http://127.0.0.1:9/picture.png"',
}  # fmt: skip
"""What is said, as a pattern of the whole message."""

HUNG: dict[str, str] = {
    "hang": "Unavailable: bench sent nothing for 0.3 s",
    "hang-headers": "Unavailable: bench sent nothing for 0.3 s",
    "hang-body": "Unavailable: bench sent nothing for 0.3 s",
    "drip": "Unavailable: bench did not finish its reply within 0.9 s",
}

TEXTS: dict[str, str] = {
    **dict.fromkeys(("crlf", "cr", "comments", "fields", "no-space"), f"{CURIOUS} [stop]"),
    **dict.fromkeys(("u2028", "multiline", "utf8-split", "bom"), f"{CURIOUS} [stop]"),
    **dict.fromkeys(("ok", "slow", "gzip", "no-done", "wrong-type"), "hello [stop]"),
    **dict.fromkeys(("unary-always", "stream-always"), "hello [stop]"),
    **dict.fromkeys(("no-usage", "usage-negative", "usage-text"), "hello [stop]"),
    "finish-missing": "hello [stop]",
    "finish-null": "Half of an ans [stop]",
    "length": "Half of an ans [length]",
    "content-filter": " [content_filter]",
    "tool-calls": " [tool_calls]",
    "refusal": "I cannot help with that. [stop]",
    "empty": " [stop]",
    "null": " [stop]",
    "list": "in parts [stop]",
    "surrogate": "half \ufffd [stop]",
    "escape-codes": "\x1b]0;owned\x07\x1b[31mred\x1b[0m\r over [stop]",
    "fences": "```json\n{}\n``` [stop]",
    "prose": "Sure! Here it is:\n\n{}\n\nAnything else? [stop]",
    "schema-broken": '{"unexpected": [1, 2 [stop]',
    "schema-wrong": '{"unexpected": true} [stop]',
    "image-none": "I made no picture. [stop]",
}

PASSING = (
    *MIXED,
    *("408", "409", "429", "504", "429-zero", "429-float", "429-ms", "429-past"),
    *("429-negative", "429-garbage", "close-early", "html", "html-502", "error-bare", "not-json"),
    *("nothing", "no-choices", "finish-error", "array", "bad-utf8", "deep", "echo-key-500"),
)

FINAL_ERRORS = ("400", "401", "402", "403", "404", "413", "422", "501", "429-quota", "429-huge",
                "503-final", "redirect", "echo-key", "finish-unknown", "image-bad")  # fmt: skip

WAYS = [pytest.param(*way, id="-".join(way)) for way in product(TRANSPORTS, MODES)]
each_way = pytest.mark.parametrize(("transport", "mode"), WAYS)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with endpoint() as running:
        yield running


def outcome(
    server: Server, name: str, transport: Transport, mode: Mode, limits: Limits | None = None
) -> str:
    async def ask() -> str:
        async with asking(server.url, transport, limits) as provider:
            return await outcome_of(provider, request(f"chaos-{name}"), mode)

    return asyncio.run(ask())


@each_way
@pytest.mark.parametrize("name", ERRORS)
def test_faults_that_last_are_named(
    server: Server, name: str, transport: Transport, mode: Mode
) -> None:
    found = outcome(server, name, transport, mode)
    assert re.fullmatch(ERRORS[name], found), found
    assert KEY not in found


@each_way
@pytest.mark.parametrize("name", TEXTS)
def test_odd_answers_are_read(
    server: Server, name: str, transport: Transport, mode: Mode
) -> None:  # fmt: skip
    assert outcome(server, name, transport, mode) == TEXTS[name]


@each_way
@pytest.mark.parametrize("name", HUNG)
def test_hung_requests_end_in_time(name: str, transport: Transport, mode: Mode) -> None:
    with endpoint() as server:
        found = outcome(server, name, transport, mode, Limits(idle_s=0.3, total_s=0.9))
        assert found == HUNG[name]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_signs_of_life_do_not_hold_a_stream_open_for_ever(transport: Transport) -> None:
    with endpoint() as server:
        found = outcome(server, "endless-comments", transport, "stream", Limits(total_s=0.9))
    assert found == "Unavailable: bench did not finish its reply within 0.9 s"


@each_way
@pytest.mark.parametrize("name", sorted(set(PASSING)))
def test_faults_that_pass_end_in_the_answer(name: str, transport: Transport, mode: Mode) -> None:
    with endpoint() as server:
        found = outcome(server, f"{name}.2", transport, mode, Limits(retries=2))
        assert (found, len(server.seen)) == ("hello [stop]", 3)


@each_way
@pytest.mark.parametrize("name", FINAL_ERRORS)
def test_final_faults_are_not_asked_about_again(
    name: str, transport: Transport, mode: Mode
) -> None:
    with endpoint() as server:
        found = outcome(server, name, transport, mode, Limits(retries=4))
        assert re.fullmatch(ERRORS[name], found), found
        assert len(server.seen) == 1


@pytest.mark.parametrize("name", ["429-seconds", "503-seconds", "429-date", "429-float"])
def test_retry_after_is_waited_for(name: str) -> None:
    with endpoint() as server:
        outcome(server, f"{name}.1", "pool", "send", Limits(retries=1))
        first, second = server.seen
    assert second.at - first.at >= (0.3 if name == "429-float" else 1.0)


@each_way
def test_pictures_come_whole_and_the_last_frame_is_last(
    server: Server, transport: Transport, mode: Mode
) -> None:
    async def ask() -> tuple[bytes, ...]:
        async with asking(server.url, transport) as provider:
            asked = request("chaos-image-partial")
            return tuple(image.data for image in (await reply_of(provider, asked, mode)).images)

    frames = asyncio.run(ask())
    assert (len(frames), frames[-1]) == (2, FINAL)


@pytest.mark.parametrize("name", ["no-usage", "usage-negative", "usage-text"])
@pytest.mark.parametrize("mode", MODES)
def test_senseless_usage_counts_as_unknown(server: Server, name: str, mode: Mode) -> None:
    async def ask() -> Usage | None:
        async with asking(server.url, "pool") as provider:
            return (await reply_of(provider, request(f"chaos-{name}"), mode)).usage

    assert asyncio.run(ask()) is None


def test_the_key_goes_to_no_other_origin() -> None:
    with endpoint() as server:
        outcome(server, "redirect", "pool", "send", Limits(retries=2))
        assert [each.path for each in server.seen] == ["/v1/chat/completions"]


@each_way
def test_nothing_is_lost_or_paid_twice_among_mixed_faults(transport: Transport, mode: Mode) -> None:
    async def ask(url: str) -> list[str]:
        async with asking(url, transport, Limits(retries=4)) as provider:
            asked = [request("chaos-mix", f"item {n}") for n in range(200)]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(outcome_of(provider, each, mode)) for each in asked]
        return [task.result() for task in tasks]

    with endpoint(ByModel(mix_rate=0.2, mix_seed=7)) as server:
        found = asyncio.run(ask(server.url))
        answered = [each.prompt for each in server.paid]
    assert found == [f"item {n} [stop]" for n in range(200)]
    assert sorted(answered) == sorted(f"item {n}" for n in range(200))


def test_every_behaviour_has_its_expectation() -> None:
    waits = {f"429-{how}" for how in ("date", "float", "garbage", "ms", "negative", "past")}
    waits |= {"429-seconds", "429-zero", "503-seconds"}
    sizes = {"huge", "endless", "endless-comments", "gzip-bomb", "huge-line"}
    pictures = {"image", "image-partial", "image-mislabelled", "image-bomb"}
    plain = set(ERRORS) | set(HUNG) | set(TEXTS)
    assert set(BEHAVIOURS) == plain | waits | sizes | pictures | set(TOOL_MODELS)
