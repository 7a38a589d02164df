"""What a body says of how to answer: sampling, modalities, pictures, and the way upstream.

    temperature, top_p, seed, stop ...   an option of the same name
    max_tokens                           max_completion_tokens
    reasoning.effort                     reasoning_effort
    DROPPED                              nothing; the answer's header names them
    all else                             refused by name, with a reason where there is one

Source: developers.openai.com, API reference, Chat; docs.gumloop.com, Create completion;
openrouter.ai/docs, Parameters and Provider routing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from flowrun.digest import JsonValue
from flowrun.gateway.codec_fields import (
    list_of,
    number_of,
    object_of,
    one_of,
    refuse_unknown,
    refused,
    text_of,
    truth_of,
    whole_of,
)

DROPPED = (
    *("store", "metadata", "safety_identifier", "service_tier", "cache_control", "usage"),
    *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
    *("session_id", "trace", "debug"),
)
"""Fields of a body that mean nothing here: nothing is kept, traced or paid for by tier."""

_ONE_ANSWER = "one request has one answer here"
_DEPRECATED = 'it is deprecated: use "tools"'
_NO_PLACE = "the answer has no place for it"
_FOLLOWED = "where a request goes is the server's to say"
REFUSED: Mapping[str, str] = {
    "audio": "there is no audio here",
    "functions": _DEPRECATED,
    "function_call": 'it is deprecated: use "tool_choice"',
    "prediction": "no provider here takes it",
    "web_search_options": "no model here searches by itself",
    "moderation": "no provider here takes it",
    "plugins": "no provider here takes them",
    **dict.fromkeys(("api_key", "api_base", "base_url", "api_version", "api_type"), _FOLLOWED),
    **dict.fromkeys(("headers", "extra_headers", "extra_query", "extra_body"), _FOLLOWED),
    **dict.fromkeys(("organization", "custom_llm_provider", "proxy", "timeout"), _FOLLOWED),
}
"""Fields that are refused with a reason; an empty one says nothing, and passes."""

_BY_ITS_PRESENCE = "web_search_options"
"""Asks for a search by being there, even if it is empty."""

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_LONGEST_TEXT = 1_000
_MOST_STOPS = 4
_MOST_BIASES = 1_024
_MOST_MODELS = 20
_LONGEST_MODEL = 256
_MOST_PROVIDERS = 100
_Reader = Callable[[JsonValue, str], JsonValue]


def options_of(data: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The options under their wire names. Raises: Fault for one that cannot be."""
    found: dict[str, JsonValue] = {}
    for name in _OPTIONS.keys() & data.keys():
        value = data[name]
        if value is not None:
            read = _OPTIONS[name](value, name)
            if read not in ({}, []):
                found[name] = read
    _take_limit(data, found)
    _take_reasoning(data, found)
    return found


def refuse_extras(data: Mapping[str, JsonValue]) -> None:
    """Raises: Fault for what asks for something that there is not."""
    for name, why in REFUSED.items():
        value = data.get(name)
        if value not in (None, False, "", {}, []) or (name == _BY_ITS_PRESENCE and value == {}):
            raise refused(name, f'cannot take "{name}": {why}')
    if (answers := data.get("n")) is not None and whole_of(answers, "n", 1, 128) != 1:
        raise refused("n", f'cannot take "n": {_ONE_ANSWER}')
    for name in ("logprobs", "top_logprobs"):
        if data.get(name) not in (None, False, 0):
            raise refused(name, f'cannot take "{name}": {_NO_PLACE}')


def models_of(data: Mapping[str, JsonValue]) -> tuple[str, tuple[str, ...]]:
    """The model that is asked for, and those to ask where it fails. Raises: Fault for none."""
    said = data.get("models")
    rows = [] if said is None else list_of(said, "models", most=_MOST_MODELS)
    models = [_model(each, f"models[{index}]") for index, each in enumerate(rows)]
    if (name := data.get("model")) is not None:
        models = [_model(name, "model"), *models]
    if not models:
        raise refused("model", '"model" is missing: it names the model to ask')
    first, *others = dict.fromkeys(models)
    return first, tuple(others)


def _model(value: JsonValue, param: str) -> str:
    name = text_of(value, param, longest=_LONGEST_MODEL)
    if not name.strip() or not name.isprintable():
        raise refused(param, f'"{param}" must name a model')
    return name


def modalities_of(value: JsonValue) -> tuple[str, ...]:
    """What the answer may consist of. Raises: Fault for anything but texts and images."""
    if value is None:
        return ("text",)
    said = list_of(value, "modalities", most=10)
    known = ("text", "image")
    read = (one_of(each, f"modalities[{at}]", known) for at, each in enumerate(said))
    return tuple(dict.fromkeys(read)) or ("text",)


def image_config_of(value: JsonValue) -> dict[str, JsonValue]:
    """How a picture is to be. Raises: Fault for what is not known of one."""
    return {} if value is None else _read(value, "image_config", _PICTURE)


def provider_of(value: JsonValue) -> dict[str, JsonValue]:
    """OpenRouter's routing, kept as it is. Raises: Fault for what is not known of it."""
    if value is None:
        return {}
    _read(value, "provider", _ROUTING)
    return dict(object_of(value, "provider"))


def stream_options_of(value: JsonValue) -> tuple[bool | None, bool]:
    """Whether use is told, None where nothing is said of it; whether anything is dropped."""
    if value is None:
        return None, False
    read = _read(value, "stream_options", _STREAM)
    told = read.get("include_usage")
    return told if isinstance(told, bool) else None, "include_obfuscation" in read


def dropped_of(data: Mapping[str, JsonValue]) -> list[str]:
    """The fields that were said and mean nothing here."""
    found = [name for name in DROPPED if data.get(name) is not None]
    reasoning = data.get("reasoning")
    if isinstance(reasoning, dict):
        found += [f"reasoning.{name}" for name in ("summary",) if reasoning.get(name) is not None]
    return found


def _read(value: JsonValue, param: str, readers: Mapping[str, _Reader]) -> dict[str, JsonValue]:
    """The fields of an object, each by its reader; those that are null are left out."""
    data = object_of(value, param)
    refuse_unknown(data, readers, param)
    return {
        name: readers[name](each, f"{param}.{name}")
        for name, each in data.items()
        if each is not None
    }


def _take_limit(data: Mapping[str, JsonValue], found: dict[str, JsonValue]) -> None:
    older = data.get("max_tokens")
    if older is None:
        return
    limit = _limit(older, "max_tokens")
    if found.setdefault("max_completion_tokens", limit) != limit:
        raise refused("max_tokens", '"max_tokens" and "max_completion_tokens" differ: say one')


def _take_reasoning(data: Mapping[str, JsonValue], found: dict[str, JsonValue]) -> None:
    said = data.get("reasoning")
    if said is None:
        return
    effort = _read(said, "reasoning", _REASONING).get("effort")
    if effort is not None and found.setdefault("reasoning_effort", effort) != effort:
        raise refused("reasoning.effort", '"reasoning.effort" and "reasoning_effort" differ')


def _stop(value: JsonValue, param: str) -> JsonValue:
    if isinstance(value, str):
        return text_of(value, param, longest=_LONGEST_TEXT)
    texts = list_of(value, param, most=_MOST_STOPS)
    return [text_of(each, f"{param}[{at}]", longest=_LONGEST_TEXT) for at, each in enumerate(texts)]


def _biases(value: JsonValue, param: str) -> JsonValue:
    biases = object_of(value, param)
    if len(biases) > _MOST_BIASES:
        raise refused(param, f'"{param}" may have at most {_MOST_BIASES} entries')
    return {
        token: number_of(each, f"{param}.{token[:20]}", -100, 100) for token, each in biases.items()
    }


_PRICE = re.compile(r"\d{1,12}(\.\d{1,18})?")


def _prices(value: JsonValue, param: str) -> JsonValue:
    return _read(value, param, dict.fromkeys(_PRICED, _price))


def _price(value: JsonValue, param: str) -> JsonValue:
    if not isinstance(value, str):
        return number_of(value, param, 0, 10**12)
    if not _PRICE.fullmatch(value):
        raise refused(param, f'"{param}" must be a number of US dollars')
    return value


def _texts(value: JsonValue, param: str) -> JsonValue:
    texts = list_of(value, param, most=_MOST_PROVIDERS)
    return [text_of(each, f"{param}[{at}]", longest=_LONGEST_TEXT) for at, each in enumerate(texts)]


def _sort(value: JsonValue, param: str) -> JsonValue:
    if isinstance(value, str):
        return one_of(value, param, _SORTS)
    return _read(value, param, {"by": _one(*_SORTS), "partition": _one("model", "none")})


def _level(value: JsonValue, param: str) -> JsonValue:
    """A number, or one for each percentile."""
    if isinstance(value, dict):
        return _read(value, param, dict.fromkeys(("p50", "p75", "p90", "p99"), _amount))
    return _amount(value, param)


def _one(*choices: str) -> _Reader:
    return partial(one_of, choices=choices)


def _within(least: float, most: float) -> _Reader:
    return partial(number_of, least=least, most=most)


def _whole(least: int, most: int) -> _Reader:
    return partial(whole_of, least=least, most=most)


_limit = _whole(1, 10**9)
_amount = _within(0, 10**12)
_short: _Reader = partial(text_of, longest=_LONGEST_TEXT)
_PRICED = ("prompt", "completion", "request", "image", "audio")
_SORTS = ("price", "throughput", "latency", "exacto")

_OPTIONS: Mapping[str, _Reader] = {
    "temperature": _within(0, 2),
    "top_p": _within(0, 1),
    "top_k": _whole(0, 10**6),
    "min_p": _within(0, 1),
    "repetition_penalty": _within(0, 2),
    "frequency_penalty": _within(-2, 2),
    "presence_penalty": _within(-2, 2),
    "seed": _whole(-(2**63), 2**63 - 1),
    "max_completion_tokens": _limit,
    "stop": _stop,
    "logit_bias": _biases,
    "reasoning_effort": _one(*_EFFORTS),
    "verbosity": _one("low", "medium", "high"),
    "user": _short,
}
_REASONING: Mapping[str, _Reader] = {
    "effort": _one(*_EFFORTS),
    "summary": _one("auto", "concise", "detailed"),
}
_PICTURE: Mapping[str, _Reader] = {
    **dict.fromkeys(("size", "quality", "aspect_ratio", "background", "output_format"), _short),
    **dict.fromkeys(("image_size", "moderation", "input_fidelity"), _short),
    "partial_images": _whole(0, 3),
    "output_compression": _whole(0, 100),
}
_ROUTING: Mapping[str, _Reader] = {
    **dict.fromkeys(("order", "only", "ignore", "quantizations"), _texts),
    **dict.fromkeys(("allow_fallbacks", "require_parameters", "zdr"), truth_of),
    "enforce_distillable_text": truth_of,
    "data_collection": _one("allow", "deny"),
    "sort": _sort,
    "max_price": _prices,
    "preferred_min_throughput": _level,
    "preferred_max_latency": _level,
    "options": object_of,
}
_STREAM: Mapping[str, _Reader] = {"include_usage": truth_of, "include_obfuscation": truth_of}

OPTIONS = frozenset({*_OPTIONS, "max_tokens", "reasoning", "n", "logprobs", "top_logprobs"})
"""The fields of a body that are read here as options, or refused."""
