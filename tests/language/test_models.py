"""§7 of docs/language.md: models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowrun.api import Options, execute, load
from flowrun.chat.images import Image
from flowrun.chat.messages import ChatRequest, Message, Text
from flowrun.config import Config, read
from flowrun.providers.anthropic import AnthropicDialect
from flowrun.providers.catalog import PRESETS
from flowrun.providers.placeholder import SAID
from flowrun.providers.router import resolve
from flowrun.run.events import Event, ToolStarted
from flowrun.run.execution import RunResult
from tests.cli.command import flowrun, write
from tests.support.citing import says
from tests.support.endpoint import endpoint

ROOT = Path(__file__).parent.parent.parent
MINE = '[endpoints.mine]\nbase_url = "http://127.0.0.1:1/v1"\n'


def leads_to(name: str, settings: str = "") -> str:
    """The model that a name stands for."""
    return resolve(name, read(settings, Path("flowrun.toml"))).label


def ran(step: str, settings: str = "", tools: str = "") -> RunResult:
    """A run of one step, "a", on this machine."""
    write("flowrun.toml", settings)
    write("p.yaml", f"{tools}\nsteps: {{a: {{{step}}}}}")
    return execute("p.yaml")


def answered(step: str, settings: str = "", tools: str = "") -> object:
    """What the step gives."""
    found = ran(step, settings, tools).steps["a"]
    assert found.status == "done", found.reason
    return found.value


# Names


@says(
    "§7",
    "provider/model (openai/…, anthropic/…, gemini/…, openrouter/vendor/model, gumloop/…, local/…,",
)
@says("§7", "any endpoint of flowrun.toml),")
@pytest.mark.parametrize(
    "name",
    [
        "openai/gpt-x",
        "anthropic/claude-x",
        "gemini/gemini-x",
        "openrouter/vendor/model",
        "gumloop/gpt-x",
        "local/smollm2-135m-instruct",
        "mine/llama-3",
    ],
)
def test_a_model_is_named_by_its_provider(name: str) -> None:
    assert leads_to(name, MINE) == name


@says("§7", "a bare slug that one configured provider serves,")
def test_a_bare_slug_leads_to_who_serves_it() -> None:
    two = MINE + 'models = ["large"]\n' + MINE.replace("mine", "theirs") + 'models = ["small"]\n'
    assert leads_to("large", two) == "mine/large"
    assert leads_to("small", two) == "theirs/small"


@says("§7", "or a preset: recommended, smartest, fastest, auto, image.")
def test_presets_are_names() -> None:
    names = {"recommended", "smartest", "fastest", "auto", "image"}
    assert set(PRESETS) == names
    settings = MINE + "[models]\n" + "".join(f'{name} = "mine/{name}"\n' for name in names)
    assert {name: leads_to(name, settings) for name in names} == {n: f"mine/{n}" for n in names}


@says("§7", "Presets, names of your own, endpoints and prices stand in flowrun.toml;")
@says("§7", "keys only in the environment.")
@says("§7", "A flowrun.toml says which environment variable is sent to which host.")
def test_models_are_configured_in_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE_API_KEY", "secret-key")
    with endpoint() as server:
        settings = f"""
        [models]
        fastest = "house"
        house = "mine/echo"
        [endpoints.mine]
        base_url = "{server.url}"
        key_env = "MINE_API_KEY"
        [prices."mine/echo"]
        input = 1000000
        output = 0
        """
        found = ran("model: fastest, prompt: hello", settings)
    assert found.steps["a"].value == "hello"
    assert found.cost_usd is not None
    assert found.cost_usd >= 1
    assert [each.headers["authorization"] for each in server.seen] == ["Bearer secret-key"]


@says(
    "§7",
    "An endpoint speaks OpenAI's chat completions or, with dialect = \"anthropic\", Anthropic's",
)
@says("§7", "messages, or,")
@says(
    "§7",
    "What Anthropic's models cannot take, such as seed, is refused by its name, never left out;",
)
@says("§7", "without a limit on tokens the model's own holds.")
def test_an_endpoint_may_speak_anthropics_messages() -> None:
    settings = MINE + 'dialect = "anthropic"\n'
    assert resolve("mine/x", read(settings, Path("flowrun.toml"))).endpoint.dialect == "anthropic"
    assert resolve("mine/x", read(MINE, Path("flowrun.toml"))).endpoint.dialect == "openai"
    step = ran("model: mine/claude-x, seed: 7, prompt: hello", settings).steps["a"]
    assert (step.status, step.reason) == ("failed", 'mine cannot take "seed"')
    hello = (Message("user", (Text("hello"),)),)
    wire = AnthropicDialect().encode(ChatRequest("claude-x", hello), stream=False)
    assert json.loads(wire.body or b"")["max_tokens"] == 128_000


@says("§7", 'with dialect = "gemini", Google\'s generateContent.')
def test_an_endpoint_may_speak_geminis_generate_content() -> None:
    settings = MINE + 'dialect = "gemini"\n'
    assert resolve("mine/x", read(settings, Path("flowrun.toml"))).endpoint.dialect == "gemini"
    step = ran("model: mine/gemini-x, verbosity: low, prompt: hello", settings).steps["a"]
    assert (step.status, step.reason) == ("failed", 'mine cannot take "verbosity"')


@says("§7", "keys only in the environment.")
@pytest.mark.parametrize("key", ["key", "api_key", "token"])
def test_a_key_in_the_file_is_refused(key: str) -> None:
    write("flowrun.toml", f'{MINE}{key} = "sk-1234"\n')
    write("p.yaml", "steps: {a: {value: 1}}")
    done = flowrun("execute", "p.yaml")
    assert done.code == 2
    assert "secrets have no place in a file" in done.err
    assert "sk-1234" not in done.err


@says("§7", "Read a stranger's before you run it, as you would a Makefile.")
def test_a_stranger_may_name_any_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    with endpoint() as server:
        line = f'[endpoints.strange]\nbase_url = "{server.url}"\nkey_env = "OPENAI_API_KEY"\n'
        answered("model: strange/echo, prompt: hello", line)
    assert server.seen[0].headers["authorization"] == "Bearer secret-key"


# Without any configuration


@says("§7", "With nothing configured the text presets are a small model that runs on this machine")
@says("§7", "and image is a placeholder picture … that says that it is one,")
def test_with_nothing_configured_presets_are_on_this_machine() -> None:
    labels = {name: resolve(name, Config()).label for name in PRESETS}
    text = "local/smollm2-135m-instruct"
    assert labels == {**dict.fromkeys(labels, text), "image": "local/placeholder"}


@says("§7", "and image is a placeholder picture that says that it is one,")
def test_the_placeholder_says_that_it_is_one() -> None:
    pytest.importorskip("PIL")
    found = answered("model: image, modalities: [image], prompt: a cat")
    assert isinstance(found, Image)
    assert (found.text, "placeholder" in found.text) == (SAID, True)


@says("§7", "so that each file under pipelines/ runs offline, without a key.")
@pytest.mark.parametrize("path", sorted((ROOT / "pipelines").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_file_under_pipelines_asks_models_of_this_machine(path: Path) -> None:
    pipeline = load(path)
    asked = [name for _, ask in pipeline.plan.asks() for name in (ask.model, *ask.fallback)]
    assert asked
    for name in asked:
        assert resolve(str(name), pipeline.config).endpoint.dialect in ("local", "fake")


# Scripted answers


@says(
    "§7", "For trying a pipeline out without any model there are fake/echo, which answers with its"
)
@says("§7", "prompt or with an instance of the schema,")
def test_an_echo_answers_with_its_prompt_or_an_instance() -> None:
    assert answered("model: fake/echo, prompt: hello") == "hello"
    schema = "schemas: {s: {type: object, properties: {n: {type: integer}}, required: [n]}}"
    found = answered("model: fake/echo, prompt: hello, response_format: s", tools=schema)
    assert isinstance(found, dict)
    assert isinstance(found["n"], int)


@says("§7", "fake/image, and scripted answers")
def test_a_fake_image_is_a_picture() -> None:
    assert isinstance(answered("model: fake/image, modalities: [image], prompt: a cat"), Image)


@says("§7", "scripted answers under [fake.NAME] in flowrun.toml: a list of replies, said in turn,")
def test_replies_are_said_in_turn() -> None:
    step = "foreach: '[1, 2, 3]', model: fake/it, prompt: 'n {{ item }}'"
    found = answered(step, '[fake.it]\nreplies = ["one", "two"]\n')
    assert isinstance(found, list)
    assert sorted(found) == ["one", "two", "two"]


@says("§7", "or rules, of which the first that fits holds.")
@says("§7", "A rule with contains fits where the conversation holds that text;")
def test_the_first_rule_that_fits_holds() -> None:
    rules = [("b", "has b"), ("a", "has a"), ("", "never")]
    lines = [f'[[fake.it.rules]]\ncontains = "{c}"\nreply = "{r}"\n' for c, r in rules[:2]]
    step = "foreach: \"['ab', 'a']\", model: fake/it, prompt: '{{ item }}'"
    assert answered(step, "".join(lines)) == ["has b", "has a"]


TOOL = """
tools:
  search:
    shell: [echo, "found {{ query }}"]
    parameters: {type: object, properties: {query: {type: string}}, required: [query]}
"""
CALL = '{tool = "search", arguments = {query = "lamps"}}'
RULES = """
[[fake.clerk.rules]]
contains = "lamp"
reply = SAID
[[fake.clerk.rules]]
after = "search"
contains = "found"
reply = "We have three lamps."
"""


@says("§7", 'A reply is a text, a call {tool = "search", arguments = {query = "lamps"}},')
@says("§7", "or a list of calls that are made at once.")
@says("§7", "one with after fits right after that tool's result, and one without after never does,")
@says("§7", "so that the script goes on.")
@pytest.mark.parametrize("said", [CALL, f"[{CALL}, {CALL}]"], ids=["one", "two"])
def test_a_script_calls_tools_and_goes_on(said: str) -> None:
    step = "model: fake/clerk, prompt: a lamp, tools: [search]"
    assert answered(step, RULES.replace("SAID", said), TOOL) == "We have three lamps."


@says("§7", "The embedded model calls tools too, with arguments that fit, one at a time.")
@says("§7", "It is too small to choose well among them, and once it has a result it answers.")
@pytest.mark.local
def test_the_embedded_model_calls_tools_and_answers() -> None:
    heard: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, ToolStarted):
            heard.append(event.arguments)

    step = "{prompt: lamps, tools: [search], tool_choice: required, response_format: short}"
    tool = TOOL.replace("{type: string}", "{type: string, maxLength: 12}")
    short = "{type: object, properties: {are_there: {type: boolean}}, required: [are_there]}"
    write("p.yaml", f"{tool}\nschemas: {{short: {short}}}\nsteps: {{a: {step}}}")
    found = execute("p.yaml", options=Options(report=hear)).steps["a"]
    assert found.status == "done", found.reason
    assert isinstance(found.value, dict)
    (arguments,) = heard
    assert isinstance(json.loads(arguments)["query"], str)
