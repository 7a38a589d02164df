"""A request's options as Anthropic's protocol names them; what it cannot say is refused.

    max_completion_tokens, max_tokens    max_tokens; the model's own limit where neither is given
    temperature, top_p, top_k            the same, as far as the model takes them
    stop                                 stop_sequences
    user                                 metadata.user_id
    service_tier                         the same; "default" is "standard_only"
    reasoning_effort                     output_config.effort and thinking; or a budget of tokens

An option that says what holds anyway, such as `n: 1` or a penalty of 0, is left out. Every
other one is refused by name.
Source: platform.claude.com/docs, Messages, OpenAI SDK compatibility, Effort, Thinking.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.anthropic_models import Facts

_ANYWAY: Mapping[str, JsonValue] = {
    "n": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logprobs": False,
    "store": False,
    "logit_bias": {},
}
_MAPPED = frozenset(
    {"max_completion_tokens", "max_tokens", "temperature", "top_p", "top_k"}
    | {"stop", "user", "service_tier", "reasoning_effort"}
)
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_BUDGETS = {"low": 2_048, "medium": 8_192, "high": 24_576}


def wire_options(
    options: Mapping[str, JsonValue], facts: Facts, *, is_forced: bool
) -> dict[str, JsonValue]:
    """The options in the body; `is_forced` says that a tool is forced on the model.

    Raises: Unsupported for what cannot be said, with its name as `param`.
    """
    said = {name: value for name, value in options.items() if value is not None}
    for name, value in sorted(said.items()):
        if name not in _MAPPED and not _holds_anyway(name, value):
            raise _refused(name, "one request has one answer" if name == "n" else "")
    limit = _limit(said, facts)
    thought = _thought(said.get("reasoning_effort"), facts, limit, is_forced=is_forced)
    return {
        "max_tokens": limit,
        **_sampling(said, facts, thinks=_thinks(thought)),
        **_plain(said),
        **thought,
    }


def _holds_anyway(name: str, value: JsonValue) -> bool:
    return name in _ANYWAY and value == _ANYWAY[name]


def _limit(said: Mapping[str, JsonValue], facts: Facts) -> int:
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
    return limits[0] if limits else facts.max_tokens


def _sampling(said: Mapping[str, JsonValue], facts: Facts, *, thinks: bool) -> dict[str, JsonValue]:
    found = {name: said[name] for name in ("temperature", "top_p", "top_k") if name in said}
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise _refused(name, "it must be a number of 0 or more")
        if name != "top_k" and value > 1:
            raise _refused(name, f"{value} is above 1")
    if thinks or facts.sampling != "any":
        # 1 is what holds anyway, and the newest models refuse even that.
        found = {name: value for name, value in found.items() if name == "top_k" or value != 1}
    if facts.sampling == "none" and found:
        raise _refused(next(iter(found)), "this model does not let itself be sampled otherwise")
    if thinks and (barred := found.keys() & {"temperature", "top_k"}):
        raise _refused(max(barred), "not beside reasoning_effort")
    if facts.sampling == "one" and {"temperature", "top_p"} <= found.keys():
        raise _refused("top_p", "this model takes it or temperature, not both")
    return found


def _plain(said: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    if "stop" in said:
        stop = said["stop"]
        words = [stop] if isinstance(stop, str) else stop
        if not isinstance(words, list) or not all(isinstance(each, str) for each in words):
            raise _refused("stop", "it must be a text or a list of texts")
        if not all(str(each).strip() for each in words):
            raise _refused("stop", "blank texts do not stop a reply")
        found |= {"stop_sequences": words} if words else {}
    if "user" in said:
        found["metadata"] = {"user_id": said["user"]}
    if "service_tier" in said:
        tier = _TIERS.get(str(said["service_tier"]))
        if tier is None:
            raise _refused("service_tier", f'there is no tier "{said["service_tier"]}"')
        found["service_tier"] = tier
    return found


def _thinks(thought: Mapping[str, JsonValue]) -> bool:
    thinking = thought.get("thinking")
    return isinstance(thinking, Mapping) and thinking["type"] != "disabled"


def _thought(
    effort: JsonValue, facts: Facts, limit: int, *, is_forced: bool
) -> dict[str, JsonValue]:
    """How much is thought; a model that is forced to call a tool cannot be told to think."""
    if effort is None:
        return {}
    name = "reasoning_effort"
    if effort == "none":
        if facts.thinking == "always":
            raise _refused(name, "this model always thinks")
        return {"thinking": {"type": "disabled"}} if facts.thinking == "adaptive" else {}
    level = "low" if effort == "minimal" else str(effort)
    if facts.efforts:
        if level not in facts.efforts:
            raise _refused(name, f'"{effort}" is none of {", ".join(facts.efforts)}')
        is_told = facts.thinking == "adaptive" and not is_forced
        thinking: dict[str, JsonValue] = {"thinking": {"type": "adaptive"}} if is_told else {}
        return {"output_config": {"effort": level}, **thinking}
    if level not in _BUDGETS:
        raise _refused(name, f'"{effort}" is none of {", ".join(_BUDGETS)}')
    if is_forced:
        raise _refused(name, "this model does not think where it must call a tool")
    if (budget := _BUDGETS[level]) >= limit:
        raise _refused(name, f'"{effort}" takes more than {budget:,} max_completion_tokens')
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _refused(name: str, why: str = "") -> Unsupported:
    return Unsupported(f'cannot take "{name}"{f": {why}" if why else ""}', param=name)
