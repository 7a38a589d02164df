"""§7 of docs/language.md: which model a bare slug leads to, and which one `auto` chooses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flowrun.api import execute
from flowrun.config import Config, read
from flowrun.providers.listing import keep
from flowrun.providers.router import resolve
from flowrun.run.execution import RunResult
from tests.cli.command import write
from tests.support.citing import says
from tests.support.endpoint import endpoint

KEYS = ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY")
FAKES = """
[auto]
easy = "fake/small"
hard = "fake/large"
image = "fake/image"
vision = "fake/seeing"
long = 20
[fake.small]
replies = ["{}"]
[fake.large]
replies = ["{}"]
[fake.seeing]
replies = ["{}"]
"""


def configured(text: str, *keys: str) -> Config:
    return replace(read(text, Path("flowrun.toml")), variables=frozenset(keys), state=Path("kept"))


def ran(steps: str, settings: str = FAKES) -> RunResult:
    write("flowrun.toml", settings)
    write("p.yaml", f"tools: {{t: {{parameters: {{}}}}}}\nsteps: {{{steps}}}")
    return execute("p.yaml")


def chosen(step: str, settings: str = FAKES) -> str | None:
    """The model that answered a step."""
    found = ran(f"a: {{model: auto, {step}}}", settings).steps["a"]
    assert found.status in ("done", "cached"), found.reason
    return found.model


@says("§7", "A bare slug leads to the endpoint whose models name it, else to the one whose kept")
@says("§7", "list of models has it, else to its maker by the form of its name")
@says("§7", "(claude-…, gpt-…, gemini-… and others) if that one's key is set,")
@says("§7", "else to the only endpoint that is configured.")
def test_a_bare_slug_is_looked_for_in_an_order() -> None:
    mine = '[endpoints.mine]\nbase_url = "http://127.0.0.1:1/v1"\n'
    for slug, maker in (("claude-x", "anthropic"), ("gpt-x", "openai"), ("gemini-x", "gemini")):
        assert resolve(slug, configured(mine)).label == f"mine/{slug}"
        assert resolve(slug, configured(mine, *KEYS)).label == f"{maker}/{slug}"
    keep(Path("kept"), "openai", [{"id": "claude-x"}], now=1)
    assert resolve("claude-x", configured(mine, *KEYS)).label == "openai/claude-x"
    named = mine + 'models = ["claude-x"]\n'
    assert resolve("claude-x", configured(named, *KEYS)).label == "mine/claude-x"


@says("§7", "auto chooses by the request, between names of the table [auto]:")
@says("§7", "image where a picture is asked for, vision where one is shown,")
@says("§7", "hard for tools, for JSON of a schema and for prompts of more than long characters,")
@says("§7", "else easy.")
@pytest.mark.parametrize(
    ("step", "model"),
    [
        ("prompt: a cat, modalities: [image]", "fake/image"),
        ("prompt: 'what is {{ picture }}'", "fake/seeing"),
        ("prompt: find it, tools: [t]", "fake/large"),
        ("prompt: find it, response_format: {type: json_schema, json_schema: {name: s, "
         "strict: true, schema: {type: object}}}", "fake/large"),
        ("prompt: 'twenty and one letters'", "fake/large"),
        ("prompt: 'twenty letters or so'", "fake/small"),
    ],
)  # fmt: skip
def test_auto_chooses_by_the_request(step: str, model: str) -> None:
    drawn = "picture: {model: fake/image, modalities: [image], prompt: a cat}, "
    found = ran(f"{drawn}a: {{model: auto, {step}}}").steps["a"]
    assert found.model == model
    assert found.status in ("done", "cached"), found.reason


@says("§7", "With a judge that model is asked how hard the rest is; the step pays for it.")
def test_a_judge_is_asked_and_paid() -> None:
    judge = FAKES.replace("[auto]", '[auto]\njudge = "mine/echo"')
    price = '[prices."mine/echo"]\ninput = 1000000\noutput = 0\n'
    with endpoint() as server:
        settings = f'{judge}[endpoints.mine]\nbase_url = "{server.url}"\n{price}'
        found = ran("a: {model: auto, prompt: hello}", settings).steps["a"]
    assert found.model == "fake/large"
    assert found.cost_usd is not None
    assert found.cost_usd >= 1
    assert len(server.seen) == 1


@says("§7", "The answer is kept under the model that was chosen.")
def test_an_answer_of_auto_is_the_chosen_models() -> None:
    ran("a: {model: auto, prompt: hello}")
    assert ran("a: {model: fake/small, prompt: hello}").steps["a"].status == "cached"


@says("§7", "With nothing configured auto is the embedded model,")
@says("§7", "and a name auto of your own goes before the rule.")
def test_auto_without_a_rule() -> None:
    assert resolve("auto", Config()).label == "local/smollm2-135m-instruct"
    assert chosen("prompt: hello", '[models]\nauto = "fake/echo"\n' + FAKES) == "fake/echo"


@says("§7", "models.md tells more of names, prices and lists.")
def test_the_page_on_models_tells_more() -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "models.md"
    for heading in ("# Models: names, prices and lists", "## Prices", "## Lists of models"):
        assert heading in page.read_text("utf-8")
