from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flowrun.errors import Unsupported
from flowrun.providers.gemini_models import facts_of
from flowrun.providers.gemini_options import wire_image, wire_modalities, wire_options, wire_tier

NEW, PRO, FLASH = "gemini-3.8-flash", "gemini-2.5-pro", "gemini-2.5-flash-lite"


def wire(model: str = NEW, **options: Any) -> dict[str, Any]:
    return wire_options(options, facts_of(model))


def test_pitfall_43_what_has_another_name_is_renamed() -> None:
    assert wire(
        max_completion_tokens=9,
        temperature=1.5,
        top_p=0.9,
        top_k=40,
        seed=7,
        stop="END",
        frequency_penalty=0.5,
        presence_penalty=-0.5,
    ) == {
        "maxOutputTokens": 9,
        "temperature": 1.5,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "stopSequences": ["END"],
        "frequencyPenalty": 0.5,
        "presencePenalty": -0.5,
    }
    assert wire(stop=["a", " "]) == {"stopSequences": ["a", " "]}


def test_what_holds_anyway_is_left_out() -> None:
    anyway: dict[str, Any] = {"n": 1, "frequency_penalty": 0, "presence_penalty": 0.0}
    assert wire(**anyway, logprobs=False, top_logprobs=0, store=False, logit_bias={}) == {}
    assert wire(stop=[], seed=None, stream=None, service_tier="auto") == {}


def test_either_name_of_the_limit_is_honoured() -> None:
    for options in ({"max_tokens": 7}, {"max_completion_tokens": 7, "max_tokens": None},
                    {"max_completion_tokens": 7, "max_tokens": 7}):  # fmt: skip
        assert wire(**options) == {"maxOutputTokens": 7}


@pytest.mark.parametrize(
    ("said", "tier"),
    [("default", "standard"), ("flex", "flex"), ("priority", "priority"), ("auto", None)],
)
def test_a_tier_of_service_has_its_name(said: str, tier: str | None) -> None:
    assert wire_tier({"service_tier": said}) == ({"serviceTier": tier} if tier else {})
    assert wire(service_tier=said) == {}


@pytest.mark.parametrize(
    ("model", "options", "param", "why"),
    [
        (NEW, {"n": 2}, "n", "one request has one answer"),
        (NEW, {"user": "u"}, "user", ""),
        (NEW, {"logprobs": True}, "logprobs", ""),
        (NEW, {"top_logprobs": 3}, "top_logprobs", ""),
        (NEW, {"logit_bias": {"5": 1}}, "logit_bias", ""),
        (NEW, {"verbosity": "low"}, "verbosity", ""),
        (NEW, {"store": True}, "store", ""),
        (NEW, {"max_tokens": 0}, "max_tokens", "it must be a whole number above 0"),
        (NEW, {"max_tokens": True}, "max_tokens", "it must be a whole number above 0"),
        (
            NEW,
            {"max_completion_tokens": 1, "max_tokens": 2},
            "max_tokens",
            "max_completion_tokens says otherwise",
        ),
        (NEW, {"temperature": 2.5}, "temperature", "it must be a number from 0 to 2"),
        (NEW, {"temperature": "hot"}, "temperature", "it must be a number from 0 to 2"),
        (NEW, {"top_p": True}, "top_p", "it must be a number from 0 to 1"),
        (NEW, {"top_k": 1.5}, "top_k", "it must be a whole number from 1 to 1,000,000"),
        (NEW, {"seed": 2**31}, "seed", "it must be a whole number from -2,147,483,648"),
        (NEW, {"frequency_penalty": 3}, "frequency_penalty", "it must be a number from -2 to 2"),
        (NEW, {"stop": ["a", 7]}, "stop", "it must be a text or a list of texts"),
        (NEW, {"stop": ["a", ""]}, "stop", "it must be a text or a list of texts"),
        (NEW, {"stop": 7}, "stop", "it must be a text or a list of texts"),
        (NEW, {"reasoning_effort": "none"}, "reasoning_effort", "this model always thinks"),
        (NEW, {"reasoning_effort": "huge"}, "reasoning_effort", '"huge" is none of low, medium'),
        (PRO, {"reasoning_effort": "none"}, "reasoning_effort", "this model always thinks"),
        (PRO, {"reasoning_effort": "max"}, "reasoning_effort", '"max" is none of minimal, low'),
        (
            "gemini-3-pro-preview",
            {"reasoning_effort": "medium"},
            "reasoning_effort",
            '"medium" is none of low, high',
        ),
        (
            "gemini-2.5-flash-image",
            {"reasoning_effort": "low"},
            "reasoning_effort",
            "this model's thinking cannot be told",
        ),
    ],
)
def test_pitfall_43_what_cannot_be_said_is_refused_by_its_name(
    model: str, options: Mapping[str, Any], param: str, why: str
) -> None:
    with pytest.raises(Unsupported) as caught:
        wire(model, **options)
    assert caught.value.param == param
    assert str(caught.value).startswith(f'cannot take "{param}"')
    assert why in str(caught.value)


def test_pitfall_43_a_tier_that_is_none_is_refused() -> None:
    with pytest.raises(Unsupported, match='there is no tier "scale"') as caught:
        wire_tier({"service_tier": "scale"})
    assert caught.value.param == "service_tier"


@pytest.mark.parametrize(
    ("model", "effort", "said"),
    [
        (NEW, "medium", {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        (NEW, "minimal", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-of-next-year", "xhigh", {"includeThoughts": True, "thinkingLevel": "XHIGH"}),
        ("gemini-3-flash", "minimal", {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        ("gemini-3.1-flash-lite", "high", {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (PRO, "medium", {"includeThoughts": True, "thinkingBudget": 8_192}),
        (FLASH, "none", {"thinkingBudget": 0}),
    ],
)
def test_effort_is_said_as_the_model_takes_it(
    model: str, effort: str, said: dict[str, Any]
) -> None:
    assert wire(model, reasoning_effort=effort) == {"thinkingConfig": said}


@pytest.mark.parametrize("model", ["gemma-4-31b-it", "gemini-2.0-flash", "learnlm"])
def test_models_that_are_older_or_others_are_of_no_third_generation(model: str) -> None:
    assert not facts_of(model).is_third
    assert facts_of("gemini-flash-latest").is_third


def test_what_the_answer_is_made_of_is_said_where_it_is_more_than_text() -> None:
    assert wire_modalities(("text",)) == {}
    assert wire_modalities(("text", "image")) == {"responseModalities": ["TEXT", "IMAGE"]}
    assert wire_modalities(("image",)) == {"responseModalities": ["IMAGE"]}
    with pytest.raises(Unsupported, match='it gives text and images, not "audio"') as caught:
        wire_modalities(("text", "audio"))
    assert caught.value.param == "modalities"


def test_a_picture_has_a_shape_and_a_size() -> None:
    wide = {"aspectRatio": "16:9", "imageSize": "2K"}
    assert wire_image({"aspect_ratio": "16:9", "image_size": "2K"}) == {"imageConfig": wide}
    assert wire_image({"size": "2k", "image_size": "2K"}) == {"imageConfig": {"imageSize": "2K"}}
    assert wire_image({"size": "auto", "quality": "auto", "background": None}) == {}


@pytest.mark.parametrize(
    ("config", "param", "why"),
    [
        ({"quality": "high"}, "quality", ""),
        ({"background": "transparent"}, "background", ""),
        ({"partial_images": 2}, "partial_images", ""),
        ({"size": "1024x1024"}, "size", ': it must be like "2K"'),
        ({"image_size": 2}, "image_size", ': it must be like "2K"'),
        ({"aspect_ratio": "wide"}, "aspect_ratio", ': it must be like "16:9"'),
        ({"image_size": "1K", "size": "2K"}, "size", ": image_config says otherwise too"),
    ],
)
def test_pitfall_43_what_a_picture_cannot_be_told_is_refused(
    config: dict[str, Any], param: str, why: str
) -> None:
    with pytest.raises(Unsupported) as caught:
        wire_image(config)
    assert str(caught.value) == f'cannot take "image_config.{param}"{why}'
    assert caught.value.param == f"image_config.{param}"
