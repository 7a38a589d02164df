"""Templates rendered into the request that a model is sent, and the key it is kept under."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from textwrap import dedent, indent
from typing import Any

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatRequest,
    ImageUrl,
    Message,
    Part,
    ResponseFormat,
    Text,
    ToolDefinition,
)
from flowrun.digest import JsonValue, digest
from flowrun.document.plan import Plan
from flowrun.errors import StepError
from flowrun.run.request import build, drawn, key, models
from tests.support.running import picture, plan_of

PICTURE = picture("cat")
INPUTS: Mapping[str, Any] = {
    "name": "Ada",
    "number": 3,
    "list": ["a", "b"],
    "object": {"a": 1},
    "cat": PICTURE,
    "cats": [PICTURE, picture("other")],
    "history": [],
}
DECLARED = "inputs: {name: {}, number: {}, list: {}, object: {}, cat: {}, cats: {}, history: {}}\n"


def built(step: str, more: str = "", **inputs: object) -> ChatRequest:
    """The request of a step's YAML."""
    plan = planned(step, more)
    ask = plan.tasks[-1].ask
    assert ask is not None
    return build(ask, {"inputs": {**INPUTS, **inputs}, "run": {}}, "model")


def planned(step: str, more: str = "") -> Plan:
    return plan_of(f"{DECLARED}{dedent(more)}\nsteps:\n  a:\n{indent(dedent(step), '    ')}\n")


def parts(step: str) -> tuple[Part, ...]:
    """The parts of the only message."""
    (message,) = built(step).messages
    return message.parts


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("hello", (Text("hello"),)),
        ("hello {{ inputs.name }}", (Text("hello Ada"),)),
        ("{{ inputs.number }}", (Text("3"),)),
        ("{{ inputs.list }}", (Text('["a", "b"]'),)),
        ("{{ inputs.object }}", (Text('{"a": 1}'),)),
        ("{{ inputs.cat }}", (PICTURE,)),
        ("see {{ inputs.cat }} there", (Text("see "), PICTURE, Text(" there"))),
        ("{{ inputs.cat }}{{ inputs.cat }}", (PICTURE, PICTURE)),
        ("{{ inputs.cats }}!", (PICTURE, picture("other"), Text("!"))),
        ("{{ '' }}", (Text(""),)),
    ],
)
def test_a_prompt_becomes_text_and_images_at_their_places(
    prompt: str, wanted: tuple[Part, ...]
) -> None:
    assert parts(f'prompt: "{prompt}"') == wanted


def test_system_and_prompt_are_two_messages() -> None:
    found = built("{system: 'You are {{ inputs.name }}.', prompt: hi}")
    assert found.messages == (
        Message("system", (Text("You are Ada."),)),
        Message("user", (Text("hi"),)),
    )


def test_the_system_prompt_of_defaults_is_the_steps_unless_it_has_its_own() -> None:
    defaults = "defaults: {system: Be kind.}"
    assert built("{prompt: hi}", defaults).messages[0] == Message("system", (Text("Be kind."),))
    own = built("{prompt: hi, system: Be brief.}", defaults)
    assert own.messages[0] == Message("system", (Text("Be brief."),))


def test_a_picture_in_a_system_prompt_is_refused() -> None:
    with pytest.raises(StepError, match="an image where only text can stand"):
        built("{system: 'see {{ inputs.cat }}', prompt: hi}")


def test_messages_are_sent_as_they_stand() -> None:
    found = built("""
    messages:
      - {role: system, content: "Be {{ inputs.name }}."}
      - role: user
        content:
          - {type: text, text: "what is "}
          - {type: image_url, image_url: {url: "{{ inputs.cat }}"}}
      - {role: assistant, content: A cat.}
      - role: user
        content:
          - {type: image_url, image_url: {url: "https://example.org/x.png"}}
          - {type: text, text: "{{ inputs.cat }}?"}
    """)
    assert found.messages == (
        Message("system", (Text("Be Ada."),)),
        Message("user", (Text("what is "), PICTURE)),
        Message("assistant", (Text("A cat."),)),
        Message("user", (ImageUrl("https://example.org/x.png"), PICTURE, Text("?"))),
    )


def test_an_image_url_that_is_neither_is_refused() -> None:
    with pytest.raises(StepError, match=r"\Aan image_url must be an image or an http address\Z"):
        built("""
        messages:
          - {role: user, content: [{type: image_url, image_url: {url: "{{ inputs.name }}"}}]}
        """)


def test_messages_may_come_from_an_expression() -> None:
    history = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": ["see ", PICTURE, {"type": "text", "text": "?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]},
        {"role": "user", "content": PICTURE},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]},
    ]
    found = built("messages: '{{ inputs.history }}'", history=history)
    assert found.messages == (
        Message("system", (Text("Be brief."),)),
        Message("user", (Text("see "), PICTURE, Text("?"))),
        Message("assistant", (Text("A cat."),)),
        Message("user", (PICTURE,)),
        Message("user", (PICTURE,)),
    )


NO_ROLE = "must have a role of system, developer, user, assistant"


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        ([], "messages must be a list of messages with role and content"),
        ("hi", "messages must be a list of messages with role and content"),
        (["hi"], f"messages[0] {NO_ROLE}"),
        ([{"content": "hi"}], f"messages[0] {NO_ROLE}"),
        ([{"role": ["user"]}], f"messages[0] {NO_ROLE}"),
        ([{"role": "user"}], "messages[0].content must be text or a list of parts"),
        (
            [{"role": "user", "content": "a"}, {"role": "user", "content": [3]}],
            "messages[1].content holds a part that is neither text nor image",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 3}}]}],
            "an image_url must be an image or an http address",
        ),
    ],
)  # fmt: skip
def test_an_expression_that_gives_no_messages_is_refused(history: object, problem: str) -> None:
    with pytest.raises(StepError) as caught:
        built("messages: '{{ inputs.history }}'", history=history)
    assert str(caught.value) == problem


def test_options_go_under_their_wire_names_and_may_be_templates() -> None:
    found = built(
        """
        prompt: hi
        temperature: "{{ inputs.number / 10 }}"
        stop: ["{{ inputs.name }}", END]
        metadata: {who: "{{ inputs.name }}"}
        provider: {order: ["{{ inputs.name }}"]}
        image_config: {aspect_ratio: "{{ inputs.number }}:9"}
        modalities: [image]
        """,
        "defaults: {top_p: 0.5}",
    )
    assert found.options == {
        "temperature": 0.3,
        "stop": ["Ada", "END"],
        "metadata": {"who": "Ada"},
        "top_p": 0.5,
    }
    assert found.provider == {"order": ["Ada"]}
    assert found.image_config == {"aspect_ratio": "3:9"}
    assert found.modalities == ("image",)
    assert found.wants_image


def test_a_response_format_is_sent_as_a_strict_schema_of_its_name() -> None:
    schema = "schemas: {brief: {type: object}}"
    found = built("{prompt: hi, response_format: brief}", schema).response_format
    assert found == ResponseFormat("json_schema", "brief", {"type": "object"}, strict=True)


def test_a_picture_among_the_options_is_refused() -> None:
    with pytest.raises(StepError, match=r'\A"user" must be plain data, not Image\Z'):
        built("{prompt: hi, user: '{{ inputs.cat }}'}")


def test_the_models_are_the_steps_own_then_its_fallbacks() -> None:
    ask = planned("{prompt: hi, model: '{{ inputs.name }}', fallback: [b, ' c ']}").tasks[0].ask
    assert ask is not None
    assert models(ask, {"inputs": INPUTS}) == ["Ada", "b", "c"]


@pytest.mark.parametrize("name", ["m" * 201, "a\nb", "a\x1b[2J", "a\u202eb"])
def test_a_model_whose_name_is_no_name_is_not_asked(name: str) -> None:
    ask = planned("{prompt: hi, model: '{{ inputs.name }}'}").tasks[0].ask
    assert ask is not None
    with pytest.raises(StepError, match="name must be one line of at most 200 characters"):
        models(ask, {"inputs": {**INPUTS, "name": name}})


# C1: the key

REQUEST = ChatRequest(
    model="m",
    messages=(
        Message("system", (Text("s"),)),
        Message("user", (Text("u"), PICTURE, ImageUrl("https://example.org/a.png"))),
    ),
    options={"temperature": 0.5, "stop": ["a", "b"], "metadata": {"x": "1", "y": "2"}},
    response_format=ResponseFormat("json_schema", "n", {"type": "object", "required": ["a"]}),
    modalities=("text", "image"),
    image_config={"size": "1x1", "quality": "low"},
    provider={"order": ["a"], "zdr": True},
)


def key_of(
    request: ChatRequest, endpoint: str = "e", base_url: str = "https://e/v1", **more: Any
) -> str:
    return key(request, **{"endpoint": endpoint, "base_url": base_url, "sample": 0, **more})


def message(*parts: Part) -> ChatRequest:
    return replace(REQUEST, messages=(REQUEST.messages[0], Message("user", parts)))


LOOK = ToolDefinition("look", "", {"type": "object"})
MEANINGFUL: dict[str, Callable[[], str]] = {
    "model": lambda: key_of(replace(REQUEST, model="n")),
    "text": lambda: key_of(message(Text("v"), *REQUEST.messages[1].parts[1:])),
    "one blank": lambda: key_of(message(Text("u "), *REQUEST.messages[1].parts[1:])),
    "role": lambda: key_of(replace(REQUEST, messages=(REQUEST.messages[1],) * 2)),
    "order of messages": lambda: key_of(replace(REQUEST, messages=REQUEST.messages[::-1])),
    "order of parts": lambda: key_of(message(*REQUEST.messages[1].parts[::-1])),
    "split of text": lambda: key_of(message(Text(""), *REQUEST.messages[1].parts)),
    "image bytes": lambda: key_of(message(Text("u"), picture("x"), REQUEST.messages[1].parts[2])),
    "image url": lambda: key_of(message(Text("u"), PICTURE, ImageUrl("https://example.org/b"))),
    "option": lambda: key_of(replace(REQUEST, options={**REQUEST.options, "temperature": 0.6})),
    "option gone": lambda: key_of(replace(REQUEST, options={})),
    "option null": lambda: key_of(replace(REQUEST, options={**REQUEST.options, "seed": None})),
    "schema": lambda: key_of(replace(REQUEST, response_format=ResponseFormat())),
    "schema's name": lambda: key_of(_format(name="o")),
    "schema's strictness": lambda: key_of(_format(strict=False)),
    "schema's content": lambda: key_of(_format(schema={"type": "object", "required": ["b"]})),
    "modalities": lambda: key_of(replace(REQUEST, modalities=("image",))),
    "image config": lambda: key_of(replace(REQUEST, image_config={"size": "2x2"})),
    "routing": lambda: key_of(replace(REQUEST, provider={"order": ["b"], "zdr": True})),
    "endpoint": lambda: key_of(REQUEST, endpoint="f"),
    "base url": lambda: key_of(REQUEST, base_url="https://f/v1"),
    "sample": lambda: key_of(REQUEST, sample=1),
    "round": lambda: key_of(REQUEST, rounds=(1,)),
    "outer round": lambda: key_of(REQUEST, rounds=(1, 0)),
    "offered": lambda: key_of(replace(REQUEST, tools=(LOOK,))),
    "choice": lambda: key_of(replace(REQUEST, tools=(LOOK,), tool_choice="auto")),
    "parallel": lambda: key_of(replace(REQUEST, tools=(LOOK,), parallel_tool_calls=False)),
    "description": lambda: key_of(replace(REQUEST, tools=(replace(LOOK, description="at it"),))),
    "parameters": lambda: key_of(replace(REQUEST, tools=(replace(LOOK, parameters={}),))),
    "implemented": lambda: key_of(replace(REQUEST, tools=(LOOK,)), versions={"look": "1"}),
    "version": lambda: key_of(replace(REQUEST, tools=(LOOK,)), versions={"look": "2"}),
}


def _format(**changes: Any) -> ChatRequest:
    return replace(REQUEST, response_format=replace(REQUEST.response_format, **changes))


def shuffled(value: JsonValue, luck: random.Random) -> JsonValue:
    """The same value with the keys of its objects in another order."""
    match value:
        case Mapping():
            names = list(value)
            luck.shuffle(names)
            return {name: shuffled(value[name], luck) for name in names}
        case list():
            return [shuffled(each, luck) for each in value]
        case _:
            return value


def in_another_order(luck: random.Random) -> ChatRequest:
    schema = shuffled(REQUEST.response_format.schema, luck)
    options, config, routing = (
        shuffled(each, luck) for each in (REQUEST.options, REQUEST.image_config, REQUEST.provider)
    )
    assert isinstance(schema, Mapping)
    assert isinstance(options, Mapping)
    assert isinstance(config, Mapping)
    assert isinstance(routing, Mapping)
    form = replace(REQUEST.response_format, schema=schema)
    return replace(
        REQUEST, options=options, image_config=config, provider=routing, response_format=form
    )


def test_whatever_can_change_the_answer_changes_the_key() -> None:
    keys = {name: change() for name, change in MEANINGFUL.items()}
    assert len({*keys.values(), key_of(REQUEST)}) == len(keys) + 1


def test_without_tools_and_rounds_the_key_is_what_it_always_was() -> None:
    whole: JsonValue = {
        "endpoint": "e",
        "base_url": "https://e/v1",
        "request": {
            "model": "m",
            "messages": [{"role": "user", "parts": [{"text": "u"}]}],
            "options": {},
            "response_format": {"type": "text"},
            "modalities": ["text"],
            "image_config": {},
            "provider": {},
        },
        "sample": 0,
    }
    plain = ChatRequest("m", (Message("user", (Text("u"),)),))
    assert key_of(plain, rounds=(0, 0), versions={}) == key_of(plain)
    assert key_of(plain) == digest("request/1", whole)


@pytest.mark.parametrize(("number", "seed"), [(0, 5), (1, 6), (3, 8)])
def test_a_further_draw_has_a_seed_of_its_own(number: int, seed: int) -> None:
    asked = replace(REQUEST, options={"seed": 5, "user": "x"})
    assert drawn(asked, number).options == {"seed": seed, "user": "x"}
    unseeded = replace(REQUEST, options={"seed": None})
    assert drawn(unseeded, number) is unseeded


def test_tools_are_put_as_the_step_says() -> None:
    ask = planned("prompt: hi").tasks[-1].ask
    assert ask is not None
    scope: Mapping[str, object] = {"inputs": {}, "run": {}}
    chosen = replace(ask, tool_choice="required", parallel_tool_calls=False)
    with_tools = build(chosen, scope, "m", tools=(LOOK,))
    assert (with_tools.tools, with_tools.tool_choice) == ((LOOK,), "required")
    assert with_tools.parallel_tool_calls is False
    without = build(chosen, scope, "m")
    assert (without.tools, without.tool_choice, without.parallel_tool_calls) == ((), None, None)


def test_the_order_of_keys_does_not_change_the_key() -> None:
    luck = random.Random(1)
    assert {key_of(in_another_order(luck)) for _ in range(20)} == {key_of(REQUEST)}


def test_what_stands_beside_a_picture_does_not_change_the_key() -> None:
    same = Image.from_bytes(PICTURE.data, text="a cat")
    assert key_of(message(Text("u"), same, REQUEST.messages[1].parts[2])) == key_of(REQUEST)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), "half \ud83d"])
def test_a_request_that_is_no_json_fails_the_step(odd: JsonValue) -> None:
    with pytest.raises(StepError, match=r"\Athe request cannot be written as JSON: "):
        key_of(replace(REQUEST, options={"user": odd}))
