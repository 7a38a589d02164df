"""Where bare slugs, unknown vendors and `auto` lead."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import ChatReply, ChatRequest, Message, Text, ToolDefinition
from flowrun.config import Config, read
from flowrun.digest import JsonValue
from flowrun.errors import AccessDenied, UsageError
from flowrun.providers.listing import keep
from flowrun.providers.resolved import Resolved
from flowrun.providers.router import Providers, Router, resolve

ALL = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")
MINE = '[endpoints.mine]\nbase_url = "http://127.0.0.1:1/v1"\n'


def configured(text: str = "", *variables: str, state: Path = Path(".none")) -> Config:
    config = read(text, Path("flowrun.toml"))
    return replace(config, variables=frozenset(variables), state=state)


def asked(text: str = "hello") -> ChatRequest:
    return ChatRequest("auto", (Message("user", (Text(text),)),))


TOOLED = replace(asked(), tools=(ToolDefinition("t", "", {}),))
DRAWN = replace(asked(), modalities=("image",))
LONG = asked("x" * 12_001)


@pytest.mark.parametrize(
    ("slug", "label"),
    [
        ("claude-opus-5-5", "anthropic/claude-opus-5-5"),
        ("gpt-5.6", "openai/gpt-5.6"),
        ("o3-mini", "openai/o3-mini"),
        ("gpt-image-1", "openai/gpt-image-1"),
        ("gemini-2.5-pro", "gemini/gemini-2.5-pro"),
    ],
)
def test_a_family_leads_to_its_maker_where_there_is_a_key(slug: str, label: str) -> None:
    assert resolve(slug, configured("", *ALL)).label == label
    assert resolve(slug, configured("", "OPENROUTER_API_KEY")).label == f"openrouter/{slug}"


def test_what_an_endpoint_says_it_serves_goes_before_all_else(tmp_path: Path) -> None:
    keep(tmp_path, "openai", [{"id": "gpt-5.6"}], now=1)
    text = MINE + 'models = ["gpt-5.6"]'
    assert resolve("gpt-5.6", configured(text, *ALL, state=tmp_path)).label == "mine/gpt-5.6"


def test_a_kept_list_leads_to_who_told_it(tmp_path: Path) -> None:
    keep(tmp_path, "mine", [{"id": "llama-3"}, {"id": "claude-like"}], now=1)
    config = configured(MINE, *ALL, state=tmp_path)
    assert resolve("llama-3", config).label == "mine/llama-3"
    assert resolve("claude-like", config).label == "mine/claude-like"


def test_a_kept_list_without_a_key_leads_nowhere(tmp_path: Path) -> None:
    keep(tmp_path, "gumloop", [{"id": "llama-3"}], now=1)
    config = configured("", "OPENAI_API_KEY", state=tmp_path)
    assert resolve("llama-3", config).label == "openai/llama-3"


def test_of_several_lists_the_makers_own_holds(tmp_path: Path) -> None:
    for name in ("openai", "mine", "openrouter"):
        keep(tmp_path, name, [{"id": "gpt-5.6"}, {"id": "llama-3"}], now=1)
    config = configured(MINE, *ALL, state=tmp_path)
    assert resolve("gpt-5.6", config).label == "openai/gpt-5.6"
    with pytest.raises(UsageError) as caught:
        resolve("llama-3", config)
    assert str(caught.value) == (
        '"llama-3" could be served by more than one provider: '
        "write openai/llama-3, openrouter/llama-3, mine/llama-3"
    )


def test_without_any_key_the_one_that_is_missing_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        resolve("claude-opus-5-5", configured())
    assert str(caught.value) == (
        '"claude-opus-5-5" is no preset, and no provider is configured: '
        "set ANTHROPIC_API_KEY, or write provider/model"
    )


def test_an_unknown_vendor_may_be_one_of_openrouters() -> None:
    with pytest.raises(UsageError) as caught:
        resolve("qwen/qwen-3", configured("", "OPENROUTER_API_KEY"))
    assert str(caught.value) == (
        '"qwen/qwen-3" names the unknown provider "qwen": write openrouter/qwen/qwen-3'
    )


def test_a_kept_row_tells_what_the_model_can_do(tmp_path: Path) -> None:
    row: Mapping[str, JsonValue] = {
        "id": "vendor/m",
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "supported_parameters": ["seed"],
    }
    keep(tmp_path, "openrouter", [row], now=1)
    found = resolve("openrouter/vendor/m", configured(state=tmp_path)).capabilities
    assert found == Capabilities(images_in=False, images_out=False, text_out=True, tools=False)


# auto

CHOICES = """
[auto]
easy = "fake/small"
hard = "fake/large"
vision = "mine/seeing"
[fake.small]
replies = ["small"]
[fake.large]
replies = ["large"]
[fake.judge]
replies = ["easy", "hard"]
"""


def test_with_nothing_configured_auto_is_the_embedded_model() -> None:
    found = Router(configured())
    assert found.resolve("auto").label == "local/smollm2-135m-instruct"
    assert found.route("auto", DRAWN).label == "local/smollm2-135m-instruct"


def test_an_alias_of_that_name_goes_before_the_rule() -> None:
    config = configured('[models]\nauto = "mine/x"\n' + MINE + CHOICES)
    assert Router(config).route("auto", LONG).label == "mine/x"


@pytest.mark.parametrize("name", ["auto", "clever"])
def test_auto_leads_where_the_request_decides(name: str) -> None:
    found = Router(configured('[models]\nclever = "auto"\n' + MINE + CHOICES))
    assert found.resolve(name).label == "auto"
    assert found.route(name, asked()).label == "fake/small"
    assert found.route(name, LONG).label == "fake/large"
    assert found.route(name, TOOLED).label == "fake/large"
    assert found.route(name, DRAWN).label == "local/placeholder"
    assert found.route("fake/echo", LONG).label == "fake/echo"


def test_presets_of_ones_own_are_enough_for_the_rule() -> None:
    found = Router(configured('[models]\nsmartest = "mine/large"\n' + MINE))
    assert found.route("auto", LONG).label == "mine/large"
    assert found.route("auto", asked()).label == "local/smollm2-135m-instruct"


def test_all_that_auto_may_lead_to_are_candidates() -> None:
    text = '[models]\nimage = "mine/drawing"\n' + MINE + CHOICES
    text = text.replace("[auto]", '[auto]\njudge = "fake/judge"')
    found = Router(configured(text)).candidates(["auto", "fake/small", "fake/echo"])
    assert [each.label for each in found] == [
        "fake/small", "fake/large", "mine/seeing", "mine/drawing", "fake/judge", "fake/echo",
    ]  # fmt: skip


def test_the_keys_of_all_candidates_are_required() -> None:
    text = '[auto]\neasy = "openai/a"\nhard = "anthropic/b"\nvision = "gemini/c"\n'
    providers = Providers(configured(text), in_flight=1, environ={"ANTHROPIC_API_KEY": "sk"})
    with pytest.raises(UsageError) as caught:
        providers.require(["auto"])
    assert [line.partition(" ")[0] for line in str(caught.value).splitlines()] == [
        "openai", "gemini",
    ]  # fmt: skip


def test_what_auto_can_do_is_unknown_where_its_choices_differ() -> None:
    found = Router(configured(MINE + CHOICES)).capabilities("auto")
    assert found == Capabilities(images_out=True)
    same = '[models]\nrecommended = "anthropic/claude-x"\n'
    found = Router(configured(same)).capabilities("auto")
    assert (found.text_out, found.tools, found.images_out) == (True, True, True)


def test_a_choice_that_leads_nowhere_is_said_when_it_is_chosen() -> None:
    found = Router(configured('[auto]\neasy = "fake/echo"\nhard = "nowhere/x"\n'))
    assert found.route("auto", asked()).label == "fake/echo"
    assert found.capabilities("auto").tools is None
    with pytest.raises(UsageError, match=r'^"nowhere/x" names the unknown provider'):
        found.route("auto", LONG)


@pytest.mark.parametrize(
    ("text", "key"),
    [('[auto]\nhard = "auto"', "hard"), ('[models]\nrecommended = "auto"', "easy"),
     ('[auto]\njudge = "it"\n[models]\nit = "auto"', "judge")],
)  # fmt: skip
def test_a_choice_may_not_be_auto_itself(text: str, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve("auto", configured(text))
    assert str(caught.value) == f"flowrun.toml: [auto] {key} leads back to auto"
    assert caught.value.shown == '"auto" leads nowhere on this server'


def routed(text: str, *requests: ChatRequest) -> list[str]:
    async def main() -> list[str]:
        async with Providers(configured(text), in_flight=1, environ={}) as providers:
            return [(await providers.route("auto", each)).label for each in requests]

    return asyncio.run(main())


JUDGED = CHOICES.replace("[auto]", '[auto]\njudge = "fake/judge"') + MINE


def test_a_judge_says_how_hard_the_rest_is() -> None:
    requests = (asked("one"), asked("two"), asked("one"), LONG)
    assert routed(JUDGED, *requests) == ["fake/small", "fake/large", "fake/small", "fake/large"]


def test_without_a_judge_the_rest_is_easy() -> None:
    assert routed(CHOICES + MINE, asked(), TOOLED) == ["fake/small", "fake/large"]
    assert routed("", asked()) == ["local/smollm2-135m-instruct"]


def test_nobody_is_asked_where_there_is_nothing_to_choose() -> None:
    text = JUDGED.replace('"fake/large"', '"fake/small"').replace('"easy", "hard"', '"odd"')
    assert routed(text, asked()) == ["fake/small"]


def test_how_a_judge_is_asked_may_be_decided_by_the_caller() -> None:
    heard: list[str] = []

    async def judge(resolved: Resolved, request: ChatRequest) -> ChatReply:
        heard.append(f"{resolved.label} {request.model}")
        return ChatReply("easy", "stop", "m")

    async def denied(resolved: Resolved, request: ChatRequest) -> ChatReply:
        raise AccessDenied("no")

    async def main() -> str:
        async with Providers(configured(JUDGED), in_flight=1, environ={}) as providers:
            with pytest.raises(AccessDenied):
                await providers.route("auto", asked(), judge=denied)
            found = await providers.route("auto", asked(), judge=judge)
            return found.label

    assert (asyncio.run(main()), heard) == ("fake/small", ["fake/judge judge"])


def test_auto_that_nobody_routed_is_the_easy_one() -> None:
    async def main() -> str:
        async with Providers(configured(CHOICES + MINE), in_flight=1, environ={}) as providers:
            resolved = providers.resolve("auto")
            assert (resolved.price, providers.price(resolved)) == (None, None)
            request = replace(asked(), model=resolved.model)
            return (await providers.provider(resolved).send(request)).text

    assert asyncio.run(main()) == "small"
