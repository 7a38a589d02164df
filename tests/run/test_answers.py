"""Replies as the store keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from flowrun.chat.messages import ChatReply, ToolCall
from flowrun.chat.usage import Usage
from flowrun.digest import JsonValue, canonical
from flowrun.run.answers import from_kept, to_kept
from tests.support.running import picture

PLAIN = ChatReply("hi", "stop", "m")
FULL = ChatReply(
    "a cat",
    "stop",
    "served/m",
    Usage(1, 2, 3, 4, Decimal("0.00012")),
    (picture("a"), replace(picture("b"), text="beside")),
    reasoning="because",
    id="chatcmpl-1",
)
CALLING = ChatReply(
    "",
    "tool_calls",
    "m",
    tool_calls=(ToolCall("a", "search", '{"q": "é"}'), ToolCall("b", "", "{oops")),
)


SIGNED = replace(
    CALLING, blocks=({"by": "x", "block": {"signature": "S=="}}, {"by": "x", "call": 0})
)


@pytest.mark.parametrize(
    "reply", [PLAIN, FULL, CALLING, SIGNED], ids=["plain", "full", "calling", "signed"]
)
def test_what_is_kept_is_read_back(reply: ChatReply) -> None:
    answer, blobs = to_kept(reply)
    assert from_kept(json.loads(canonical(answer)), blobs.get) == reply


def test_a_reply_without_calls_is_kept_as_it_always_was() -> None:
    assert to_kept(PLAIN)[0].keys() == {"text", "finish_reason", "model", "usage", "images", "id"}


def test_pictures_are_kept_as_blobs_under_their_digest() -> None:
    answer, blobs = to_kept(FULL)
    assert blobs == {each.sha256: each.data for each in FULL.images}
    assert picture("a").data not in canonical(answer)


def test_a_reply_whose_picture_is_gone_is_none() -> None:
    answer, blobs = to_kept(FULL)
    blobs.popitem()
    assert from_kept(answer, blobs.get) is None


def test_a_reply_whose_picture_is_no_picture_is_none() -> None:
    answer, _ = to_kept(FULL)
    assert from_kept(answer, lambda _: b"<svg>") is None


@pytest.mark.parametrize(
    "change",
    [
        {"text": 3},
        {"text": None},
        {"finish_reason": "unheard of"},
        {"finish_reason": None},
        {"images": ["x"]},
        {"images": [{}]},
        {"tool_calls": ["x"]},
        {"tool_calls": [{"id": "a", "name": "f"}]},
        {"tool_calls": [{"id": "a", "name": "f", "arguments": {}}]},
        {"usage": {"cost_usd": "much"}},
    ],
)
def test_an_answer_of_another_form_is_none(change: Mapping[str, JsonValue]) -> None:
    answer, blobs = to_kept(PLAIN)
    assert from_kept({**answer, **change}, blobs.get) is None


def test_an_answer_without_what_is_not_needed_is_read() -> None:
    found = from_kept({"text": "hi", "finish_reason": "stop"}, lambda _: None)
    assert found == ChatReply("hi", "stop", "")
