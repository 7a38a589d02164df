"""A model and its tools: what is called, what goes back, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import ChatReply, ResponseFormat, Text
from flowrun.digest import JsonValue
from flowrun.document.tool import Tool
from flowrun.errors import ReplyError, StepError, ToolError
from flowrun.run.events import StepRepaired, ToolFinished, ToolStarted
from tests.support.running import Models, picture
from tests.support.tooling import (
    ANY,
    CITY,
    OSLO,
    ROME,
    TWO,
    Bench,
    Counting,
    bench,
    calling,
    in_order,
    results,
    route,
    server,
)


def test_results_go_back_until_the_model_answers() -> None:
    stage = bench(calling(("weather", ROME)), calling(("weather", OSLO)), "warm")
    assert stage.ask().value == "warm"
    first, second, third = stage.models.requests
    assert [each.name for each in first.tools] == ["weather"]
    assert results(second) == ["sun in Rome"]
    assert results(third) == ["sun in Rome", "sun in Oslo"]
    assert stage.tools[0].called == [{"city": "Rome"}, {"city": "Oslo"}]


def test_calls_of_one_reply_run_at_once_and_their_results_keep_the_order() -> None:
    gate = asyncio.Event()

    async def act(arguments: Mapping[str, JsonValue]) -> object:
        if arguments["city"] == "Rome":
            await gate.wait()
        else:
            gate.set()
        return arguments["city"]

    stage = Bench(Models(TWO), [Counting(act=act)])
    assert stage.ask().value == "warm"
    assert results(stage.models.requests[1]) == ["Rome", "Oslo"]


def test_every_call_is_told() -> None:
    stage = bench(calling(("weather", ROME), ("no", "{}")), "warm")
    stage.ask()
    assert [(e.step, e.tool, e.arguments) for e in stage.of(ToolStarted)] == [
        ("a", "weather", ROME),
        ("a", "no", "{}"),
    ]
    told = [(e.tool, e.is_error, e.is_kept, e.preview) for e in stage.of(ToolFinished)]
    assert told == [
        ("weather", False, False, "sun in Rome"),
        ("no", True, False, 'there is no tool "no"; there are: weather'),
    ]


def test_a_failure_is_told_to_the_model() -> None:
    def act(_: Mapping[str, JsonValue]) -> object:
        raise ToolError("no such city")

    stage = bench(calling(("weather", ROME)), "sorry", tool=Counting(act=act))
    assert stage.ask().value == "sorry"
    assert results(stage.models.requests[1]) == ["error: no such city"]


def test_a_tool_that_takes_too_long_is_a_failure() -> None:
    async def act(_: Mapping[str, JsonValue]) -> object:
        await asyncio.sleep(100)
        return "late"

    stage = bench(calling(("weather", ROME)), "sorry", tool=Counting(act=act, timeout_s=2.5))
    stage.ask()
    assert results(stage.models.requests[1]) == ["error: it took longer than 2.5 s"]


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (("wether", ROME), 'error: there is no tool "wether"; did you mean weather?'),
        (("weather", "{city: Rome}"), "error: the arguments are not valid JSON"),
        (("weather", '["Rome"]'), "error: the arguments are JSON, but no object"),
        (("weather", '{"town": "Rome"}'), "error: the arguments do not fit"),
        (("weather", ""), "error: the arguments do not fit"),
    ],
)
def test_a_faulty_call_runs_nothing(call: tuple[str, str], problem: str) -> None:
    stage = bench(calling(call), "sorry")
    assert stage.ask().value == "sorry"
    assert results(stage.models.requests[1])[0].startswith(problem)
    assert stage.tools[0].called == []


@pytest.mark.parametrize("call", [("weather", ROME), ("no", "{}")])
@pytest.mark.parametrize("most", [1, 3])
def test_calls_without_end_are_ended(call: tuple[str, str], most: int) -> None:
    stage = Bench(Models([calling(call)]), [Counting()])
    with pytest.raises(ReplyError, match=f"still calls tools after {most} turn"):
        stage.ask(max_turns=most)
    assert len(stage.models.requests) == most + 1
    assert len(stage.tools[0].called) == most * (call[0] == "weather")


def test_more_turns_go_on_where_fewer_ended() -> None:
    stage = bench(*[calling(("weather", ROME))] * 3, "warm")
    with pytest.raises(ReplyError):
        stage.ask(max_turns=2)
    assert stage.ask(max_turns=3).value == "warm"
    assert len(stage.models.requests) == 5
    assert len(stage.tools[0].called) == 3


def test_a_forced_choice_holds_for_the_first_turn() -> None:
    stage = bench(calling(("weather", ROME)), calling(("weather", OSLO)), "warm")
    stage.ask(tool_choice="required")
    assert [each.tool_choice for each in stage.models.requests] == ["required", "auto", "auto"]


def test_a_choice_that_forces_nothing_stays() -> None:
    stage = bench(calling(("weather", ROME)), "warm")
    stage.ask(tool_choice="auto", parallel_tool_calls=False)
    assert [each.tool_choice for each in stage.models.requests] == ["auto", "auto"]
    assert [each.parallel_tool_calls for each in stage.models.requests] == [False, False]


def test_a_model_that_must_call_is_told_so() -> None:
    stage = bench("warm", calling(("weather", ROME)), "warm after all")
    assert stage.ask(tool_choice="required").value == "warm after all"
    assert stage.models.prompts[1].startswith(
        "This reply cannot be used: it calls no tool, and it must."
    )


def test_where_no_tool_may_be_called_none_is() -> None:
    stage = Bench(Models([calling(("weather", ROME))]), [Counting()])
    with pytest.raises(ReplyError, match="calls a tool"):
        stage.ask(tool_choice="none")
    assert stage.tools[0].called == []


def test_images_in_results_reach_the_model() -> None:
    found = {"of": "Rome", "shot": picture("rome")}
    stage = bench(calling(("weather", ROME)), "warm", tool=Counting(act=lambda _: found))
    stage.ask()
    (message,) = [each for each in stage.models.requests[1].messages if each.role == "tool"]
    assert message.parts == (Text('{"of": "Rome", "shot": {"image": 1}}'), picture("rome"))


def test_a_model_without_eyes_is_told_of_an_image() -> None:
    models = Models(
        in_order(calling(("weather", ROME)), "warm"),
        capabilities={"m": Capabilities(images_in=False)},
    )
    stage = Bench(models, [Counting(act=lambda _: picture("rome"))])
    stage.ask()
    assert results(models.requests[1]) == ["[1 image left out: this model takes none]"]


def test_a_faulty_answer_after_tools_is_repaired_with_their_results_in_place() -> None:
    stage = bench(calling(("weather", ROME)), "warm", '{"t": 20}')
    form = ResponseFormat("json_object")
    assert stage.ask(response_format=form).value == {"t": 20}
    assert [each.role for each in stage.models.requests[2].messages] == [
        *("user", "assistant", "tool", "assistant", "user")
    ]
    assert [each.attempt for each in stage.of(StepRepaired)] == [1]


def test_tools_may_be_called_after_a_repair() -> None:
    stage = bench("?", calling(("weather", ROME)), "!", '{"t": 20}')
    assert stage.ask(response_format=ResponseFormat("json_object"), repair=2).value == {"t": 20}
    assert [each.role for each in stage.models.requests[3].messages] == [
        *("user", "assistant", "user", "assistant", "tool", "assistant", "user")
    ]


def test_a_cut_reply_runs_nothing() -> None:
    cut = replace(calling(("weather", ROME)), finish_reason="length", text="well")
    stage = bench(cut, "warm")
    assert stage.ask().value == "warm"
    assert stage.tools[0].called == []


# Routes


def test_a_route_ends_the_conversation() -> None:
    stage = bench(calling(("weather", ROME)), calling(("refund", '{"order": 3}')))
    found = stage.ask(route("refund"))
    assert found.value == {"tool": "refund", "arguments": {"order": 3}}
    assert stage.ask(route("refund")).value == found.value
    assert len(stage.models.requests) == 2


def test_a_route_stands_alone() -> None:
    refund = ("refund", "{}")
    stage = bench(calling(refund, ("weather", ROME)), calling(refund, refund), calling(refund))
    assert stage.ask(route("refund")).value == {"tool": "refund", "arguments": {}}
    said = 'error: not run: "refund" may only be called alone, so choose one of these calls'
    assert results(stage.models.requests[2]) == [said] * 4
    assert stage.tools[0].called == []


def test_a_route_with_faulty_arguments_is_sent_back() -> None:
    stage = bench(calling(("refund", "{}")), calling(("refund", ROME)))
    found = stage.ask(route("refund", CITY), tool_choice="required")
    assert found.value == {"tool": "refund", "arguments": {"city": "Rome"}}
    assert [each.tool_choice for each in stage.models.requests] == ["required", "required"]


def test_what_is_expected_of_a_route_is_sent_back_as_its_result() -> None:
    stage = bench(calling(("refund", OSLO)), calling(("refund", ROME)))
    found = stage.ask(route("refund", CITY), expects=["a.arguments.city == 'Rome'"])
    assert found.value == {"tool": "refund", "arguments": {"city": "Rome"}}
    (said,) = results(stage.models.requests[1])
    assert said == (
        "error: This reply cannot be used: it must hold that a.arguments.city == 'Rome'. "
        "Choose again."
    )


def test_a_route_that_is_not_as_expected_ends_with_the_repairs() -> None:
    stage = Bench(Models([calling(("refund", OSLO))]))
    with pytest.raises(ReplyError, match="it must hold that"):
        stage.ask(route("refund", CITY), expects=["a.arguments.city == 'Rome'"])
    assert len(stage.models.requests) == 2


def test_a_server_is_told_by_its_own_name() -> None:
    find = Counting("find", lambda _: "found", parameters=ANY)
    other = Counting("other", lambda _: "no", parameters=ANY)
    stage = Bench(
        Models(in_order(calling(("docs__find", "{}"), ("docs__other", "{}")), "ok")),
        servers={"docs": [find, other]},
    )
    stage.ask(server("docs", "find"))
    assert results(stage.models.requests[1]) == [
        "found",
        'error: there is no tool "docs__other"; there are: docs__find',
    ]
    assert [each.tool for each in stage.of(ToolStarted)] == ["docs.find", "docs__other"]


def test_a_tool_that_cannot_be_had_fails_the_step() -> None:
    missing: Tool = Counting("gone").declared
    with pytest.raises(StepError, match='"gone" cannot be had'):
        bench("hi").ask(missing)


def test_halves_of_characters_do_no_harm() -> None:
    broken = calling(("weather", '{"city": "\ud83d"}', "\ud83d"), ("\ud83d", "{}"), text="\ud83d")
    stage = bench(broken, "warm")
    assert stage.ask().value == "warm"
    assert results(stage.models.requests[1])[0] == "sun in \ufffd"
    str(stage.models.requests[1]).encode()


def test_a_reply_may_say_that_it_stops_and_call_nonetheless() -> None:
    said: ChatReply = replace(calling(("weather", ROME), text="let me see"), finish_reason="stop")
    stage = bench(said, "warm")
    assert stage.ask().value == "warm"
    assert stage.models.requests[1].messages[1].parts == (Text("let me see"),)
