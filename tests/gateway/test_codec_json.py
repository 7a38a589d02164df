"""Whatever a body holds, it is plain data of a bounded size, or a fault."""

from __future__ import annotations

import pytest

from flowrun.digest import MOST_VALUES
from flowrun.gateway.codec_json import DEEPEST, data_of, object_in
from flowrun.gateway.faults import Fault

MALFORMED = {
    "nothing": (b"", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
    "a list": (b"[]", "the body must be a JSON object"),
    "not UTF-8": (b'{"a":"\xff"}', "the body is not UTF-8"),
    "NaN": (b'{"a":NaN}', "the body is not JSON: NaN is no number of JSON"),
    "infinity": (b'{"a":-Infinity}', "the body is not JSON: -Infinity is no number of JSON"),
    "overflow": (b'{"a":1e999}', "the body is not JSON: a number is too large"),
    "deep": (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "the body has more than 100 levels"),
    "deepest": (b'{"a":' * 99_999 + b"1" + b"}" * 99_999, "the body has more than 100 levels"),
    "crowded": (
        b'{"a":[' + b"1," * MOST_VALUES + b"1]}",
        "the body holds more than 500,000 values",
    ),
}


@pytest.mark.parametrize(("body", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_body_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(Fault) as raised:
        data_of(body)
    assert raised.value.message == message
    assert (raised.value.status, raised.value.code) == (400, "invalid_json")


def test_a_body_may_have_so_many_levels() -> None:
    inside = DEEPEST - 1
    assert data_of(b'{"a":' + b"[" * inside + b"]" * inside + b"}")


def test_floats_stay_floats() -> None:
    assert data_of(b'{"a":0.25,"b":-1e3}') == {"a": 0.25, "b": -1000.0}


def test_half_a_character_becomes_a_mark() -> None:
    body = rb'{"a\ud800":["\ud83d\ude00","x\udc00",{"\uD800":1.5}]}'
    assert data_of(body) == {"a\ufffd": ["\U0001f600", "x\ufffd", {"\ufffd": 1.5}]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "it is JSON, but no object"),
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"a":' + "[" * 100 + "]" * 100 + "}", "it has more than 100 levels"),
        ('{"a":' * 99_999 + "1" + "}" * 99_999, "it has more than 100 levels"),
        ("{" + "," * MOST_VALUES, "it holds more than 500,000 values"),
    ],
)
def test_json_in_a_text_is_bounded_alike(text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is compared whole
        object_in(text)
    assert str(raised.value) == message
