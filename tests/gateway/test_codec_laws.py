"""What is written of any reply, the dialect reads back: whole, and folded from its chunks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from gumloop.spec import ChatResult
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from flowrun.chat.messages import (
    ChatReply,
    Delta,
    FinishReason,
    ToolCall,
    ToolCallPiece,
    fold,
    unfold,
)
from flowrun.chat.usage import Usage
from flowrun.gateway.codec import UsageForm, Writer
from flowrun.providers.base import Quirks
from flowrun.providers.openai import OpenAIDialect
from flowrun.providers.sse import EventParser
from tests.gateway.test_codec_writer import BLUE, RED, chunks

words = st.text(st.characters(codec="utf-8"), max_size=12)
counts = st.integers(0, 10**9)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    fresh, cached, written, out = (draw(counts) for _ in range(4))
    cost = draw(st.none() | st.integers(0, 10**9).map(lambda each: Decimal(each) / 1000))
    return Usage(
        *(fresh, cached, written, out, cost),
        reasoning_tokens=draw(st.integers(0, out)),
        image_input_tokens=draw(st.integers(0, fresh)),
        image_output_tokens=draw(st.integers(0, out)),
    )


details = st.fixed_dictionaries({"type": st.just("reasoning.encrypted"), "data": words})


@st.composite
def replies(draw: st.DrawFn) -> ChatReply:
    arguments = st.dictionaries(words, words, max_size=2).map(json.dumps)
    calls = draw(
        st.lists(
            st.builds(ToolCall, words.filter(bool), words.filter(bool), arguments),
            max_size=3,
            unique_by=lambda each: each.id,
        )
    )
    plain: st.SearchStrategy[FinishReason] = st.sampled_from(["stop", "length", "content_filter"])
    reasons: st.SearchStrategy[FinishReason] = st.sampled_from(["tool_calls", "length"])
    return ChatReply(
        draw(words),
        draw(reasons if calls else plain),
        draw(words.filter(bool)),
        draw(st.none() | usages()),
        tuple(draw(st.lists(st.sampled_from([RED, BLUE]), max_size=2))),
        draw(words),
        draw(words),
        draw(words.filter(bool)),
        tuple(calls),
        tuple({"by": "openrouter", "block": each} for each in draw(st.lists(details, max_size=2))),
    )


DIALECT = OpenAIDialect(quirks=Quirks(reasoning_by="openrouter"))


def writing(reply: ChatReply, form: UsageForm = "finish") -> Writer:
    return Writer(reply.id, 1, reply.model, form)


@settings(max_examples=150, deadline=None)
@given(replies())
def test_a_whole_answer_is_read_back(reply: ChatReply) -> None:
    body = writing(reply).whole(reply)
    ChatCompletion.model_validate(json.loads(body), strict=True)
    ChatResult.model_validate(json.loads(body))
    assert DIALECT.decode(body, content_type="application/json") == reply


def cut(reply: ChatReply, sizes: Sequence[int]) -> list[Delta]:
    """The reply in pieces: its texts and arguments cut at those sizes, all else whole."""
    found = [Delta(id=reply.id, model=reply.model)]
    for name in ("reasoning", "refusal", "text"):
        said = getattr(reply, name)
        for size in sizes:
            found.append(replace(Delta(), **{name: said[:size]}))
            said = said[size:]
        found.append(replace(Delta(), **{name: said}))
    for at, each in enumerate(reply.tool_calls):
        half = len(each.arguments) // 2
        found.append(
            Delta(tool_calls=(ToolCallPiece(at, each.id, each.name, each.arguments[:half]),))
        )
        found.append(Delta(tool_calls=(ToolCallPiece(at, arguments=each.arguments[half:]),)))
    found += [Delta(images=(each,)) for each in reply.images]
    return [*found, Delta(blocks=reply.blocks, finish_reason=reply.finish_reason)]


@settings(max_examples=150, deadline=None)
@given(
    replies(),
    st.lists(st.integers(0, 4), max_size=3),
    st.sampled_from(["finish", "chunk"]),
    st.booleans(),
)
def test_a_streamed_answer_folds_to_the_whole(
    reply: ChatReply, sizes: list[int], form: UsageForm, is_whole: bool
) -> None:
    one, parser, decoder = writing(reply, form), EventParser(), DIALECT.decoder()
    pieces = [unfold(reply)] if is_whole else cut(reply, sizes)
    sent = b"".join(one.chunk(each) for each in pieces)
    sent += one.end(reply.finish_reason, reply.usage)
    chunks(sent)
    deltas = [delta for event in parser.feed(sent) for delta in decoder.feed(event)]
    assert fold([*deltas, *decoder.finish()]) == reply
