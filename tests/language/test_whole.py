"""What docs/language.md says before its first section: the idea that holds it together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import flowrun, write
from tests.document.checking import told
from tests.support.citing import says
from tests.support.endpoint import endpoint
from tests.support.running import run

PARAMETERS = {"type": "object", "properties": {}}
TOOLS = {"t": {"shell": ["true"], "parameters": PARAMETERS, "description": "x"}}
WIRE_TOOLS = [
    {"type": "function", "function": {"name": "t", "description": "x", "parameters": PARAMETERS}}
]


@says("§0", "A pipeline is a YAML file: a graph of steps, most of which ask a model.")
def test_a_pipeline_is_a_graph_of_steps() -> None:
    found = run("steps: {a: {prompt: one}, b: {prompt: '{{ a }} two'}}")
    assert found.prompts == ["one", "one two"]
    assert "[missing-" in told("name: nothing")[0]


@says("§0", "One idea holds it together: a prompt step is a chat-completions request with")
@says("§0", "templates in it. What goes over the wire has the wire's own name and shape")
@says("§0", "(model, temperature, response_format, modalities, image_config, tools, tool_choice,")
@says("§0", "provider, …).")
@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0.5, "response_format": {"type": "json_object"}},
        {"modalities": ["image", "text"], "image_config": {"aspect_ratio": "16:9"}},
        {"tools": ["t"], "tool_choice": "required", "provider": {"order": ["one"]}},
    ],
    ids=["text", "image", "tools"],
)
def test_a_prompt_step_is_a_request_under_the_wires_names(fields: dict[str, object]) -> None:
    with endpoint() as server:
        write("flowrun.toml", f'[endpoints.mine]\nbase_url = "{server.url}"\n')
        step = {"model": "mine/echo", "prompt": "say {{ 1 + 1 }}", **fields}
        Path("p.yaml").write_text(json.dumps({"tools": TOOLS, "steps": {"a": step}}), "utf-8")
        done = flowrun("execute", "p.yaml")
        assert server.seen, done.err
    body = server.seen[0].json
    sent = {**fields, "tools": WIRE_TOOLS} if "tools" in fields else fields
    assert {name: body[name] for name in sent} == sent
    assert body["model"] == "echo"
    assert body["messages"] == [{"role": "user", "content": "say 2"}]


@says("§0", "Everything else is a handful of words: inputs, steps, needs, if, foreach, uses, with,")
@says("§0", "outputs.")
def test_everything_else_is_a_handful_of_words() -> None:
    source = """
inputs: {x: {default: [1]}}
steps:
  a: {foreach: inputs.x, if: item, value: 1}
  b: {uses: ./child.yaml, with: {n: 1}, needs: [a]}
outputs: {o: "{{ b.n }}"}
"""
    child = "inputs: {n: {}}\nsteps: {a: {value: '{{ inputs.n }}'}}\noutputs: {n: '{{ a }}'}"
    assert told(source, {"child.yaml": child}) == []


@says("§0", "An editor that knows YAML schemas helps while you type: flowrun schema >")
@says("§0", "flowrun.schema.json, and as the file's first line # yaml-language-server:")
@says("§0", "$schema=flowrun.schema.json.")
def test_there_is_a_schema_for_editors() -> None:
    schema = json.loads(flowrun("schema").out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"inputs", "steps", "outputs", "tools"} <= set(schema["properties"])
    line = "# yaml-language-server: $schema=flowrun.schema.json\n"
    assert told(f"{line}steps: {{a: {{value: 1}}}}") == []
