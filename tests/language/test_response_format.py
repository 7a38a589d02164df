"""§4 of docs/language.md: response_format."""

from __future__ import annotations

import json

import pytest

from tests.document.checking import checked
from tests.support.citing import says
from tests.support.running import Stage, run

BRIEF = {
    "type": "object",
    "properties": {"headline": {"type": "string"}},
    "required": ["headline"],
    "additionalProperties": False,
}
WIRE = {"type": "json_schema", "json_schema": {"name": "brief", "strict": False, "schema": BRIEF}}
NAMED = f"schemas: {{brief: {json.dumps(BRIEF)}}}\n"
STEP = "steps: {a: {prompt: hi, response_format: FORMAT}}"
GOOD = '{"headline": "Tea"}'


@says("§4", "The wire's object as it is ({type: json_object}, {type: json_schema, json_schema:")
@says("§4", "{name, strict, schema}}),")
@pytest.mark.parametrize("given", [{"type": "json_object"}, WIRE], ids=lambda each: each["type"])
def test_the_wires_object_is_sent_as_it_is(given: dict[str, object]) -> None:
    found = run(STEP.replace("FORMAT", json.dumps(given)), [GOOD])
    assert found.models.requests[0].response_format.as_json() == given
    assert found.value("a") == {"headline": "Tea"}


@says("§4", "or the name of an entry of schemas, sent as a strict json_schema of that name.")
def test_a_name_is_sent_as_a_strict_schema_of_that_name() -> None:
    found = run(NAMED + STEP.replace("FORMAT", "brief"), [GOOD])
    (request,) = found.models.requests
    assert request.response_format.as_json() == {
        "type": "json_schema",
        "json_schema": {"name": "brief", "strict": True, "schema": BRIEF},
    }


@says("§4", "A schema may be {file: brief.schema.json}.")
def test_a_schema_may_stand_in_a_file() -> None:
    stage = Stage(files={"brief.schema.json": json.dumps(BRIEF)})
    schemas = "schemas: {brief: {file: brief.schema.json}}\n"
    found = stage.run(schemas + STEP.replace("FORMAT", "brief"))
    assert found.models.requests[0].response_format.schema == BRIEF


@says("§4", "Replies are validated here too, whatever the provider promised.")
@pytest.mark.parametrize("written", ["brief", json.dumps(WIRE)])
def test_a_reply_that_does_not_fit_is_not_taken(written: str) -> None:
    source = NAMED + STEP.replace("FORMAT", written)
    assert run(source, ['{"headline": 7}', GOOD]).value("a") == {"headline": "Tea"}
    assert run(source, ['{"headline": 7}']).status("a") == "failed"


@says("§4", "What later steps read from a reply is checked against its schema before anything is")
@says("§4", "sent, with line, column and the nearest name:")
def test_what_is_read_is_checked_against_the_schema() -> None:
    source = NAMED + (
        "steps:\n"
        "  brief: {prompt: Write a headline., response_format: brief}\n"
        '  post: {prompt: "Write a post. Headline: {{ brief.headlin }}"}\n'
    )
    (fault,) = checked(source).diagnostics
    assert (fault.mark.line, fault.mark.column, fault.code) == (4, 52, "unknown-field")
    assert fault.message == 'step "brief" has no field "headlin"'
    assert fault.mend == "did you mean headline?"
