"""One question to a model until there is a usable answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.chat.converse import Answer, Watch, converse
from flowrun.chat.messages import ChatReply, ChatRequest, Delta, Message, Text
from flowrun.errors import ReplyError, Unavailable
from flowrun.masking import Masker
from flowrun.providers.fake import Fake

REQUEST = ChatRequest("m", (Message("system", (Text("s"),)), Message("user", (Text("u"),))))
SECRET = "sk-0123456789abcdef"


class Told:
    """What a conversation told."""

    def __init__(self, *, streams: bool = False, masker: Masker | None = None) -> None:
        self.replies: list[ChatReply] = []
        self.repairs: list[tuple[str, int]] = []
        self.texts: list[str] = []
        self.watch = Watch(
            self.replies.append,
            lambda problem, attempt: self.repairs.append((problem, attempt)),
            self.texts.append if streams else None,
            masker,
        )


class Pieces:
    """A provider whose stream is these deltas; nothing of it can be closed."""

    def __init__(self, deltas: Iterable[Delta]) -> None:
        self._deltas = list(deltas)

    async def send(self, request: ChatRequest) -> ChatReply:
        raise AssertionError(request)

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        deltas = iter(self._deltas)

        class Stream:
            def __aiter__(self) -> AsyncIterator[Delta]:
                return self

            async def __anext__(self) -> Delta:
                delta = next(deltas, None)
                if delta is None:
                    raise StopAsyncIteration
                return delta

        return Stream()


def number(reply: ChatReply) -> int:
    """The reply as a number. Raises: ReplyError."""
    if reply.text == "never":
        raise ReplyError("never", text=reply.text)
    try:
        return int(reply.text)
    except ValueError as error:
        raise ReplyError("it is no number", text=reply.text, repairable=True) from error


def ask(fake: Fake, told: Told, *, repairs: int = 1) -> Answer[int]:
    return asyncio.run(converse(fake, REQUEST, read=number, repairs=repairs, watch=told.watch))


@pytest.mark.parametrize("streams", [False, True])
def test_a_usable_reply_is_the_answer(streams: bool) -> None:
    fake, told = Fake(["3"]), Told(streams=streams)
    answer = ask(fake, told)
    assert (answer.value, answer.reply.text) == (3, "3")
    assert fake.requests == [REQUEST]
    assert told.replies == [answer.reply]
    assert "".join(told.texts) == ("3" if streams else "")


@pytest.mark.parametrize("streams", [False, True])
def test_a_faulty_reply_is_sent_back_with_its_problem(streams: bool) -> None:
    fake, told = Fake(["three", "3"]), Told(streams=streams)
    assert ask(fake, told).value == 3
    assert fake.requests[1].messages == (
        *REQUEST.messages,
        Message("assistant", (Text("three"),)),
        Message(
            "user",
            (Text("This reply cannot be used: it is no number. Answer again, with nothing else."),),
        ),
    )
    assert told.repairs == [("it is no number", 1)]
    assert [each.text for each in told.replies] == ["three", "3"]


def test_only_the_newest_attempt_is_sent_back() -> None:
    fake, told = Fake(["one", "two", "3"]), Told()
    ask(fake, told, repairs=2)
    said = [str(each.messages) for each in fake.requests]
    assert "one" in said[1]
    assert "one" not in said[2].replace("number", "")
    assert [attempt for _, attempt in told.repairs] == [1, 2]


@pytest.mark.parametrize("reply", ["", " \n"])
def test_an_empty_reply_is_not_sent_back_but_asked_again(reply: str) -> None:
    fake = Fake([reply, "3"])
    ask(fake, Told())
    assert fake.requests == [REQUEST, REQUEST]


@pytest.mark.parametrize("repairs", [0, 1, 3])
def test_after_the_last_repair_the_problem_is_raised(repairs: int) -> None:
    fake, told = Fake(["x"]), Told()
    with pytest.raises(ReplyError, match="it is no number"):
        ask(fake, told, repairs=repairs)
    assert len(fake.requests) == len(told.replies) == repairs + 1
    assert len(told.repairs) == repairs


def test_what_cannot_be_repaired_is_raised_at_once() -> None:
    fake, told = Fake(["never"]), Told()
    with pytest.raises(ReplyError, match="never"):
        ask(fake, told, repairs=5)
    assert (len(fake.requests), told.repairs) == (1, [])


@pytest.mark.parametrize("streams", [False, True])
def test_a_provider_that_fails_is_not_asked_again_here(streams: bool) -> None:
    fake, told = Fake([Unavailable("down")]), Told(streams=streams)
    with pytest.raises(Unavailable, match="down"):
        ask(fake, told)
    assert len(fake.requests) == 1


def test_a_stream_is_closed_when_the_conversation_is_dropped() -> None:
    closed = []

    class Endless(Pieces):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            try:
                while True:
                    yield Delta(text="x ")
                    await asyncio.sleep(0)
            finally:
                closed.append(request)

    async def main() -> None:
        said: list[str] = []
        told = Told(streams=True)
        watch = Watch(told.watch.on_reply, told.watch.on_repair, said.append)
        asked = converse(Endless(()), REQUEST, read=number, repairs=0, watch=watch)
        talk = asyncio.ensure_future(asked)
        while len(said) < 3:  # noqa: ASYNC110 - the reply comes a piece in a turn
            await asyncio.sleep(0)
        talk.cancel()
        with pytest.raises(asyncio.CancelledError):
            await talk
        assert closed == [REQUEST]

    asyncio.run(main())


def test_a_stream_without_an_end_is_a_failure() -> None:
    told = Told(streams=True)
    asked = converse(Pieces([Delta(text="3")]), REQUEST, read=number, repairs=0, watch=told.watch)
    with pytest.raises(Unavailable, match="ended before the reply was complete"):
        asyncio.run(asked)


# Secrets


def streamed(pieces: Sequence[str], masker: Masker | None) -> tuple[str, list[str]]:
    """The answer's text, and what was told of it as it came."""
    told = Told(streams=True, masker=masker)
    deltas = [*(Delta(text=each) for each in pieces), Delta(finish_reason="stop", model="m")]
    asked = converse(
        Pieces(deltas), REQUEST, read=lambda reply: reply.text, repairs=0, watch=told.watch
    )
    return asyncio.run(asked).value, told.texts


def test_a_secret_in_any_field_is_masked_before_anybody_sees_it() -> None:
    said = ChatReply(
        f"text {SECRET}", "stop", SECRET, refusal=SECRET, reasoning=f"<{SECRET}>", id=SECRET
    )
    seen: list[ChatReply] = []

    def read(reply: ChatReply) -> str:
        seen.append(reply)
        return reply.text

    told = Told(masker=Masker([SECRET]))
    asked = converse(Fake([said]), REQUEST, read=read, repairs=0, watch=told.watch)
    answer = asyncio.run(asked)
    assert answer.reply == ChatReply(
        "text ***", "stop", "***", refusal="***", reasoning="<***>", id="***"
    )
    assert seen == told.replies == [answer.reply]


def test_a_secret_in_pieces_is_masked_as_it_streams() -> None:
    text, told = streamed(["the key is sk-01", "23456789", "abcdef, ", "yes"], Masker([SECRET]))
    assert text == "the key is ***, yes"
    assert told == ["the key is ", "***, ", "ye", "s"]


def test_without_secrets_text_is_told_piece_by_piece() -> None:
    assert streamed(["a", "b", "", "c"], None)[1] == ["a", "b", "c"]


def test_text_that_is_no_part_of_a_secret_does_not_wait() -> None:
    _, told = streamed(["こ", "ん", "に", "\n"], Masker([SECRET]))
    assert told == ["こ", "ん", "に", "\n"]


def test_a_stream_that_begins_again_forgets_what_waited() -> None:
    told = Told(streams=True, masker=Masker([SECRET]))
    deltas = [
        Delta(text="one two sk-"),
        Delta(restart=True),
        Delta(text="three"),
        Delta(finish_reason="stop", model="m"),
    ]
    asked = converse(Pieces(deltas), REQUEST, read=lambda r: r.text, repairs=0, watch=told.watch)
    assert asyncio.run(asked).value == "three"
    assert told.texts == ["one two ", "three"]


def test_a_long_word_is_told_as_it_comes() -> None:
    _, told = streamed(["x" * 40_000, "y" * 40_000], Masker([SECRET]))
    assert told == ["x" * 40_000, "y" * 40_000]


def test_a_secret_with_a_blank_is_masked_as_it_streams() -> None:
    _, told = streamed(["a two wor", "ds and a", " key b"], Masker(["two words and a key"]))
    assert told == ["a ", "*** b"]


def test_no_more_waits_than_could_be_a_secret() -> None:
    _, told = streamed(["sk-" * 1000, "!"], Masker([SECRET]))
    assert told == ["sk-" * 999, "sk-!"]


def test_a_secret_behind_escapes_reaches_no_reader() -> None:
    hidden = "".join(f"\\u{ord(each):04x}" for each in SECRET)
    text, _ = streamed(['{"k": "', hidden, '"}'], Masker([SECRET]))
    assert text == '{"k": "***"}'


@given(
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    cuts=st.lists(st.integers(1, 60), max_size=12),
)
def test_no_cut_lets_a_secret_through(before: str, after: str, cuts: list[int]) -> None:
    whole = f"{before}{SECRET}{after}{json.dumps(SECRET)}"
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(whole[at : at + cut])
        at += cut
    text, told = streamed([*pieces, whole[at:]], Masker([SECRET]))
    assert SECRET not in text
    assert SECRET not in "".join(told)
    assert "".join(told) == text
