"""What scripted models say, as a table `[fake.NAME]` of flowrun.toml has it.

    replies = ["Hello.", "Goodbye."]                 in turn, the last one again and again

    [[fake.NAME.rules]]                              the first that fits goes before `replies`
    contains = "refund"                              the conversation holds this text
    reply = {tool = "search", arguments = {query = "refunds"}}

    [[fake.NAME.rules]]
    after = "search"                                 the result of this tool came last
    reply = "Within thirty days."

A reply is a text, or a call of a tool, or a list of calls that are made at once. A rule with
`after` fits only right after a result, and one without it never does, so that a model that has
called a tool goes on. A rule may have both `contains` and `after`; results count as text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import TypeAlias

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.settings import Table


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A tool to be called, and with what."""

    tool: str
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)


ScriptedReply: TypeAlias = str | tuple[ScriptedCall, ...]
"""A text, or calls that are made at once."""


@dataclass(frozen=True, slots=True)
class FakeRule:
    """A reply and when it is given; what is empty is not asked for."""

    reply: ScriptedReply
    contains: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class FakeSettings:
    """A table `[fake.NAME]`: replies in turn, and rules that go before them."""

    replies: tuple[ScriptedReply, ...] = ()
    rules: tuple[FakeRule, ...] = ()

    def as_json(self) -> JsonValue:
        """Plain data: what the script adds to the key of an answer."""
        rules: list[JsonValue] = [
            [each.contains, _said(each.reply), *([each.after] if each.after else [])]
            for each in self.rules
        ]
        return [[_said(each) for each in self.replies], rules]


def _said(reply: ScriptedReply) -> JsonValue:
    if isinstance(reply, str):
        return reply
    return [{"tool": each.tool, "arguments": each.arguments} for each in reply]


KNOWN = ("replies", "rules")


def read_fake(table: Table) -> FakeSettings:
    """The table as settings; what is wrong with it is noted there."""
    said = table.value("replies")
    if said is not None and not isinstance(said, list):
        table.fault("replies must be a list of texts, or of calls")
    replies = [_reply(table, "replies", each) for each in said] if isinstance(said, list) else []
    known = ("contains", "after", "reply")
    rules = tuple(_rule(each) for each in table.list_of_tables("rules", known=known))
    if not said and not rules:
        table.fault("has neither replies nor rules")
    return FakeSettings(tuple(replies), rules)


def _rule(table: Table) -> FakeRule:
    contains, after = table.text("contains"), table.text("after")
    if table.value("contains") is None and table.value("after") is None:
        table.fault("contains is missing", mend="or after, which names a tool")
    table.require("reply")
    said = table.value("reply")
    reply = "" if said is None else _reply(table, "reply", said)
    return FakeRule(reply, contains or "", after or "")


def _reply(table: Table, key: str, value: object) -> ScriptedReply:
    if isinstance(value, str):
        return value
    calls = value if isinstance(value, list) else [value]
    if not calls or not all(isinstance(each, dict) for each in calls):
        table.fault(
            f"{key} must be a text, or a call",
            mend='a call is {tool = "search", arguments = {query = "lamps"}}, or a list of these',
        )
        return ""
    return tuple(_call(table.part(key, each, known=("tool", "arguments"))) for each in calls)


def _call(table: Table) -> ScriptedCall:
    table.require("tool")
    said = table.value("arguments")
    try:
        arguments = _plain({} if said is None else said)
    except ValueError as error:
        table.fault(f"arguments cannot be JSON: {error}")
        arguments = {}
    if not isinstance(arguments, Mapping):
        table.fault("arguments must be a table")
        arguments = {}
    return ScriptedCall(table.text("tool") or "", arguments)


def _plain(value: object) -> JsonValue:
    """A value of TOML as JSON. Raises: ValueError for a date or time, or a number that is none."""
    match value:
        case bool() | int() | str():
            return value
        case Decimal():
            number = float(value)
            if not math.isfinite(number):
                raise ValueError(f"{value} is no number")
            return number
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case _:
            raise ValueError(f"{value} must be a text")
