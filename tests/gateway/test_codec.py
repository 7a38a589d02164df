"""A body is read whole: each field is mapped, refused by name, or named as dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gumloop.spec import ChatRequest as SdkRequest
from gumloop.spec._compat import to_wire_dict
from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatRequest,
    ImageUrl,
    Message,
    Part,
    ResponseFormat,
    Text,
    ToolCall,
    ToolDefinition,
)
from flowrun.digest import JsonValue
from flowrun.gateway.codec import Asked, read
from flowrun.gateway.faults import Fault
from flowrun.providers.fake import image
from flowrun.providers.openai import OpenAIDialect

HELLO = [{"role": "user", "content": "hello"}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}


def drawn(prompt: str) -> Image:
    """A picture, another one for each prompt."""
    message = Message("user", (Text(prompt),))
    found = image(ChatRequest("m", (message,), modalities=("image",)))
    assert isinstance(found, Image)
    return found


PICTURE = drawn("red")


def asked(**fields: Any) -> Asked:
    return read(json.dumps({"model": "m", "messages": HELLO, **fields}).encode())


def fault(**fields: Any) -> Fault:
    with pytest.raises(Fault) as raised:
        asked(**fields)
    assert (raised.value.status, raised.value.kind) == (400, "invalid_request_error")
    return raised.value


def test_the_least_body() -> None:
    assert asked() == Asked("m", ChatRequest("m", (Message("user", (Text("hello"),)),)))


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ({}, "finish"),
        ({"stream_options": None}, "finish"),
        ({"stream_options": {}}, "finish"),
        ({"stream_options": {"include_usage": True}}, "chunk"),
        ({"stream_options": {"include_usage": False}}, "none"),
    ],
)
def test_the_form_in_which_use_is_told(said: dict[str, Any], form: str) -> None:
    found = asked(stream=True, **said)
    assert (found.is_stream, found.usage_form) == (True, form)


def test_stream_is_true_or_false() -> None:
    assert asked(stream=False).is_stream is False
    assert fault(stream="yes").param == "stream"


def test_fields_that_mean_nothing_here_are_named() -> None:
    found = asked(
        store=True,
        metadata={"a": "b"},
        service_tier="flex",
        reasoning={"summary": "auto"},
        stream_options={"include_obfuscation": False},
        messages=[{"role": "user", "content": "hello", "name": "ann"}],
    )
    assert found.dropped == (
        "messages[].name",
        "metadata",
        "reasoning.summary",
        "service_tier",
        "store",
        "stream_options.include_obfuscation",
    )
    assert found.request == asked().request


def test_null_is_nothing() -> None:
    names = "temperature tools n audio logprobs stop store user stream response_format modalities"
    others = "image_config provider models anything tool_choice parallel_tool_calls"
    nothing = dict.fromkeys([*names.split(), *others.split()])
    assert asked(**nothing) == asked()


def test_pitfall_43_an_unknown_field_is_refused_with_a_mend() -> None:
    found = fault(temprature=1)
    assert found.param == "temprature"
    assert found.message == (
        '"temprature" is not a field that is known here: did you mean temperature?'
    )


def test_an_unknown_field_of_any_length_is_told_in_brief() -> None:
    assert len(fault(**{"x\n" * 10_000: 1}).param or "") < 100


@pytest.mark.parametrize(
    "name",
    [
        *("api_key", "api_base", "base_url", "headers", "extra_headers", "extra_body", "proxy"),
        *("organization", "custom_llm_provider", "api_version", "timeout", "azure_endpoint"),
    ],
)
def test_a_body_never_says_where_a_request_goes(name: str) -> None:
    assert fault(**{name: "http://127.0.0.1"}).param == name


def test_tool_choice_and_parallel_calls_need_tools() -> None:
    tool = {"type": "function", "function": {"name": "now"}}
    found = asked(tools=[tool], tool_choice="auto", parallel_tool_calls=False).request
    assert (found.tool_choice, found.parallel_tool_calls) == ("auto", False)
    without = asked(parallel_tool_calls=False, tool_choice="auto")
    assert without.request.parallel_tool_calls is None
    assert without.dropped == ("parallel_tool_calls", "tool_choice")
    assert fault(parallel_tool_calls=1).param == "parallel_tool_calls"


def test_pitfall_61_an_empty_list_of_tools_is_no_list() -> None:
    found = asked(tools=[], tool_choice="auto", parallel_tool_calls=True).request
    body = json.loads(OpenAIDialect().encode(found, stream=False).body or b"")
    assert not body.keys() & {"tools", "tool_choice", "parallel_tool_calls"}


def test_what_the_gumloop_client_makes_of_a_request_is_read() -> None:
    said = {
        "model": "m",
        "messages": [
            *HELLO,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "x"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "now", "parameters": {}}}],
        "modalities": ["image", "text"],
        "image_config": {"partial_images": 2, "image_size": "2K"},
        "provider": {"order": ["a"], "max_price": {"prompt": "0.5"}},
        "reasoning": {"effort": "low", "summary": "auto"},
        "stream_options": {"include_usage": True},
        "metadata": {"a": "b"},
        "session_id": "s",
        "stop": ["a"],
    }
    wire = to_wire_dict(SdkRequest.model_validate(said))
    assert wire["image_config"]["partial_images"] == 2.0
    found = read(json.dumps(wire).encode())
    assert found == read(json.dumps(said).encode())
    assert found.dropped == ("metadata", "reasoning.summary", "session_id")


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
names = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(words, plain, max_size=3)
pictures: st.SearchStrategy[Part] = st.sampled_from(
    [PICTURE, ImageUrl("https://example.org/a.png"), ImageUrl("http://example.org/b?c=d")]
)
texts = st.builds(Text, words).map(lambda each: (each,))
some: st.SearchStrategy[Part] = st.builds(Text, words) | pictures
shown = (
    st.lists(some, min_size=1, max_size=4)
    .filter(lambda parts: not all(isinstance(each, Text) for each in parts))
    .map(lambda parts: tuple(parts))
)
calls = st.lists(
    st.builds(ToolCall, words, names, objects.map(json.dumps)),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each.id,
)
users = st.builds(Message, st.just("user"), texts | shown).map(lambda each: (each,))
said = st.builds(Message, st.sampled_from(["system", "assistant"]), texts).map(lambda m: (m,))


@st.composite
def steps(draw: st.DrawFn) -> tuple[Message, ...]:
    """A turn that calls tools, and their results in any order."""
    made = draw(calls)
    results = [Message("tool", draw(texts), tool_call_id=each.id) for each in made]
    turn = Message("assistant", draw(st.just(()) | texts), tuple(made))
    return (turn, *draw(st.permutations(results)))


conversations = st.tuples(users, st.lists(users | said | steps(), max_size=4)).map(
    lambda both: (*both[0], *(message for turn in both[1] for message in turn))
)
options = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "top_k": st.integers(0, 100),
        "seed": st.integers(-(2**63), 2**63 - 1),
        "max_completion_tokens": st.integers(1, 10**6),
        "frequency_penalty": st.floats(-2, 2),
        "stop": words | st.lists(words, min_size=1, max_size=4),
        "logit_bias": st.dictionaries(names, st.integers(-100, 100), min_size=1, max_size=3),
        "reasoning_effort": st.sampled_from(["none", "low", "max"]),
        "verbosity": st.just("low"),
        "user": words,
    },
)
formats = st.sampled_from([ResponseFormat(), ResponseFormat("json_object")]) | st.builds(
    ResponseFormat, st.just("json_schema"), names, objects, st.booleans()
)
tools = st.lists(
    st.builds(ToolDefinition, names, st.just("") | words, objects),
    max_size=3,
    unique_by=lambda each: each.name,
).map(tuple)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    offered = draw(tools)
    forced = [{"type": "function", "function": {"name": each.name}} for each in offered]
    choices: st.SearchStrategy[JsonValue] = st.sampled_from(
        [None, "auto", "none", "required", *forced]
    )
    return ChatRequest(
        draw(names),
        draw(conversations),
        draw(options),
        draw(formats),
        draw(st.sampled_from([("text",), ("image",), ("text", "image")])),
        draw(st.sampled_from([{}, {"size": "1024x1024", "partial_images": 2}])),
        draw(st.sampled_from([{}, {"order": ["a"], "max_price": {"prompt": "0.5", "image": 1}}])),
        offered,
        draw(choices) if offered else None,
        draw(st.sampled_from([None, True, False])) if offered else None,
    )


@settings(max_examples=150, deadline=None)
@given(requests(), st.booleans())
def test_what_the_dialect_writes_is_read_back(request: ChatRequest, stream: bool) -> None:
    found = read(OpenAIDialect().encode(request, stream=stream).body or b"")
    assert found == Asked(request.model, request, (), stream, "chunk" if stream else "finish")
