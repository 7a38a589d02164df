"""§5 of docs/language.md: what tools have done and given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import flowrun
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.fake import Answer, Calls
from flowrun.store.memory import MemoryStore
from tests.document.checking import checked
from tests.support.citing import says
from tests.support.running import Models, Run, Stage
from tests.support.tooling import Box, Counting, in_order

PARAMETERS = "parameters: {type: object, properties: {city: {type: string}}, required: [city]}"
WEATHER = f"""
tools:
  weather: {{http: {{url: "https://example.org/w"}}, {PARAMETERS}MORE}}
"""
ROME = {"city": "Rome"}
RETURNS: Mapping[str, JsonValue] = {
    "type": "object",
    "properties": {"sun": {"type": "boolean"}},
    "required": ["sun"],
    "additionalProperties": False,
}


def again(more: str) -> Counting:
    """The tool after two runs, in which two steps call it with the same arguments."""
    tool = Counting(is_pure="pure" in more)
    source = WEATHER.replace("MORE", more) + (
        "steps: {a: {prompt: one, tools: [weather]}, "
        "b: {prompt: two, tools: [weather], needs: [a]}}"
    )
    script = in_order(Calls([("weather", ROME)]), "warm")
    stage = Stage(models=Models(script), toolbox=Box([tool], {}), store=MemoryStore())
    for _ in range(2):
        assert stage.run(source).value("b") == "warm"
    return tool


@says("§5", "A tool marked pure: true may be answered from the store;")
def test_a_pure_tool_may_be_answered_from_the_store() -> None:
    assert len(again(", pure: true").called) == 1


@says("§5", "another is run once per conversation and its result recorded,")
def test_another_is_run_once_for_each_conversation() -> None:
    assert len(again("").called) == 2


@says("§5", "and its result recorded, so that a resumed run does not run it again.")
def test_a_resumed_run_does_not_run_a_tool_again() -> None:
    tool, store = Counting(), MemoryStore()
    source = WEATHER.replace("MORE", "") + "steps: {a: {prompt: hi, tools: [weather]}}"

    def run_over(*script: Answer) -> Run:
        models = Models(in_order(*script))
        return Stage(models=models, toolbox=Box([tool], {}), store=store).run(source)

    broken = run_over(Calls([("weather", ROME)]), Unsupported("broke off"))
    assert (broken.status("a"), len(broken.prompts)) == ("failed", 2)
    resumed = run_over(Unsupported("not asked again"), "warm")
    assert (resumed.value("a"), len(resumed.prompts)) == ("warm", 1)
    assert tool.called == [ROME]


@says("§5", "returns, a JSON Schema, says what a tool gives: results are held to it,")
def test_a_result_is_held_to_what_was_promised(tmp_path: Path) -> None:
    file = tmp_path / "sun.yaml"
    tool = {"shell": ["echo", '{"sun": "much"}'], "returns": RETURNS}
    file.write_text(json.dumps({"tools": {"sun": tool}, "steps": {"a": {"call": "sun"}}}))
    found = flowrun.execute(file).steps["a"]
    assert found.status == "failed"
    assert "sun" in found.reason
    assert '"returns"' in found.reason


@says("§5", "and templates that read them are checked.")
def test_what_is_read_of_a_result_is_checked() -> None:
    source = WEATHER.replace("MORE", f", returns: {json.dumps(RETURNS)}")
    step = "a: {call: weather, with: {city: Rome}}, b: {value: '{{ a.sn }}'}"
    (fault,) = checked(f"{source}steps: {{{step}}}").diagnostics
    assert (fault.code, fault.mend) == ("unknown-field", "did you mean sun?")
