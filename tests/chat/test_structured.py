from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatReply, FinishReason, ResponseFormat
from flowrun.chat.structured import DEEPEST, judge, parse, read
from flowrun.digest import JsonValue
from flowrun.errors import ReplyError

TEXT = ResponseFormat()
OBJECT = ResponseFormat("json_object")
BRIEF = ResponseFormat(
    "json_schema",
    "brief",
    {
        "type": "object",
        "properties": {"headline": {"type": "string", "maxLength": 20}},
        "required": ["headline"],
    },
)
PICTURE = Image(b"bytes", "image/png", 1, 1, "0" * 64)


def reply(text: str = "hello", finish: FinishReason = "stop", refusal: str = "") -> ChatReply:
    return ChatReply(text, finish, "a-model", refusal=refusal)


# judge


def test_a_whole_reply_passes() -> None:
    judge(reply(), wants_image=False)


def test_a_picture_needs_no_text() -> None:
    judge(ChatReply("", "stop", "a-model", images=(PICTURE,)), wants_image=True)


@pytest.mark.parametrize(
    ("given_reply", "problem", "is_repairable"),
    [
        (reply(finish="length"), "the reply was cut off at the limit on output tokens: be shorter",
         True),
        (reply(finish="content_filter"), "the provider's content filter stopped the reply", False),
        (reply(refusal="I must not\n\nhelp."), "the model refused: I must not help.", False),
        (reply("", "content_filter", "No."), "the model refused: No.", False),
        (reply("", "tool_calls"), "the reply calls a tool, and none was offered", True),
        (reply(""), "the reply is empty", True),
        (reply(" \n\t"), "the reply is empty", True),
    ],
)  # fmt: skip
def test_a_reply_that_is_no_answer_says_why(
    given_reply: ChatReply, problem: str, is_repairable: bool
) -> None:
    with pytest.raises(ReplyError) as caught:
        judge(given_reply, wants_image=False)
    assert caught.value.problem == problem
    assert caught.value.repairable is is_repairable
    assert caught.value.text == given_reply.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the reply holds no image"),
        ("I cannot\ndraw.", 'the reply holds no image; it says "I cannot draw."'),
        ("\x1b[31mred", 'the reply holds no image; it says "[31mred"'),
    ],
)
def test_a_missing_picture_is_told_with_what_was_said(text: str, problem: str) -> None:
    with pytest.raises(ReplyError) as caught:
        judge(reply(text), wants_image=True)
    assert caught.value.problem == problem
    assert caught.value.repairable


def test_a_long_refusal_is_cut() -> None:
    with pytest.raises(ReplyError) as caught:
        judge(reply(refusal="no " * 10_000), wants_image=False)
    assert len(caught.value.problem) < 230


# read


def test_text_is_given_as_it_came() -> None:
    assert read(reply(' {"a": 1}\n'), TEXT) == ' {"a": 1}\n'


def test_json_is_given_as_data() -> None:
    assert read(reply('{"headline": "Light"}'), BRIEF) == {"headline": "Light"}
    assert read(reply('{"a": [1, 2.5, null, true]}'), OBJECT) == {"a": [1, 2.5, None, True]}


def test_a_json_schema_may_stand_for_any_value() -> None:
    assert read(reply("[1, 2]"), ResponseFormat("json_schema", "list", {})) == [1, 2]


@pytest.mark.parametrize(
    ("text", "form", "problem"),
    [
        ("Sure!", OBJECT,
         'the reply is not valid JSON: expecting value at line 1, column 1, near "Sure!"'),
        ('{"headline": "Light"', BRIEF,
         "the reply is not valid JSON: expecting ',' delimiter at line 1, column 21"),
        ("[1]", OBJECT, "the reply is JSON, but no object"),
        ('{"title": 1}', BRIEF,
         'the reply does not fit the schema "brief": "headline" is a required property'),
        ('{"headline": 12}', BRIEF,
         'the reply does not fit the schema "brief": at /headline: 12 is not of type "string"'),
        ("half \ud83d", TEXT, "the reply is not valid text: it holds half of a character"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why_and_can_be_repaired(
    text: str, form: ResponseFormat, problem: str
) -> None:
    with pytest.raises(ReplyError) as caught:
        read(reply(text), form)
    assert caught.value.problem == problem
    assert caught.value.text == text
    assert caught.value.repairable


def test_halves_of_a_character_from_two_chunks_are_joined() -> None:
    assert read(reply("\ud83d\ude00 ä"), TEXT) == "\N{GRINNING FACE} ä"
    assert read(reply('{"a": "\ud83d\ude00"}'), OBJECT) == {"a": "\N{GRINNING FACE}"}


# parse


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        ' \n\t{"a": 1}\r\n ',
        '\ufeff{"a": 1}',
        '```json\n{"a": 1}\n```',
        '```\n{"a": 1}\n```\n',
        '~~~json\n{"a": 1}\n~~~',
        '  ```JSON\n  {"a": 1}\n  ```',
        '```json\r\n{"a": 1}\r\n```\r\n',
        '```json {"a": 1} ```',
        '```json\n{"a": 1}',
        'Here is [the] answer:\n```json\n{"a": 1}\n```\nI hope {this} helps.',
        'Here you are: {"a": 1}',
        'Here you are:\n\n{"a": 1}\n\nIs it "right"?',
        '{"a": 1}.',
    ],
)
def test_what_can_be_read_in_one_way_is_read(text: str) -> None:
    assert parse(text) == {"a": 1}


@pytest.mark.parametrize(("text", "value"), [("3", 3), ('"a"', "a"), ("null", None), ("[]", [])])
def test_any_json_value_is_read(text: str, value: JsonValue) -> None:
    assert parse(text) == value


def test_fences_inside_a_string_are_text() -> None:
    value = {"code": "```python\nprint()\n```"}
    assert parse(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expecting value at line 1, column 1"),
        ('{"a": 1} {"b": 2}',
         'there is more than one JSON value at line 1, column 10, near "{"b": 2}"'),
        ('{"a": 1}}', 'there is more than one JSON value at line 1, column 9, near "}"'),
        ("3 4", 'there is more after the JSON value at line 1, column 3, near "4"'),
        ('see [1]: {"a": 1}',
         'there is more than one JSON value at line 1, column 10, near "{"a": 1}"'),
        ('the outer {"x": {"a": 1}, "y": } is broken',
         'expecting value at line 1, column 32, near "} is broken"'),
        ('{"a": 1,\n "b": tru}', 'expecting value at line 2, column 7, near "tru}"'),
        ('```json\n{"a": 1\n```', "expecting ',' delimiter at line 3, column 1, near \"```\""),
        ('```json\n{"a": 1}\nand so on\n```',
         'there is more after the JSON value at line 3, column 1, near "and so on"'),
        ('```\n{"a": 1}\n```\n```\n{"a": 2}\n```',
         'there is more than one JSON value at line 5, column 1, near "{"a": 2}"'),
        ('{"a": "x\ny"}', "invalid control character at line 1, column 9"),
        ('{"a": "x', 'unterminated string starting at line 1, column 7, near ""x"'),
        ('{"a": 1, "b": 2, "a": 3}', 'the key "a" stands twice in one object'),
        ("[NaN]", "NaN is no JSON number"),
        ("-Infinity", "-Infinity is no JSON number"),
        ("[1e999]", "the number 1e999 is too large"),
        ("1" * 5000, "a number has too many digits"),
        ('["\\ud83d"]', "an escape such as \\ud83d is half of a character"),
        ('{"\\ude00": 1}', "an escape such as \\ud83d is half of a character"),
        ("[" * 100_000, f"it has more than {DEEPEST} levels"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, f"it has more than {DEEPEST} levels"),
        ("[" * 201 + "]" * 201, f"it has more than {DEEPEST} levels"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_in_one_way_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse(text)
    assert str(caught.value) == problem


def test_large_and_wide_values_are_read() -> None:
    assert parse("[" * DEEPEST + "]" * DEEPEST) is not None
    assert parse("[" + '{"a": [{}]},' * 1000 + "1]") == [{"a": [{}]}] * 1000 + [1]
    assert parse("9" * 4000) == int("9" * 4000)
    assert parse('["\\u00e4\\ud83d\\ude00"]') == ["ä\N{GRINNING FACE}"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('ab{}[]`\\"\n', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab{", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(value=VALUES, indent=st.sampled_from([None, 2]))
def test_any_value_is_read_bare_and_fenced(value: JsonValue, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert parse(text) == value
    assert parse(f"So [this] is it:\n```json\n{text}\n```\nDone.") == value


@settings(max_examples=200, deadline=None)
@given(text=st.text('{}[]",:1a `\n\\', max_size=30))
@example("```\n```\n```")
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        value = parse(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017  # either outcome is right
    else:
        json.dumps(value, allow_nan=False).encode()


def test_a_reply_of_too_many_values_is_refused_unread() -> None:
    with pytest.raises(ReplyError, match="more than 500,000 values"):
        read(reply("[" + "[]," * 300_000 + "[]]"), OBJECT)
