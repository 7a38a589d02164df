from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.config import read
from flowrun.digest import digest
from flowrun.errors import UsageError
from flowrun.scripted import FakeRule, FakeSettings, ScriptedCall

SEARCH = (ScriptedCall("search", {"query": "lamps", "most": 3, "weight": 0.5}),)


def fake(text: str) -> FakeSettings:
    return read(text, Path("/project/flowrun.toml")).fakes["a"]


def test_replies_are_texts_and_calls() -> None:
    text = """
    [fake.a]
    replies = [
      {tool = "search", arguments = {query = "lamps", most = 3, weight = 0.5}},
      [{tool = "search"}, {tool = "add", arguments = {to = [true, {a = "b"}]}}],
      "",
    ]
    """
    calls = (ScriptedCall("search"), ScriptedCall("add", {"to": [True, {"a": "b"}]}))
    assert fake(text) == FakeSettings((SEARCH, calls, ""))


def test_rules_say_when_a_reply_is_given() -> None:
    text = """
    [[fake.a.rules]]
    contains = "lamp"
    reply = {tool = "search", arguments = {query = "lamps", most = 3, weight = 0.5}}
    [[fake.a.rules]]
    after = "search"
    reply = "found"
    [[fake.a.rules]]
    contains = "nothing"
    after = "search"
    reply = "none"
    """
    rules = (
        FakeRule(SEARCH, contains="lamp"),
        FakeRule("found", after="search"),
        FakeRule("none", contains="nothing", after="search"),
    )
    assert fake(text) == FakeSettings(rules=rules)


CALL = 'a call is {tool = "search", arguments = {query = "lamps"}}, or a list of these'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("replies = 'x'", "[fake.a] replies must be a list of texts, or of calls"),
        ("replies = []", "[fake.a] has neither replies nor rules"),
        ("replies = [7]", f"[fake.a] replies must be a text, or a call: {CALL}"),
        ("replies = [[]]", f"[fake.a] replies must be a text, or a call: {CALL}"),
        ("replies = [['x']]", f"[fake.a] replies must be a text, or a call: {CALL}"),
        ("replies = [{}]", "[fake.a.replies] tool is missing"),
        ("replies = [{tool = 7}]", "[fake.a.replies] tool must be a text"),
        (
            "replies = [{tool = 'f', argument = {}}]",
            '[fake.a.replies] "argument" is not known: did you mean arguments?',
        ),
        (
            "replies = [{tool = 'f', arguments = 'x'}]",
            "[fake.a.replies] arguments must be a table",
        ),
        (
            "replies = [{tool = 'f', arguments = {a = nan}}]",
            "[fake.a.replies] arguments cannot be JSON: NaN is no number",
        ),
        (
            "replies = [{tool = 'f', arguments = {a = 2026-10-01}}]",
            "[fake.a.replies] arguments cannot be JSON: 2026-10-01 must be a text",
        ),
        ("rules = [{reply = 'x'}]", "[fake.a.rules] contains is missing: or after, which names a "
         "tool"),
        ("rules = [{contains = 'x'}]", "[fake.a.rules] reply is missing"),
        (
            "rules = [{contains = 'x', reply = 7}]",
            f"[fake.a.rules] reply must be a text, or a call: {CALL}",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_script(text: str, fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        fake(f"[fake.a]\n{text}")
    assert str(caught.value) == f"/project/flowrun.toml: {fault}"


def test_a_script_of_texts_keeps_the_key_that_it_had() -> None:
    script = FakeSettings(("else",), (FakeRule("to refund", contains="refund"),))
    assert digest("script/1", script.as_json()) == digest(
        "script/1", [["else"], [["refund", "to refund"]]]
    )


def test_calls_and_their_places_are_part_of_the_key() -> None:
    scripts = [
        FakeSettings(("x",), (FakeRule("x", contains="a"),)),
        FakeSettings(("x",), (FakeRule("x", contains="a", after="f"),)),
        FakeSettings(("x",), (FakeRule(SEARCH, contains="a"),)),
        FakeSettings((SEARCH,), (FakeRule("x", contains="a"),)),
    ]
    assert len({digest("script/1", each.as_json()) for each in scripts}) == len(scripts)
