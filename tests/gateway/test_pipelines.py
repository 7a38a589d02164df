"""Pipelines as models, on fake models: no gateway is needed to be one."""

import asyncio
import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun import config as configuration
from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Delta,
    Message,
    Part,
    ResponseFormat,
    Text,
    ToolDefinition,
)
from flowrun.errors import FlowrunError, PipelineError, StepError, Unsupported, UsageError
from flowrun.gateway.faults import Fault
from flowrun.gateway.pipelines import Served, found
from flowrun.providers.router import Providers
from tests.support.replies import png

GREET = """
name: greet
description: Greets somebody.
inputs:
  who: {type: string}
  times: {type: integer, default: 1}
steps:
  hello: {prompt: "Greet {{ inputs.who }} {{ inputs.times }} times.", model: fake/greeter}
outputs:
  text: "{{ hello }}"
"""
TOML = """
[fake.greeter]
replies = ["Hello, Ann!"]
"""
PICTURE = Image.from_bytes(png("a"))


def served(folder: Path, text: str = GREET, name: str = "greet") -> Served:
    (folder / "flowrun.toml").write_text(TOML)
    (folder / f"{name}.yaml").write_text(text)
    config = configuration.load(folder, {})
    return found([folder / f"{name}.yaml"], config, Providers(config, in_flight=4))[
        f"pipeline/{name}"
    ]


def asking(*parts: Part | str, **more: object) -> ChatRequest:
    said = tuple(Text(each) if isinstance(each, str) else each for each in parts)
    return ChatRequest("pipeline/greet", (Message("user", said),), **more)  # type: ignore[arg-type]  # by name


def reply(model: Served, request: ChatRequest) -> ChatReply:
    return asyncio.run(model.send(request))


def refused(model: Served, request: ChatRequest) -> Fault:
    with pytest.raises(Fault) as fault:
        reply(model, request)
    return fault.value


def test_the_message_is_the_first_text_input_and_the_output_the_reply(tmp_path: Path) -> None:
    answer = reply(served(tmp_path), asking("Ann"))
    assert (answer.text, answer.finish_reason) == ("Hello, Ann!", "stop")
    assert answer.model == "pipeline/greet"
    assert "hello" in answer.reasoning
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0
    assert answer.usage.cost_usd == Decimal(0)


def test_a_json_object_gives_inputs_by_name(tmp_path: Path) -> None:
    model = served(tmp_path, GREET.replace("fake/greeter", "fake/echo"))
    answer = reply(model, asking(json.dumps({"who": "Bob", "times": 3})))
    assert "Greet Bob 3 times." in answer.text


@pytest.mark.parametrize("text", ['{"who": 1', '{"unknown": 1}', "{{ inputs }}"])
def test_an_object_of_something_else_is_text_and_never_a_template(
    tmp_path: Path, text: str
) -> None:
    model = served(tmp_path, GREET.replace("fake/greeter", "fake/echo"))
    assert text in reply(model, asking(text)).text


def test_progress_comes_before_the_outputs(tmp_path: Path) -> None:
    model = served(tmp_path)

    async def run() -> list[Delta]:
        return [each async for each in model.stream(asking("Ann"))]

    deltas = asyncio.run(run())
    assert all(each.reasoning and not each.text for each in deltas[:-1])
    assert (deltas[-1].text, deltas[-1].finish_reason) == ("Hello, Ann!", "stop")


def test_json_is_given_where_it_is_asked_for_and_where_there_are_several(tmp_path: Path) -> None:
    asked = asking("Ann", response_format=ResponseFormat("json_object"))
    assert json.loads(reply(served(tmp_path), asked).text) == {"text": "Hello, Ann!"}
    two = GREET + '  words: "{{ [hello, 2] }}"\n'
    model = served(tmp_path, two)
    assert json.loads(reply(model, asking("Ann")).text) == {
        "text": "Hello, Ann!",
        "words": ["Hello, Ann!", 2],
    }


PAINT = """
name: paint
inputs:
  wish: {type: string, default: a hill}
  base: {type: image}
steps:
  picture:
    prompt: "{{ inputs.wish }} {{ inputs.base }}"
    model: fake/image
    modalities: [image]
outputs:
  picture: "{{ picture }}"
"""


def test_images_go_to_image_inputs_and_come_back_as_images(tmp_path: Path) -> None:
    model = served(tmp_path, PAINT, "paint")
    answer = reply(model, asking("a lake", PICTURE))
    assert answer.text == ""
    assert len(answer.images) == 1
    assert not (tmp_path / "out").exists(), "nothing is written"
    assert "wrote" not in answer.reasoning


def test_more_images_than_inputs_are_refused(tmp_path: Path) -> None:
    fault = refused(served(tmp_path), asking("Ann", PICTURE))
    assert (fault.status, fault.param) == (400, "messages")


def test_an_input_is_never_a_path(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    text = GREET.replace("who: {type: string}", "who: {type: file}")
    model = served(tmp_path, text.replace("fake/greeter", "fake/echo"))
    answer = reply(model, asking(str(secret)))
    assert "the secret" not in answer.text
    assert str(secret) in answer.text
    model = served(tmp_path, PAINT, "paint")
    fault = refused(model, asking(json.dumps({"wish": str(secret)})))
    assert 'input "base" is required' in str(fault)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (ChatRequest("p", (Message("user", (Text("a"),)),) * 2), "messages"),
        (ChatRequest("p", (Message("system", (Text("a"),)),)), "messages"),
        (asking("a", tools=(ToolDefinition("t", "", {}),)), "tools"),
        (asking("a", response_format=ResponseFormat("json_schema", "x", {})), "response_format"),
        (asking("a", image_config={"size": "2K"}), "image_config"),
    ],
)
def test_what_has_no_place_in_a_pipeline_is_refused(
    tmp_path: Path, request_: ChatRequest, param: str
) -> None:
    fault = refused(served(tmp_path), request_)
    assert (fault.status, fault.param) == (400, param)


def test_an_option_is_refused_as_a_dialect_does(tmp_path: Path) -> None:
    with pytest.raises(Unsupported) as fault:
        reply(served(tmp_path), asking("a", options={"temperature": 0}))
    assert fault.value.param == "temperature"
    assert reply(served(tmp_path), asking("Ann", options={"max_completion_tokens": 9})).text


def test_a_text_for_a_pipeline_without_text_inputs_is_refused(tmp_path: Path) -> None:
    text = "name: x\ninputs: {n: {type: integer, default: 1}}\nsteps: {a: {value: 1}}\n"
    fault = refused(served(tmp_path, text, "x"), asking("hello"))
    assert "send a JSON object of its inputs (n)" in str(fault)


def test_a_wrong_input_is_told_as_the_pipeline_tells_it(tmp_path: Path) -> None:
    fault = refused(served(tmp_path), asking('{"who": "Ann", "times": "x"}'))
    assert (fault.status, fault.code) == (400, "invalid_input")
    assert "times" in str(fault)


def test_a_step_that_fails_fails_the_request(tmp_path: Path) -> None:
    text = GREET.replace("model: fake/greeter", 'model: fake/greeter, expect: "1 > 2"')
    with pytest.raises(StepError, match=r"^pipeline/greet failed: hello: "):
        reply(served(tmp_path, text), asking("Ann"))


def test_what_was_spent_is_told_on_the_way_and_at_a_failure(tmp_path: Path) -> None:
    two = """
name: two
inputs: {who: {type: string}}
steps:
  hello: {prompt: "Greet {{ inputs.who }}.", model: fake/greeter}
  again: {prompt: "Greet {{ hello }}.", model: fake/greeter, expect: "1 > 2"}
"""
    model = served(tmp_path, two, "two")

    async def run() -> list[Delta]:
        found: list[Delta] = []
        with suppress(StepError):
            async for each in model.stream(asking("Ann")):
                found.append(each)
        return found

    told = [each.usage.output_tokens for each in asyncio.run(run()) if each.usage is not None]
    assert len(told) >= 2
    assert 0 < told[0] < told[-1]


def test_a_caller_who_goes_ends_the_run(tmp_path: Path) -> None:
    slow = """
name: slow
inputs: {who: {type: string}}
tools:
  wait: {shell: [sleep, "60"]}
steps:
  first: {value: 1}
  second: {call: wait, needs: [first]}
"""
    model = served(tmp_path, slow, "slow")

    async def run() -> None:
        deltas = model.stream(asking("Ann"))
        assert (await anext(deltas)).reasoning
        await deltas.aclose()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_all_files_of_a_folder_are_found_by_name(tmp_path: Path) -> None:
    served(tmp_path)
    served(tmp_path, PAINT, "paint")
    config = configuration.load(tmp_path, {})
    models = found([tmp_path], config, Providers(config, in_flight=1))
    assert list(models) == ["pipeline/greet", "pipeline/paint"]
    assert models["pipeline/greet"].description == "Greets somebody."
    assert models["pipeline/greet"].worst_usd == 0, "its models run on this machine"


def test_keys_that_its_models_lack_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert served(tmp_path).missing is None
    text = GREET.replace("model: fake/greeter", "model: openai/x, fallback: [anthropic/y]")
    assert served(tmp_path, text).missing == (
        "openai needs a key: set the environment variable OPENAI_API_KEY; "
        "anthropic needs a key: set the environment variable ANTHROPIC_API_KEY"
    )
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-2")
    assert served(tmp_path, text).missing is None


def test_what_cannot_be_served_is_told_before_anything_is(tmp_path: Path) -> None:
    config = configuration.load(tmp_path, {})
    providers = Providers(config, in_flight=1)
    with pytest.raises(UsageError, match=r"no file of it ends in \.yaml or \.yml"):
        found([tmp_path], config, providers)
    (tmp_path / "flowrun.toml").write_text(TOML)
    (tmp_path / "bad.yaml").write_text("steps: {a: {promt: x}}")
    with pytest.raises(PipelineError):
        found([tmp_path], config, providers)
    (tmp_path / "a b.yaml").write_text(GREET)
    with pytest.raises(UsageError, match="cannot be a model's name"):
        found([tmp_path / "a b.yaml"], config, providers)
    with pytest.raises(FlowrunError):
        found([tmp_path / "none.yaml"], config, providers)
    (tmp_path / "ok.yaml").write_text(GREET)
    with pytest.raises(UsageError, match="rename one"):
        found([tmp_path / "ok.yaml"] * 2, config, providers)


@pytest.mark.parametrize("model", ["openai/x", "'{{ inputs.who }}'"])
def test_a_pipeline_that_may_cost_something_has_no_bound_without_a_budget(
    tmp_path: Path, model: str
) -> None:
    text = GREET.replace("fake/greeter", model)
    (tmp_path / "a.yaml").write_text(text)
    config = configuration.load(tmp_path, {})
    providers = Providers(config, in_flight=1)
    assert served(tmp_path, text + "budget: {usd: 0.1}\n").worst_usd == Decimal("0.1")
    assert found([tmp_path / "a.yaml"], config, providers)["pipeline/a"].worst_usd is None


def test_its_inputs_are_told(tmp_path: Path) -> None:
    assert served(tmp_path).inputs == [
        {"name": "who", "type": "string", "required": True},
        {"name": "times", "type": "integer", "required": False, "default": 1},
    ]
    text = PAINT.replace("{type: image}", "{type: image, description: What to change.}")
    assert served(tmp_path, text, "paint").inputs[1] == {
        "name": "base", "type": "image", "required": True, "description": "What to change.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"who": "Ann", "tims": 2}, 'has no input "tims": did you mean times?'),
        ({"tims": 2}, 'has no input "tims": did you mean times?'),
        ({"who": "Ann", "xxxxxx": 2}, 'has no input "xxxxxx": it has who, times'),
    ],
)
def test_a_key_that_is_no_input_is_told(tmp_path: Path, data: object, said: str) -> None:
    fault = refused(served(tmp_path), asking(json.dumps(data)))
    assert (fault.message, fault.param) == (f"pipeline/greet {said}", "messages")
    assert fault.said == "an input does not fit"


def test_an_image_that_is_missing_is_told_how_to_be_sent(tmp_path: Path) -> None:
    fault = refused(served(tmp_path, PAINT, "paint"), asking("a lake"))
    assert fault.message == 'input "base" is required: send it as an image part'


def test_a_failure_tells_the_caller_no_address_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = '[endpoints.mine]\nbase_url = "http://127.0.0.1:1/v1"\nkey_env = "MINE_SECRET_KEY"\n'
    (tmp_path / "flowrun.toml").write_text(toml)
    (tmp_path / "a.yaml").write_text(
        "steps: {one: {prompt: x, model: mine/m, retry: 0}}\noutputs: {o: '{{ one }}'}\n"
    )
    config = configuration.load(tmp_path, {})

    async def ask() -> FlowrunError:
        async with Providers(config, in_flight=1) as providers:
            model = found([tmp_path / "a.yaml"], config, providers)["pipeline/a"]
            with pytest.raises(FlowrunError) as caught:
                await model.send(asking(""))
        return caught.value

    monkeypatch.setenv("MINE_SECRET_KEY", "sk-0123456789")
    failed = asyncio.run(ask())
    assert "127.0.0.1:1" in str(failed)
    assert failed.shown is not None
    assert "127.0.0.1" not in failed.shown
    monkeypatch.delenv("MINE_SECRET_KEY")
    lacking = asyncio.run(ask())
    assert "MINE_SECRET_KEY" in str(lacking)
    assert lacking.shown == "this server has no key of mine"
