"""What a step says of its tools, and what `defaults` say where it is silent."""

from __future__ import annotations

from flowrun.document.ask_reader import integer, listed
from flowrun.document.task import Ask
from tests.document.checking import plan

HEAD = "tools: {find: {shell: [find]}, refund: {}}"


def ask(step: str, defaults: str = "{}") -> Ask:
    (task,) = plan(f"{HEAD}\ndefaults: {defaults}\nsteps: {{a: {step}}}").tasks
    assert task.ask is not None
    return task.ask


def test_a_step_without_tools_has_none() -> None:
    found = ask("{prompt: x}")
    assert (found.tools, found.tool_choice, found.parallel_tool_calls) == ((), None, None)
    assert found.max_turns == 8


def test_a_step_lists_its_tools_and_how_they_are_chosen() -> None:
    found = ask(
        "{prompt: x, tools: [refund, find], tool_choice: required, max_turns: 3, "
        "parallel_tool_calls: false}"
    )
    assert [tool.name for tool in found.tools] == ["refund", "find"]
    assert (found.tool_choice, found.max_turns, found.parallel_tool_calls) == ("required", 3, False)


def test_defaults_may_list_tools_for_all_steps() -> None:
    defaults = "{tools: [find], tool_choice: find, max_turns: 2, parallel_tool_calls: true}"
    found = ask("{prompt: x}", defaults)
    assert [tool.name for tool in found.tools] == ["find"]
    assert found.tool_choice == {"type": "function", "function": {"name": "find"}}
    assert (found.max_turns, found.parallel_tool_calls) == (2, True)


def test_a_step_without_tools_takes_nothing_of_them_from_defaults() -> None:
    defaults = "{tools: [find], tool_choice: find, parallel_tool_calls: true}"
    found = ask("{prompt: x, tools: []}", defaults)
    assert (found.tools, found.tool_choice, found.parallel_tool_calls) == ((), None, None)


def test_what_is_no_list_or_number_has_a_stand_in() -> None:
    assert (listed("x"), listed([1])) == ((), [1])
    assert (integer(None, 4), integer(2, 4)) == (4, 2)
