from __future__ import annotations

from typing import Any

import pytest

from flowrun.chat.messages import ChatRequest, Message, Text
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.base import Quirks
from flowrun.providers.catalog import ENDPOINTS
from flowrun.providers.openai import OpenAIDialect
from tests.support.wire_bodies import ASKED, body_of

PLAIN, OPENAI, GUMLOOP, OPENROUTER = (
    Quirks(),
    *(ENDPOINTS[name].quirks for name in ("openai", "gumloop", "openrouter")),
)


def sent(quirks: Quirks, *, stream: bool = False, model: str = "m", **asked: Any) -> dict[str, Any]:
    request = ChatRequest(model, (Message("user", (Text("hello"),)),), **asked)
    return body_of(OpenAIDialect(quirks=quirks).encode(request, stream=stream))


def refused(quirks: Quirks, **asked: Any) -> tuple[str | None, str]:
    with pytest.raises(Unsupported) as caught:
        sent(quirks, **asked)
    return caught.value.param, str(caught.value)


@pytest.mark.parametrize(
    ("quirks", "taken", "strange"),
    [
        (OPENAI, {"temperature": 1, "reasoning_effort": "low", "store": False}, "top_k"),
        (OPENAI, {"verbosity": "low", "prompt_cache_key": "k"}, "plugins"),
        (OPENAI, {"logprobs": True, "top_logprobs": 2}, "reasoning"),
        (GUMLOOP, {"temperature": 1, "reasoning": {"effort": "low"}}, "reasoning_effort"),
        (GUMLOOP, {"models": ["a"], "plugins": []}, "repetition_penalty"),
    ],
)
def test_pitfall_43_options_are_taken_or_refused_by_name(
    quirks: Quirks, taken: dict[str, JsonValue], strange: str
) -> None:
    assert sent(quirks, options=taken).items() >= taken.items()
    assert refused(quirks, options={**taken, strange: 1}) == (strange, f'cannot take "{strange}"')


@pytest.mark.parametrize("quirks", [PLAIN, OPENROUTER], ids=["plain", "openrouter"])
def test_of_the_others_nothing_is_known_and_all_is_sent(quirks: Quirks) -> None:
    options: dict[str, JsonValue] = {"top_k": 4, "min_p": 0.1, "models": ["a"], "plugins": []}
    assert sent(quirks, options=options).items() >= options.items()


@pytest.mark.parametrize("quirks", [PLAIN, OPENAI, GUMLOOP, OPENROUTER])
def test_no_speaker_has_our_own_fields_as_options(quirks: Quirks) -> None:
    assert refused(quirks, options={"stream": True}) == (
        "stream",
        'cannot take "stream" as an option',
    )
    assert refused(quirks, options={"n": 2})[0] == "n"
    assert sent(quirks, options={"n": 1})["n"] == 1


@pytest.mark.parametrize(
    ("quirks", "name"),
    [
        (PLAIN, "max_tokens"),
        (OPENROUTER, "max_tokens"),
        (OPENAI, "max_completion_tokens"),
        (GUMLOOP, "max_completion_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_speaker_knows(quirks: Quirks, name: str) -> None:
    body = sent(quirks, options={"max_tokens": 9, "seed": 1})
    limits = {"max_tokens", "max_completion_tokens"} & body.keys()
    assert (limits, body[name], body["seed"]) == ({name}, 9, 1)
    assert sent(quirks, options={"max_completion_tokens": 9})["max_completion_tokens"] == 9


def test_two_limits_may_not_disagree() -> None:
    both: dict[str, JsonValue] = {"max_tokens": 9, "max_completion_tokens": 9}
    assert sent(OPENAI, options=both)["max_completion_tokens"] == 9
    assert refused(OPENAI, options={**both, "max_tokens": 8}) == (
        "max_tokens",
        'cannot take "max_tokens": max_completion_tokens says otherwise',
    )


def test_who_serves_is_chosen_only_where_there_is_a_choice() -> None:
    choice = {"sort": "price"}
    for quirks in (PLAIN, GUMLOOP, OPENROUTER):
        assert sent(quirks, provider=choice)["provider"] == choice
    assert refused(OPENAI, provider=choice) == (
        "provider",
        'cannot take "provider": it answers for itself',
    )


@pytest.mark.parametrize(
    ("quirks", "model", "asked", "modalities"),
    [
        (PLAIN, "m", ("image",), ["image"]),
        (PLAIN, "m", ("text", "image"), ["text", "image"]),
        (GUMLOOP, "gemini-3-pro-image", ("image",), ["image"]),
        (OPENROUTER, "google/gemini-3-pro-image-preview", ("image",), ["image", "text"]),
        (OPENROUTER, "google/gemini-3-pro-image-preview", ("text", "image"), ["image", "text"]),
        (OPENROUTER, "black-forest-labs/flux.2-pro", ("image", "text"), ["image"]),
        (OPENROUTER, "sourceful/riverflow-v2-fast", ("image",), ["image"]),
    ],
)
def test_pitfall_51_modalities_follow_what_the_model_gives(
    quirks: Quirks, model: str, asked: tuple[str, ...], modalities: list[str]
) -> None:
    assert sent(quirks, model=model, modalities=asked)["modalities"] == modalities


def test_pictures_are_configured_only_where_they_are_made() -> None:
    config = {"aspect_ratio": "16:9"}
    for quirks in (PLAIN, GUMLOOP, OPENROUTER):
        assert sent(quirks, image_config=config)["image_config"] == config
    assert refused(OPENAI, image_config=config)[0] == "image_config"
    assert refused(OPENAI, modalities=("image",)) == (
        "modalities",
        'cannot take "modalities": it answers in text',
    )


def test_a_stream_is_asked_for_its_usage_where_it_does_not_tell_it_anyway() -> None:
    for quirks in (PLAIN, OPENAI, OPENROUTER):
        assert sent(quirks, stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in sent(GUMLOOP, stream=True)


def test_a_plain_request_is_the_same_for_all() -> None:
    plain = OpenAIDialect().encode(ASKED, stream=False)
    for quirks in (OPENAI, GUMLOOP, OPENROUTER):
        assert OpenAIDialect(quirks=quirks).encode(ASKED, stream=False) == plain
