from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Delta,
    ImageUrl,
    Message,
    ResponseFormat,
    Text,
    ToolCall,
    ToolCallPiece,
    ToolDefinition,
    fold,
    unfold,
)
from flowrun.chat.usage import Usage
from flowrun.digest import JsonValue
from flowrun.errors import Unavailable
from tests.support.replies import png

PICTURE = Image(b"bytes", "image/png", 1, 2, "ab" * 32)


def test_fold_joins_what_comes_in_pieces() -> None:
    deltas = [
        Delta(text="Hel", id="1", model="small"),
        Delta(text="lo", reasoning="hm", images=(PICTURE,)),
        Delta(refusal="no", finish_reason="stop", model="large"),
        Delta(usage=Usage(1, output_tokens=2), id="2"),
    ]
    assert fold(deltas) == ChatReply(
        text="Hello",
        finish_reason="stop",
        model="large",
        usage=Usage(1, output_tokens=2),
        images=(PICTURE,),
        refusal="no",
        reasoning="hm",
        id="1",
    )


def test_fold_takes_the_last_usage_not_the_sum() -> None:
    deltas = [Delta(usage=Usage(1)), Delta(usage=Usage(5), finish_reason="stop")]
    assert fold(deltas).usage == Usage(5)


def test_fold_forgets_what_came_before_a_restart() -> None:
    deltas = [
        Delta(text="wrong", finish_reason="length", usage=Usage(9), model="a"),
        Delta(restart=True),
        Delta(text="right", finish_reason="stop"),
    ]
    assert fold(deltas) == ChatReply("right", "stop", "")


def test_fold_of_a_cut_stream_is_an_error() -> None:
    with pytest.raises(Unavailable) as caught:
        fold([Delta(text="Hel", finish_reason="stop"), Delta(restart=True), Delta(text="Hel")])
    assert str(caught.value) == "the stream ended before the reply was complete"


def test_unfold_is_the_inverse_of_fold() -> None:
    reply = ChatReply("text", "stop", "m", Usage(1), (PICTURE,), "refusal", "reasoning", "id")
    assert fold([unfold(reply)]) == reply


def test_fold_puts_the_pieces_of_calls_together() -> None:
    deltas = [
        Delta(tool_calls=(ToolCallPiece(4, "b", "g"), ToolCallPiece(1, "a", "f", '{"x"'))),
        Delta(tool_calls=(ToolCallPiece(1, "again", "again", ":1}"),)),
        Delta(tool_calls=(ToolCallPiece(4, arguments="{}"),), finish_reason="tool_calls"),
    ]
    calls = (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}"))
    assert fold(deltas) == ChatReply("", "tool_calls", "", tool_calls=calls)


def test_fold_forgets_calls_from_before_a_restart() -> None:
    deltas = [
        Delta(tool_calls=(ToolCallPiece(0, "a", "f", '{"x"'),)),
        Delta(restart=True),
        Delta(tool_calls=(ToolCallPiece(0, "b", "g", "{}"),), finish_reason="tool_calls"),
    ]
    assert fold(deltas).tool_calls == (ToolCall("b", "g", "{}"),)


T = TypeVar("T")
WORDS = st.text(max_size=12)
REPLIES = st.builds(
    ChatReply,
    WORDS,
    st.sampled_from(["stop", "length", "content_filter", "tool_calls"]),
    WORDS,
    st.none() | st.builds(Usage, st.integers(0, 9), output_tokens=st.integers(0, 9)),
    st.lists(st.just(PICTURE), max_size=2).map(tuple),
    WORDS,
    WORDS,
    WORDS,
    st.lists(st.builds(ToolCall, WORDS, WORDS, WORDS), max_size=3).map(tuple),
)


@given(REPLIES)
def test_a_whole_reply_is_a_stream_of_one(reply: ChatReply) -> None:
    assert fold([unfold(reply)]) == reply


def halves(draw: st.DrawFn, whole: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    at = draw(st.integers(0, len(whole)))
    return whole[:at], whole[at:]


def split(draw: st.DrawFn, delta: Delta) -> list[Delta]:
    """A delta as two that say the same; what comes whole comes in the first."""
    text, more_text = halves(draw, delta.text)
    refusal, more_refusal = halves(draw, delta.refusal)
    reasoning, more_reasoning = halves(draw, delta.reasoning)
    images, more_images = halves(draw, delta.images)
    first, second = [], []
    for each in delta.tool_calls:
        arguments, more = halves(draw, each.arguments)
        first.append(ToolCallPiece(each.index, each.id, each.name, str(arguments)))
        second.append(ToolCallPiece(each.index, arguments=str(more)))
    return [
        Delta(
            str(text), str(refusal), str(reasoning), tuple(images),
            model=delta.model, id=delta.id, tool_calls=tuple(first),
        ),
        Delta(
            str(more_text), str(more_refusal), str(more_reasoning), tuple(more_images),
            delta.finish_reason, delta.usage, tool_calls=tuple(second),
        ),
    ]  # fmt: skip


@st.composite
def streamed(draw: st.DrawFn) -> tuple[ChatReply, list[Delta]]:
    """A reply, and deltas that add up to it, perhaps after some that are void."""
    reply = draw(REPLIES)
    deltas = [unfold(reply)]
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(deltas) - 1))
        deltas[at : at + 1] = split(draw, deltas[at])
    if draw(st.booleans()):
        deltas = [unfold(draw(REPLIES)), Delta(restart=True), *deltas]
    return reply, deltas


@given(streamed())
def test_any_stream_of_a_reply_adds_up_to_it(case: tuple[ChatReply, list[Delta]]) -> None:
    reply, deltas = case
    assert fold(deltas) == reply


SEARCH = ToolDefinition("search", "Finds pages.", {"type": "object"})
CLOCK = ToolDefinition("clock", "", {})


def test_tools_and_their_turns_are_plain_data() -> None:
    calls = (ToolCall("a", "search", "{}"),)
    messages = (
        Message("assistant", (), calls),
        Message("tool", (Text("found"),), tool_call_id="a"),
    )
    found = ChatRequest("m", messages, tools=(SEARCH, CLOCK), tool_choice="auto").as_json()
    assert found["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "search",
                "parameters": {"type": "object"},
                "description": "Finds pages.",
            },
        },
        {"type": "function", "function": {"name": "clock", "parameters": {}}},
    ]
    assert (found["tool_choice"], found["parallel_tool_calls"]) == ("auto", None)
    assert found["messages"] == [
        {
            "role": "assistant",
            "parts": [],
            "tool_calls": [{"id": "a", "name": "search", "arguments": "{}"}],
        },
        {"role": "tool", "parts": [{"text": "found"}], "tool_call_id": "a"},
    ]


@pytest.mark.parametrize(
    ("choice", "forced", "free"),
    [
        (None, (), (SEARCH, CLOCK)),
        ("auto", (), (SEARCH, CLOCK)),
        ("none", (), ()),
        ("required", (SEARCH, CLOCK), ()),
        ({"type": "function", "function": {"name": "clock"}}, (CLOCK,), ()),
        ({"type": "function", "function": {"name": "other"}}, (), ()),
    ],
    ids=str,
)
def test_a_choice_of_tools(
    choice: JsonValue, forced: tuple[ToolDefinition, ...], free: tuple[ToolDefinition, ...]
) -> None:
    request = ChatRequest("m", (), tools=(SEARCH, CLOCK), tool_choice=choice)
    assert (request.forced_tools, request.free_tools) == (forced, free)


def test_a_request_is_plain_data_with_images_by_digest() -> None:
    request = ChatRequest(
        model="m",
        messages=(Message("user", (Text("see"), PICTURE, ImageUrl("https://example.org/x.png"))),),
        options={"seed": 1},
        response_format=ResponseFormat("json_schema", "answer", {"type": "object"}),
        modalities=("image",),
        image_config={"aspect_ratio": "1:1"},
        provider={"sort": "price"},
    )
    assert request.as_json() == {
        "model": "m",
        "messages": [
            {
                "role": "user",
                "parts": [
                    {"text": "see"},
                    {"image": "ab" * 32},
                    {"image_url": "https://example.org/x.png"},
                ],
            }
        ],
        "options": {"seed": 1},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object"}},
        },
        "modalities": ["image"],
        "image_config": {"aspect_ratio": "1:1"},
        "provider": {"sort": "price"},
    }
    assert request.images() == (PICTURE,)
    assert request.wants_image


def test_a_request_asks_for_text_where_nothing_is_said() -> None:
    request = ChatRequest("m", ())
    assert not request.wants_image
    assert request.response_format.as_json() == {"type": "text"}


@pytest.mark.parametrize(
    "delta",
    [
        Delta(text="a"),
        Delta(refusal="a"),
        Delta(reasoning="a"),
        Delta(images=(Image.from_bytes(png("a")),)),
        Delta(tool_calls=(ToolCallPiece(0, "c", "t"),)),
    ],
)
def test_what_is_of_the_answer_is_content(delta: Delta) -> None:
    assert delta.has_content


@pytest.mark.parametrize(
    "delta",
    [Delta(id="one", model="m"), Delta(), Delta(usage=Usage(1)), Delta(finish_reason="stop")],
)
def test_pitfall_39_what_an_answer_is_called_is_no_content(delta: Delta) -> None:
    assert not delta.has_content
