from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flowrun.errors import Unsupported
from flowrun.providers.anthropic_models import facts_of
from flowrun.providers.anthropic_options import wire_options

NEW, FABLE, FORCED = "claude-opus-5-5", "claude-fable-5-1", "claude-sonnet-4-5"
BOTH, BUDGET, FOREIGN = "claude-sonnet-4-6", "claude-haiku-4-5-20251001", "glm-5"


def wire(model: str, *, is_forced: bool = False, **options: Any) -> dict[str, Any]:
    found = wire_options(options, facts_of(model), is_forced=is_forced)
    limit = found.pop("max_tokens")
    assert limit == options.get("max_tokens", options.get("max_completion_tokens", limit))
    return found


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        (NEW, 128_000),
        (BUDGET, 64_000),
        ("claude-opus-4-5", 64_000),
        ("claude-opus-4-6-20260205", 128_000),
        ("claude-of-next-year", 128_000),
        (FOREIGN, 32_000),
    ],
)
def test_pitfall_45_without_a_limit_the_models_own_holds(model: str, limit: int) -> None:
    assert wire_options({}, facts_of(model), is_forced=False) == {"max_tokens": limit}


def test_pitfall_45_either_name_of_the_limit_is_honoured() -> None:
    facts = facts_of(NEW)
    for options in ({"max_tokens": 7}, {"max_completion_tokens": 7, "max_tokens": None},
                    {"max_completion_tokens": 7, "max_tokens": 7}):  # fmt: skip
        assert wire_options(options, facts, is_forced=False) == {"max_tokens": 7}


def test_what_has_another_name_is_renamed() -> None:
    assert wire(NEW, stop="END", user="u-1", service_tier="default") == {
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u-1"},
        "service_tier": "standard_only",
    }
    assert wire(NEW, stop=["a", "b"]) == {"stop_sequences": ["a", "b"]}


def test_what_holds_anyway_is_left_out() -> None:
    anyway: dict[str, Any] = {
        "n": 1,
        "frequency_penalty": 0,
        "presence_penalty": 0.0,
        "logprobs": False,
    }
    assert wire(NEW, **anyway, store=False, logit_bias={}, stop=[], seed=None, stream=None) == {}


def test_pitfall_44_sampling_goes_to_models_that_take_it() -> None:
    assert wire(BOTH, temperature=0.2, top_k=5) == {"temperature": 0.2, "top_k": 5}
    assert wire(BOTH, temperature=0, top_p=1) == {"temperature": 0}
    assert wire(BOTH, temperature=1.0, top_p=0.9) == {"top_p": 0.9}
    assert wire(FOREIGN, temperature=1, top_p=0.9) == {"temperature": 1, "top_p": 0.9}
    assert wire(NEW, temperature=1, top_p=1) == {}


@pytest.mark.parametrize(
    ("model", "options", "param", "why"),
    [
        (NEW, {"n": 2}, "n", "one request has one answer"),
        (NEW, {"seed": 7}, "seed", ""),
        (NEW, {"verbosity": "low"}, "verbosity", ""),
        (NEW, {"metadata": {"a": "b"}}, "metadata", ""),
        (NEW, {"max_tokens": 0}, "max_tokens", "it must be a whole number above 0"),
        (NEW, {"max_tokens": True}, "max_tokens", "it must be a whole number above 0"),
        (
            NEW,
            {"max_completion_tokens": 1, "max_tokens": 2},
            "max_tokens",
            "max_completion_tokens says otherwise",
        ),
        (NEW, {"temperature": 0}, "temperature", "this model does not let itself be sampled"),
        (NEW, {"top_k": 1}, "top_k", "this model does not let itself be sampled"),
        (BOTH, {"temperature": 1.5}, "temperature", "1.5 is above 1"),
        (BOTH, {"temperature": "hot"}, "temperature", "it must be a number of 0 or more"),
        (BOTH, {"top_p": -1}, "top_p", "it must be a number of 0 or more"),
        (BOTH, {"temperature": 0, "top_p": 0.5}, "top_p", "takes it or temperature, not both"),
        (
            BOTH,
            {"temperature": 0, "reasoning_effort": "low"},
            "temperature",
            "not beside reasoning_effort",
        ),
        (BOTH, {"top_k": 4, "reasoning_effort": "low"}, "top_k", "not beside reasoning_effort"),
        (NEW, {"stop": " \n"}, "stop", "blank texts do not stop a reply"),
        (NEW, {"stop": ["a", 7]}, "stop", "it must be a text or a list of texts"),
        (NEW, {"service_tier": "flex"}, "service_tier", 'there is no tier "flex"'),
        (NEW, {"reasoning_effort": "huge"}, "reasoning_effort", '"huge" is none of low, medium'),
        (BOTH, {"reasoning_effort": "xhigh"}, "reasoning_effort", "low, medium, high, max"),
        (FABLE, {"reasoning_effort": "none"}, "reasoning_effort", "this model always thinks"),
        (BUDGET, {"reasoning_effort": "max"}, "reasoning_effort", '"max" is none of low, medium'),
        (
            BUDGET,
            {"reasoning_effort": "low", "max_tokens": 2048},
            "reasoning_effort",
            '"low" takes more than 2,048 max_completion_tokens',
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


@pytest.mark.parametrize(
    ("model", "effort", "said"),
    [
        (NEW, "xhigh", {"output_config": {"effort": "xhigh"}, "thinking": {"type": "adaptive"}}),
        (NEW, "minimal", {"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}),
        (NEW, "none", {"thinking": {"type": "disabled"}}),
        (FABLE, "max", {"output_config": {"effort": "max"}}),
        ("claude-opus-4-5", "high", {"output_config": {"effort": "high"}}),
        (BUDGET, "high", {"thinking": {"type": "enabled", "budget_tokens": 24_576}}),
        (BUDGET, "none", {}),
        (FOREIGN, "low", {"output_config": {"effort": "low"}}),
    ],
)
def test_effort_is_said_as_the_model_takes_it(
    model: str, effort: str, said: dict[str, Any]
) -> None:
    assert wire(model, reasoning_effort=effort) == said


def test_a_model_that_must_call_is_not_told_to_think() -> None:
    told = {"output_config": {"effort": "low"}}
    assert wire(NEW, is_forced=True, reasoning_effort="low") == told
    with pytest.raises(Unsupported, match="does not think where it must call a tool"):
        wire(FORCED, is_forced=True, reasoning_effort="low")


def test_temperature_may_stand_beside_thinking_that_is_off() -> None:
    told = {"thinking": {"type": "disabled"}, "temperature": 0}
    assert wire(BOTH, temperature=0, reasoning_effort="none") == told
