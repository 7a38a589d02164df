"""What each client is told when it gets no answer, or an answer that breaks off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowrun.chat.messages import ChatReply
from flowrun.chat.usage import Usage
from tests.gateway.clients.conftest import World
from tests.support.clients import CLIENTS, AsyncGumloop, Client, Gumloop, OpenAI, Refused
from tests.support.dialects import ANTHROPIC, GEMINI, OPENAI, Speaker
from tests.support.upstreams import Broken, Refusal, Upstreams

REPLY = ChatReply("One two three four.", "stop", "m-1", Usage(9, output_tokens=4), id="r-1")
ASKED: list[dict[str, Any]] = [{"role": "user", "content": "Hello."}]
UNPAIRED = [*ASKED, {"role": "tool", "tool_call_id": "call_x", "content": "12:00"}]
Open = Callable[[type, str], Client]
every_kind = pytest.mark.parametrize("kind", CLIENTS, ids=lambda each: each.name)
either_way = pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "stream"])


def label(speaker: Speaker) -> str:
    return f"{speaker.name}/{speaker.model}"


def refused(client: Client, is_streamed: bool, **body: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        (client.stream if is_streamed else client.whole)(**body)
    return caught.value


@either_way
def test_a_body_that_cannot_be_taken_is_told_with_its_place(
    client: Client, upstreams: Upstreams, is_streamed: bool
) -> None:
    error = refused(client, is_streamed, model=label(OPENAI), messages=UNPAIRED)
    assert (error.status, error.kind) == (400, "invalid_request_error")
    assert error.param == "messages[1].tool_call_id"
    assert upstreams.asked == []


def test_an_unknown_field_is_told_by_its_name(world: World, open_client: Open) -> None:
    error = refused(open_client(OpenAI, world.rich), False, model="x", messages=ASKED, wishes=1)
    assert (error.status, error.param) == (400, "wishes")


@either_way
def test_an_unknown_model_is_told(client: Client, is_streamed: bool) -> None:
    error = refused(client, is_streamed, model="nobody/nothing", messages=ASKED)
    assert (error.status, error.code, error.param) == (400, "model_not_found", "model")


@every_kind
@either_way
def test_a_wrong_key_is_told(open_client: Open, kind: type, is_streamed: bool) -> None:
    error = refused(open_client(kind, "fr-nobody"), is_streamed, model="x", messages=ASKED)
    assert (error.status, error.code) == (401, "invalid_api_key")
    assert "fr-nobody" not in str(error)


@every_kind
@either_way
def test_an_empty_account_is_told(
    open_client: Open, kind: type, world: World, upstreams: Upstreams, is_streamed: bool
) -> None:
    client = open_client(kind, world.poor)
    error = refused(client, is_streamed, model=label(ANTHROPIC), messages=ASKED)
    assert (error.status, error.code) == (402, "insufficient_credits")
    assert upstreams.asked == []


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Refusal(400, "invalid_request_error", "no such thing"), 400, "provider_rejected"),
        (Refusal(404, "not_found_error", "no such model"), 404, "provider_rejected"),
        (Refusal(413, "request_too_large", "too large"), 413, "provider_rejected"),
        (Refusal(401, "authentication_error", "who?"), 502, "provider_access"),
        (Refusal(500, "api_error", "it broke"), 502, "provider_unavailable"),
        (Refusal(529, "overloaded_error", "too busy"), 503, "overloaded"),
        (Refusal(504, "timeout_error", "too late"), 504, "timeout"),
    ],
    ids=lambda each: str(each.status) if isinstance(each, Refusal) else str(each),
)
@either_way
def test_what_a_provider_refuses_is_told(
    client: Client,
    speaker: Speaker,
    upstreams: Upstreams,
    is_streamed: bool,
    refusal: Refusal,
    status: int,
    code: str,
) -> None:
    upstreams.say(refusal)
    error = refused(client, is_streamed, model=label(speaker), messages=ASKED)
    assert (error.status, error.code) == (status, code)
    assert "secret" not in str(error)
    is_about_the_caller = code == "provider_rejected"
    assert ("The provider rejected the request:" in str(error)) == is_about_the_caller
    assert (refusal.said in str(error)) == (code != "provider_access")


@pytest.mark.parametrize("speaker", [OPENAI, ANTHROPIC, GEMINI], ids=lambda each: each.name)
def test_too_many_requests_are_told_with_when_to_come_again(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(Refusal(429, "rate_limit_error", "slower", {"retry-after": "7"}))
    name = f"busy-{speaker.name}-{client.name}/{speaker.model}"
    error = refused(client, False, model=name, messages=ASKED)
    assert (error.status, error.code) == (429, "rate_limit_exceeded")
    if client.name.startswith("openai"):
        assert error.retry_after == "7"


@either_way
def test_a_stream_that_ends_before_it_has_begun_is_no_answer(
    client: Client, speaker: Speaker, upstreams: Upstreams, is_streamed: bool
) -> None:
    upstreams.say(Broken(REPLY, 0, is_cut=True))
    error = refused(client, is_streamed, model=label(speaker), messages=ASKED)
    assert (error.status, error.code) == (502, "provider_unavailable")


def content_events(speaker: Speaker) -> int:
    """How many events of the reply it takes until a part of its text is there."""
    events = speaker.events(REPLY)
    return next(n for n, each in enumerate(events, 1) if b"One" in each) + 1


def test_an_error_in_mid_stream_is_told_after_what_there_was(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(Broken(REPLY, content_events(speaker)))
    heard = client.stream(model=label(speaker), messages=ASKED)
    assert heard.text
    assert REPLY.text.startswith(heard.text)
    assert heard.error is not None
    assert isinstance(heard.error["code"], int)
    assert heard.error["code"] == 503
    assert "too busy" in heard.error["message"]


def test_a_stream_that_is_cut_is_told_as_an_error(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(Broken(REPLY, content_events(speaker), is_cut=True))
    heard = client.stream(model=label(speaker), messages=ASKED)
    assert heard.text
    assert heard.error is not None
    assert heard.error["code"] == 502


@pytest.mark.parametrize("client", [Gumloop, AsyncGumloop], ids=lambda c: c.name, indirect=True)
def test_gumloop_sees_the_reason_of_an_answer_that_broke_off(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(Broken(REPLY, content_events(speaker)))
    assert client.stream(model=label(speaker), messages=ASKED).finish == "error"


OWN = "own-secret"


@pytest.mark.parametrize("speaker", [OPENAI, ANTHROPIC, GEMINI], ids=lambda each: each.name)
def test_a_key_of_the_callers_own_is_used_and_its_refusal_told(
    world: World, open_client: Open, speaker: Speaker, upstreams: Upstreams
) -> None:
    refusal = Refusal(401, "authentication_error", f"{OWN} is not known")
    upstreams.say(REPLY, refusal)
    client = open_client(OpenAI, world.rich)
    headers = {"x-provider-key": f"{speaker.name}={OWN}"}
    asked = {"model": label(speaker), "messages": ASKED, "extra_headers": headers}
    assert client.whole(**asked)["choices"][0]["message"]["content"] == REPLY.text
    header, value = speaker.key_header
    assert upstreams.asked[0].headers[header] == value.replace("secret", OWN)
    error = refused(client, False, **asked)
    assert (error.status, error.code) == (401, "invalid_provider_key")
    assert OWN not in str(error)


def test_nothing_is_asked_twice(client: Client, speaker: Speaker, upstreams: Upstreams) -> None:
    upstreams.say(Refusal(500, "api_error", "it broke"), REPLY)
    refused(client, False, model=label(speaker), messages=ASKED)
    assert len(upstreams.asked) == 1
