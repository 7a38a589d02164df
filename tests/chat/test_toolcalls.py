"""Calls judged before anything is run, and how they are answered."""

from __future__ import annotations

import json

import pytest

from flowrun.chat.messages import ChatReply, Message, Text, ToolCall, ToolDefinition
from flowrun.chat.toolcalls import (
    MOST_CALLS,
    Judged,
    answered,
    calls_of,
    chosen,
    judge,
    readable,
    refused,
)

SEARCH = ToolDefinition(
    "search",
    "",
    {
        "type": "object",
        "properties": {"query": {"type": "string"}, "most": {"type": "integer"}},
        "additionalProperties": False,
    },
)
REFUND = ToolDefinition("refund", "", {"type": "object", "required": ["order"]})
TOOLS, ROUTES = (SEARCH, REFUND), ("refund",)


def reply(*calls: tuple[str, str], **rest: object) -> ChatReply:
    made = tuple(ToolCall(f"c{n}", name, written) for n, (name, written) in enumerate(calls))
    return ChatReply("", "tool_calls", "m", tool_calls=made)


def judged(*calls: tuple[str, str]) -> list[Judged]:
    return judge(reply(*calls).tool_calls, TOOLS, ROUTES)


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ('{"query": "lamps"}', {"query": "lamps"}),
        (' {"query": "$(rm -rf /)", "most": 3}\n', {"query": "$(rm -rf /)", "most": 3}),
        ("{}", {}),
        ("", {}),
        (" \n", {}),
    ],
)
def test_arguments_that_fit_may_be_run(written: str, arguments: object) -> None:
    assert judged(("search", written)) == [Judged("search", written, arguments)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "written", "problem"),
    [
        ("serch", "{}", 'there is no tool "serch"; did you mean search?'),
        ("rm -rf /\n", "{}", 'there is no tool "rm_-rf___"; there are: search, refund'),
        ("", "{}", 'there is no tool "_"; there are: search, refund'),
        ("x" * 99, "{}", f'there is no tool "{"x" * 64}"; there are: search, refund'),
        ("search", "[]", "the arguments are JSON, but no object"),
        ("search", '"query"', "the arguments are JSON, but no object"),
        ("search", "null", "the arguments are JSON, but no object"),
        (
            "search",
            "{query: 1}",
            "the arguments are not valid JSON: expecting property name enclosed in double quotes "
            'at line 1, column 2, near "query: 1}"',
        ),
        (
            "search",
            '```json\n{"query": "x"}\n```',
            'the arguments are not valid JSON: expecting value at line 1, column 1, near "```json"',
        ),
        (
            "search",
            '{"query": "a", "query": "b"}',
            'the arguments are not valid JSON: the key "query" stands twice in one object',
        ),
        (
            "search",
            '{"query": NaN}',
            "the arguments are not valid JSON: NaN is no JSON number",
        ),
        (
            "search",
            '{"query": 3}',
            'the arguments do not fit: at /query: 3 is not of type "string"',
        ),
        (
            "search",
            '{"command": "x"}',
            "the arguments do not fit: Additional properties are not allowed "
            "('command' was unexpected)",
        ),
        ("refund", "{}", 'the arguments do not fit: "order" is a required property'),
    ],
)
def test_a_faulty_call_says_what_is_wrong(name: str, written: str, problem: str) -> None:
    assert judged((name, written)) == [Judged(name, written, problem=problem)]


@pytest.mark.parametrize("written", ['{"a":' * 5000 + "1" + "}" * 5000, "[" * 600_000, "{" * 90])
def test_deep_and_huge_arguments_are_refused(written: str) -> None:
    (found,) = judged(("search", written))
    assert found.problem.startswith("the arguments are not valid JSON: ")
    assert len(found.problem) < 300


def test_no_more_than_so_many_calls_are_run() -> None:
    found = judged(*[("search", "{}")] * (MOST_CALLS + 2))
    assert [bool(each.problem) for each in found] == [False] * MOST_CALLS + [True] * 2
    assert found[-1].problem == "not run: no more than 16 calls are run at once"


@pytest.mark.parametrize(
    "calls",
    [
        [("refund", '{"order": 1}'), ("search", "{}")],
        [("search", "{}"), ("refund", "nonsense")],
        [("refund", '{"order": 1}'), ("refund", '{"order": 1}')],
    ],
)
def test_beside_a_route_nothing_runs(calls: list[tuple[str, str]]) -> None:
    found = judged(*calls)
    problem = 'not run: "refund" may only be called alone, so choose one of these calls'
    assert [each.problem for each in found] == [problem] * 2


def test_a_route_is_chosen_by_one_call_that_fits() -> None:
    fits = reply(("refund", '{"order": 1}'))
    assert chosen(fits, TOOLS, ROUTES) == Judged("refund", '{"order": 1}', {"order": 1})
    for other in (
        reply(("refund", "{}")),
        reply(("search", "{}")),
        reply(("refund", '{"order": 1}'), ("search", "{}")),
        reply(),
    ):
        assert chosen(other, TOOLS, ROUTES) is None


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_reply_that_is_not_whole_calls_nothing(finish: str) -> None:
    call = ToolCall("a", "search", "{}")
    cut = ChatReply("", finish, "m", tool_calls=(call,))  # type: ignore[arg-type]
    assert calls_of(cut) == ()
    assert calls_of(ChatReply("", "stop", "m", refusal="no", tool_calls=(call,))) == ()
    assert calls_of(ChatReply("", "stop", "m", tool_calls=(call,))) == (call,)


def test_a_flood_of_calls_is_heard_in_part() -> None:
    assert len(calls_of(reply(*[("search", "{}")] * 1000))) == 64


def sent_back(said: ChatReply, taken: set[str] | None = None) -> list[ToolCall]:
    """The calls as the model sees them again, each of which has its result."""
    found = judge(calls_of(said), TOOLS, ROUTES)
    known: set[str] = set() if taken is None else taken
    first, *rest = answered(said, found, [(Text(str(n)),) for n in range(len(found))], known)
    assert rest == [
        Message("tool", (Text(str(n)),), tool_call_id=call.id)
        for n, call in enumerate(first.tool_calls)
    ]
    return list(first.tool_calls)


def test_calls_go_back_as_they_came_with_their_results_in_order() -> None:
    said = reply(("search", '{"query": "a"}'), ("search", '{"query": 1}'))
    assert sent_back(said) == list(said.tool_calls)


def test_what_the_model_said_beside_goes_back_too() -> None:
    said = ChatReply("well", "tool_calls", "m", tool_calls=(ToolCall("a", "search", "{}"),))
    first, _ = answered(said, [Judged("search")], [refused("no")], set())
    assert first.parts == (Text("well"),)
    assert answered(reply(("search", "{}")), [Judged("search")], [()], set())[0].parts == ()


@pytest.mark.parametrize("id", ["", "taken", "é", "x" * 201])
def test_an_id_that_tells_nothing_apart_is_replaced(id: str) -> None:
    said = ChatReply("", "stop", "m", tool_calls=(ToolCall(id, "search", "{}"),) * 2)
    taken = {"taken", "call_1"}
    calls = sent_back(said, taken)
    assert [each.id for each in calls] == ["call_2", "call_3"]
    assert taken == {"taken", "call_1", "call_2", "call_3"}


@pytest.mark.parametrize("written", ["{no", "[1]", '"text"', "", '{"a": ' * 300])
def test_arguments_that_are_no_object_go_back_empty(written: str) -> None:
    assert [each.arguments for each in sent_back(reply(("search", written)))] == ["{}"]


def test_a_name_that_no_provider_takes_is_made_harmless() -> None:
    calls = sent_back(reply(("../etc passwd", '{"a": 1}')))
    assert [(each.name, each.arguments) for each in calls] == [("___etc_passwd", '{"a": 1}')]


def test_halves_of_characters_are_taken_out_of_calls() -> None:
    said = ChatReply("\ud83d", "stop", "m", tool_calls=(ToolCall("\ud83d", "a\ud83d", "\ude00"),))
    mended = readable(said)
    assert mended.tool_calls == (ToolCall("\ufffd", "a\ufffd", "\ufffd"),)
    assert json.dumps(mended.text, ensure_ascii=False).encode()
    whole = ChatReply("\ud83d", "stop", "m")
    assert readable(whole) is whole
