"""Options go under their wire names; bounds, differences and unknown ones are faults."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.test_codec import asked, fault


def test_options_keep_their_names() -> None:
    said = {
        "temperature": 0.5,
        "top_p": 1,
        "top_k": 5.0,
        "min_p": 0.1,
        "seed": -3,
        "stop": ["a", "b"],
        "logit_bias": {"50256": -100},
        "presence_penalty": -2,
        "verbosity": "high",
        "user": "ann",
    }
    assert asked(**said).request.options == said


def test_empty_lists_say_nothing() -> None:
    assert asked(stop=[], logit_bias={}).request.options == {}


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 7.0, "max_completion_tokens": 7}, 7),
    ],
)
def test_pitfall_45_both_names_of_the_limit_are_read(said: dict[str, Any], limit: int) -> None:
    assert asked(**said).request.options == {"max_completion_tokens": limit}


def test_limits_that_differ_are_a_fault() -> None:
    assert fault(max_tokens=7, max_completion_tokens=8).param == "max_tokens"


def test_reasoning_is_one_option() -> None:
    assert asked(reasoning={"effort": "low"}).request.options == {"reasoning_effort": "low"}
    both = asked(reasoning={"effort": "low"}, reasoning_effort="low")
    assert both.request.options == {"reasoning_effort": "low"}
    assert fault(reasoning={"effort": "low"}, reasoning_effort="high").param == "reasoning.effort"


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"top_k": 1.5}, "top_k"),
        ({"frequency_penalty": 3}, "frequency_penalty"),
        ({"seed": True}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"stop": 1}, "stop"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ["a", 2]}, "stop[1]"),
        ({"logit_bias": {"7": 101}}, "logit_bias.7"),
        ({"logit_bias": dict.fromkeys(map(str, range(1025)), 0)}, "logit_bias"),
        ({"reasoning_effort": "much"}, "reasoning_effort"),
        ({"reasoning": {"max_tokens": 5}}, "reasoning.max_tokens"),
        ({"verbosity": "loud"}, "verbosity"),
        ({"user": 7}, "user"),
        ({"n": 2}, "n"),
        ({"n": "1"}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"prediction": {"type": "content"}}, "prediction"),
        ({"web_search_options": {"a": 1}}, "web_search_options"),
        ({"plugins": [{"id": "web"}]}, "plugins"),
        ({"modalities": ["audio"]}, "modalities[0]"),
        ({"modalities": "image"}, "modalities"),
        ({"model": ""}, "model"),
        ({"model": "a\nb"}, "model"),
        ({"model": 7}, "model"),
        ({"model": "m" * 257}, "model"),
        ({"models": ["a", 7]}, "models[1]"),
        ({"stream_options": {"other": 1}}, "stream_options.other"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"image_config": {"n": 4}}, "image_config.n"),
        ({"image_config": {"size": 4}}, "image_config.size"),
        ({"provider": {"base_url": "x"}}, "provider.base_url"),
        ({"provider": {"zdr": 1}}, "provider.zdr"),
        ({"provider": {"order": [1]}}, "provider.order[0]"),
        ({"provider": {"sort": "luck"}}, "provider.sort"),
        ({"provider": {"sort": {"by": "luck"}}}, "provider.sort.by"),
        ({"provider": {"data_collection": "maybe"}}, "provider.data_collection"),
        ({"provider": {"max_price": {"prompt": "cheap"}}}, "provider.max_price.prompt"),
        ({"provider": {"max_price": {"prompt": -1}}}, "provider.max_price.prompt"),
        ({"provider": {"preferred_max_latency": {"p51": 1}}}, "provider.preferred_max_latency.p51"),
    ],
)
def test_what_cannot_be_taken_is_named(said: dict[str, Any], param: str) -> None:
    assert fault(**said).param == param


@pytest.mark.parametrize(
    "said",
    [{"n": 1}, {"logprobs": False}, {"top_logprobs": 0}, {"functions": []}, {"plugins": []}],
)
def test_what_says_nothing_passes(said: dict[str, Any]) -> None:
    assert asked(**said) == asked()


def test_why_a_field_is_refused() -> None:
    assert fault(n=2).message == 'cannot take "n": one request has one answer here'
    assert fault(base_url="x").message == (
        'cannot take "base_url": where a request goes is the server\'s to say'
    )


@pytest.mark.parametrize(("said", "read"), [(2, 2), (2.0, 2), (0.0, 0)])
def test_pitfall_58_whole_numbers_come_as_floats(said: float, read: int) -> None:
    found = asked(image_config={"partial_images": said, "size": "auto"}).request.image_config
    assert found == {"partial_images": read, "size": "auto"}
    assert type(found["partial_images"]) is int


@pytest.mark.parametrize("said", [1.5, True, 4, "2"])
def test_pitfall_58_what_is_no_whole_number_is_refused(said: object) -> None:
    assert fault(image_config={"partial_images": said}).param == "image_config.partial_images"


def test_modalities_are_told_once_each() -> None:
    assert asked(modalities=["image", "text", "image"]).request.modalities == ("image", "text")
    assert asked(modalities=[]).request.modalities == ("text",)


def test_the_first_of_the_models_is_asked_first() -> None:
    found = asked(model="a", models=["b", "a", "c", "b"])
    assert (found.name, found.request.model, found.fallbacks) == ("a", "a", ("b", "c"))
    found = asked(model=None, models=["b", "c"])
    assert (found.name, found.request.model, found.fallbacks) == ("b", "b", ("c",))


def test_a_body_without_a_model_is_a_fault() -> None:
    found = fault(model=None)
    assert (found.code, found.param) == ("invalid_request", "model")


def test_the_routing_of_openrouter_is_kept_whole() -> None:
    said = {
        "order": ["a"],
        "zdr": True,
        "sort": {"by": "price", "partition": None},
        "max_price": {"prompt": "0.5", "completion": 2},
        "preferred_max_latency": {"p50": 1.5},
        "preferred_min_throughput": 10,
        "data_collection": None,
        "options": {"a": {"b": 1}},
    }
    assert asked(provider=said).request.provider == said
    assert asked(provider={"sort": "price"}).request.provider == {"sort": "price"}
