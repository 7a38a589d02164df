"""A request's options as Gemini's protocol names them; what it cannot say is refused.

    max_completion_tokens, max_tokens       maxOutputTokens
    temperature, top_p, top_k, seed         the same, in its spelling
    frequency_penalty, presence_penalty     the same, in its spelling
    stop                                    stopSequences
    service_tier                            serviceTier; "default" is "standard"
    reasoning_effort                        thinkingConfig: a level, or a budget of tokens
    modalities                              responseModalities
    image_config                            imageConfig

An option that says what holds anyway, such as `n: 1` or a penalty of 0, is left out. Every
other one is refused by name.
Source: ai.google.dev, Gemini API, GenerationConfig, Thinking, Image generation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.gemini_models import Facts

_ANYWAY: Mapping[str, JsonValue] = {
    "n": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logprobs": False,
    "top_logprobs": 0,
    "store": False,
    "logit_bias": {},
    "service_tier": "auto",
}
_NUMBERS: Mapping[str, tuple[str, float, float]] = {
    "temperature": ("temperature", 0, 2),
    "top_p": ("topP", 0, 1),
    "top_k": ("topK", 1, 1_000_000),
    "seed": ("seed", -(2**31), 2**31 - 1),
    "frequency_penalty": ("frequencyPenalty", -2, 2),
    "presence_penalty": ("presencePenalty", -2, 2),
}
_WHOLE = frozenset({"top_k", "seed"})
_MAPPED = frozenset(
    {*_NUMBERS, "max_completion_tokens", "max_tokens", "stop", "service_tier", "reasoning_effort"}
)
_TIERS = {"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}
_BUDGETS = {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}
_MODALITIES = {"text": "TEXT", "image": "IMAGE"}
_IMAGE: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "aspect_ratio": ("aspectRatio", re.compile(r"[0-9]{1,2}:[0-9]{1,2}")),
    "image_size": ("imageSize", re.compile(r"512|[0-9]K")),
    "size": ("imageSize", re.compile(r"512|[0-9]K")),
}
_AS_IT_LIKES = ("auto", None)


def wire_tier(options: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The tier of service, which stands beside `generationConfig`."""
    said = options.get("service_tier")
    if said is None or said == _ANYWAY["service_tier"]:
        return {}
    if (tier := _TIERS.get(str(said))) is None:
        raise _refused("service_tier", f'there is no tier "{said}"')
    return {"serviceTier": tier}


def wire_options(options: Mapping[str, JsonValue], facts: Facts) -> dict[str, JsonValue]:
    """The options in `generationConfig`.

    Raises: Unsupported for what cannot be said, with its name as `param`.
    """
    said = {
        name: value
        for name, value in sorted(options.items())
        if value is not None and not (name in _ANYWAY and value == _ANYWAY[name])
    }
    for name in said:
        if name not in _MAPPED:
            raise _refused(name, "one request has one answer" if name == "n" else "")
    found: dict[str, JsonValue] = {**_limit(said)}
    for name in said.keys() & _NUMBERS.keys():
        found[_NUMBERS[name][0]] = _number(name, said[name])
    return {**found, **_stop(said.get("stop")), **_thought(said.get("reasoning_effort"), facts)}


def wire_modalities(modalities: Sequence[str]) -> dict[str, JsonValue]:
    """What the answer is to be made of; text alone is what holds anyway."""
    if strange := [each for each in modalities if each not in _MODALITIES]:
        raise _refused("modalities", f'it gives text and images, not "{strange[0]}"')
    if "image" not in modalities:
        return {}
    return {"responseModalities": [_MODALITIES[each] for each in modalities]}


def wire_image(config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What the picture is to be like; "auto" leaves it to the model."""
    found: dict[str, JsonValue] = {}
    for name, value in config.items():
        if value in _AS_IT_LIKES:
            continue
        if name not in _IMAGE:
            raise _refused(f"image_config.{name}")
        wire, form = _IMAGE[name]
        spelled = value.upper() if isinstance(value, str) else ""
        if not form.fullmatch(spelled):
            like = '"16:9"' if name == "aspect_ratio" else '"2K"'
            raise _refused(f"image_config.{name}", f"it must be like {like}")
        if found.setdefault(wire, spelled) != spelled:
            raise _refused(f"image_config.{name}", "image_config says otherwise too")
    return {"imageConfig": found} if found else {}


def _limit(said: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    limits: list[int] = []
    for name in ("max_completion_tokens", "max_tokens"):
        value = said.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise _refused(name, "it must be a whole number above 0")
        if limits and value != limits[0]:
            raise _refused(name, "max_completion_tokens says otherwise")
        limits.append(value)
    return {"maxOutputTokens": limits[0]} if limits else {}


def _number(name: str, value: JsonValue) -> float:
    _, least, most = _NUMBERS[name]
    kind = int if name in _WHOLE else int | float
    if isinstance(value, bool) or not isinstance(value, kind) or not least <= value <= most:
        what = "a whole number" if name in _WHOLE else "a number"
        raise _refused(name, f"it must be {what} from {least:,} to {most:,}")
    return value


def _stop(stop: JsonValue) -> dict[str, JsonValue]:
    words = [stop] if isinstance(stop, str) else stop
    if not words:
        return {}
    if not isinstance(words, list) or not all(isinstance(each, str) and each for each in words):
        raise _refused("stop", "it must be a text or a list of texts")
    return {"stopSequences": words}


def _thought(effort: JsonValue, facts: Facts) -> dict[str, JsonValue]:
    """How much is thought; who asks for thinking is told of it."""
    if effort is None:
        return {}
    name = "reasoning_effort"
    if facts.thinking == "none":
        raise _refused(name, "this model's thinking cannot be told")
    if effort == "none":
        if not facts.can_rest:
            raise _refused(name, "this model always thinks")
        return {"thinkingConfig": {"thinkingBudget": 0}}
    if facts.thinking == "budget":
        if effort not in _BUDGETS:
            raise _refused(name, f'"{effort}" is none of {", ".join(_BUDGETS)}')
        budget = _BUDGETS[str(effort)]
        return {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": budget}}
    level = "low" if effort == "minimal" and effort not in facts.efforts else str(effort)
    if level not in facts.efforts:
        raise _refused(name, f'"{effort}" is none of {", ".join(facts.efforts)}')
    return {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": level.upper()}}


def _refused(name: str, why: str = "") -> Unsupported:
    return Unsupported(f'cannot take "{name}"{f": {why}" if why else ""}', param=name)
