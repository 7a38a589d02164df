from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.chat.messages import ChatReply, ToolCall
from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.openai_tools import CallPieces
from flowrun.providers.sse import EventParser
from tests.support.wire_bodies import DIALECT, chunk, decode, stream, unary

F = {"name": "f", "arguments": '{"a":1}'}
G = {"name": "g", "arguments": "{}"}


def piece(name: str = "", arguments: Any = None, **beside: Any) -> dict[str, Any]:
    function = {"arguments": arguments} if arguments is not None else {}
    return {**beside, "function": {**function, **({"name": name} if name else {})}}


def calls(*pieces: object, finish: str | None = "tool_calls") -> tuple[ToolCall, ...]:
    """What a stream with each of the pieces in a chunk of its own adds up to."""
    return stream(
        *(chunk({"tool_calls": [each]}) for each in pieces), chunk({}, finish), "[DONE]"
    ).tool_calls


def test_a_whole_reply_with_calls() -> None:
    said = [
        {"id": "a", "type": "function", "function": F},
        {"id": "b", "type": "function", "function": G},
    ]
    assert decode(unary({"content": None, "tool_calls": said}, "tool_calls")) == ChatReply(
        "",
        "tool_calls",
        "served",
        id="1",
        tool_calls=(ToolCall("a", "f", '{"a":1}'), ToolCall("b", "g", "{}")),
    )


def test_a_streamed_reply_equals_the_whole_one() -> None:
    said = [{"id": "a", "function": F}, {"id": "b", "function": G}]
    whole = decode(unary({"content": "Look.", "tool_calls": said}, "tool_calls"))
    assert whole == stream(
        chunk({"role": "assistant", "content": "Lo"}),
        chunk({"content": "ok."}),
        chunk({"tool_calls": [piece("f", "", index=0, id="a", type="function")]}),
        chunk({"tool_calls": [piece(arguments='{"a"', index=0)]}),
        chunk({"tool_calls": [piece("g", "{", index=1, id="b"), piece("", ":1", index=0)]}),
        chunk({"tool_calls": [piece(arguments="}", index=1), piece(arguments="}", index=0)]}),
        chunk({}, "tool_calls"),
        "[DONE]",
    )


@pytest.mark.parametrize(
    ("reported", "reason"),
    [
        ("stop", "tool_calls"),
        ("tool_use", "tool_calls"),
        (None, "tool_calls"),
        ("length", "length"),
        ("content_filter", "content_filter"),
    ],
)
def test_a_reply_with_calls_ends_with_them_unless_it_was_cut(
    reported: str | None, reason: str
) -> None:
    message = {"tool_calls": [{"id": "a", "function": F}]}
    for reply in (
        decode(unary(message, reported)),
        stream(chunk(message), chunk({}, reported), "[DONE]"),
        stream(chunk(message, reported), "[DONE]"),
    ):
        assert (reply.finish_reason, reply.tool_calls) == (
            reason,
            (ToolCall("a", "f", F["arguments"]),),
        )


def test_calls_may_come_after_the_finish_reason() -> None:
    reply = stream(chunk({}, "stop"), chunk({"tool_calls": [{"id": "a", "function": F}]}))
    assert (reply.finish_reason, len(reply.tool_calls)) == ("tool_calls", 1)


def test_a_cut_stream_of_calls_is_an_error() -> None:
    with pytest.raises(Unavailable, match=r"^cut the stream before the reply was complete$"):
        stream(chunk({"tool_calls": [piece("f", '{"a', index=0, id="a")]}))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("", "{}"),
        (" \n", "{}"),
        ("null", "{}"),
        (None, "{}"),
        ({}, "{}"),
        ({"a": {"b": "é"}}, '{"a":{"b":"é"}}'),
        ([1], "[1]"),
        (7, "7"),
        ('{"a":', '{"a":'),
        ('"\ud83d\ude00"', '"😀"'),
        ('"\ud83d"', '"\ufffd"'),
    ],
)
def test_arguments_are_text_in_the_end(arguments: object, text: str) -> None:
    said = {"id": "a", "function": {"name": "f", "arguments": arguments}}
    assert decode(unary({"tool_calls": [said]})).tool_calls == (ToolCall("a", "f", text),)
    assert calls({**said, "index": 0}) == (ToolCall("a", "f", text),)


@pytest.mark.parametrize(
    "message",
    [
        {"function_call": F},
        {"function_call": F, "tool_calls": None},
        {"function_call": F, "tool_calls": []},
        {"tool_calls": {"function": F}},
        {"tool_calls": [F]},
        {"tool_calls": [7, None, {}, {"function": {}}, {"function": F}]},
        {"tool_calls": [{"function": F, "id": "", "index": True}]},
        {"tool_calls": [{"function": F, "id": None, "index": None}]},
    ],
)
def test_calls_in_other_forms(message: object) -> None:
    wanted = (ToolCall("call_1", "f", '{"a":1}'),)
    assert decode(unary(message)).tool_calls == wanted
    assert stream(chunk(message), chunk({}, "stop")).tool_calls == wanted


def test_pitfall_13_two_entries_of_one_index_are_one_call() -> None:
    """The first chunk brings the name and the arguments apart; later ones repeat the name."""
    first = [piece("f", "", index=0, id="x", type="function"), piece(arguments='{"a"', index=0)]
    reply = stream(
        chunk({"tool_calls": first}),
        chunk({"tool_calls": [piece("f", ":", index=0, id="x")]}),
        chunk({"tool_calls": [piece("f", "1}", index=0)]}, "tool_calls"),
        "[DONE]",
    )
    assert reply.tool_calls == (ToolCall("x", "f", '{"a":1}'),)


def test_a_legacy_call_comes_in_pieces() -> None:
    reply = stream(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"a"'}}),
        chunk({"function_call": {"arguments": ":1}"}}),
        chunk({}, "function_call"),
    )
    assert reply.tool_calls == (ToolCall("call_1", "f", '{"a":1}'),)


@pytest.mark.parametrize(
    "pieces",
    [
        [piece("f", '{"a":', id="x"), piece(arguments="1}")],
        [piece("f", '{"a":', id="x"), piece(arguments="1}", id="x")],
        [piece("f", "", index=3, id="x"), piece("f", '{"a":', index=3), piece("f", "1}", index=3)],
        [piece("f", '{"a":', index=0, id="x"), piece(arguments="1}", index=0, id="another")],
        [piece("f", '{"a":', id="x"), piece(arguments="1}", id="another")],
        [piece("f", '{"a":1}', index=0, id="x"), piece("f", "", index=0)],
        [piece("", '{"a":', index=0), piece("f", "1}", index=0, id="x")],
        [piece("f", '{"a":1', index=0, id="x"), piece("f", "}", index=0, id="x")],
    ],
    ids=["no index", "no index, one id", "name repeated", "id made anew", "id made anew, no index",
         "empty end", "name late", "name and id repeated"],
)  # fmt: skip
def test_pieces_of_one_call(pieces: list[object]) -> None:
    assert calls(*pieces) == (ToolCall("x", "f", '{"a":1}'),)


@pytest.mark.parametrize(
    "pieces",
    [
        [piece("f", "{}", index=1, id="x"), piece("f", "{}", index=2, id="y")],
        [piece("f", "{}", index=0, id="x"), piece("f", "{}", index=0, id="y")],
        [piece("f", "{}", id="x"), piece("f", "{}", id="y")],
        [piece("f", "{", id="x"), piece("f", "", id="y"), piece("", "}", id="x")],
        [piece("f", "{}", index=0, id="x"), piece("f", "{}", index=1, id="x")],
    ],
    ids=["as it should be", "one index", "no index", "between one another", "one id"],
)
def test_pieces_of_two_calls(pieces: list[object]) -> None:
    found = calls(*pieces)
    assert [(each.name, each.arguments) for each in found] == [("f", "{}")] * 2
    assert len({each.id for each in found}) == 2


@pytest.mark.parametrize(
    "pieces",
    [
        [piece("f", "{}", index=0), piece("g", "{}", index=0)],
        [piece("f"), piece("g")],
        [piece("f", '{"a":"}"}'), piece("f", '{"a":2}')],
    ],
    ids=["one index", "names alone", "nothing but whole arguments"],
)
def test_calls_without_ids_are_told_apart(pieces: list[object]) -> None:
    assert [each.id for each in calls(*pieces)] == ["call_1", "call_2"]


def test_an_id_that_is_made_up_is_not_one_that_was_given() -> None:
    said = [piece("f", "{}", id="call_1"), piece("g", "{}"), piece("h", "{}", id="call_1")]
    found = decode(unary({"tool_calls": said})).tool_calls
    assert [each.id for each in found] == ["call_1", "call_2", "call_3"]


def test_arguments_may_look_whole_before_they_are() -> None:
    text = '{"a":"}'
    assert calls(piece("f", text, index=0), piece("f", '{"}', index=0)) == (
        ToolCall("call_1", "f", '{"a":"}{"}'),
    )


def test_arguments_of_too_many_levels_are_an_error() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ProviderError, match="arguments of too many levels"):
        CallPieces().feed({"function_call": {"name": "f", "arguments": deep}}, is_whole=True)


def test_finish_reason_without_any_call() -> None:
    reply = decode(unary({"content": "x", "tool_calls": []}, "tool_calls"))
    assert (reply.finish_reason, reply.tool_calls, reply.text) == ("tool_calls", (), "x")


EVENTS = b"".join(
    b"data: " + each.encode() + b"\n\n"
    for each in (
        chunk({"content": "Look.", "tool_calls": [piece("f", "", index=0, id="a")]}),
        chunk({"tool_calls": [piece(arguments='{"q":"日', index=0)]}),
        chunk({"tool_calls": [piece(arguments='本 😀"}', index=0)]}),
        chunk({"tool_calls": [piece("g", json.dumps({"\n": "\u2028"}), index=1, id="b")]}, "stop"),
        "[DONE]",
    )
)


@given(st.sets(st.integers(1, len(EVENTS) - 1), max_size=40))
def test_a_stream_may_be_cut_into_packets_anywhere(cuts: set[int]) -> None:
    parser, decoder = EventParser(), DIALECT.decoder()
    ends = [0, *sorted(cuts), len(EVENTS)]
    deltas = [
        delta
        for start, end in pairwise(ends)
        for event in parser.feed(EVENTS[start:end])
        for delta in decoder.feed(event)
    ]
    found = [*deltas, *decoder.finish()]
    assert found[-1].finish_reason == "tool_calls"
    assert [(each.name, each.arguments) for each in found[-1].tool_calls] == [
        ("f", '{"q":"日本 😀"}'),
        ("g", '{"\\n": "\\u2028"}'),
    ]


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "index", "function", "name", "arguments", "tool_calls"])
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["tool_calls", "function_call"]), JSONISH)))
def test_no_message_makes_the_decoder_fail(messages: list[dict[str, object]]) -> None:
    reply = stream(*map(chunk, messages), chunk({}, "stop"))
    assert len({each.id for each in reply.tool_calls}) == len(reply.tool_calls)
    for message in messages:
        decode(unary(message))
