"""What the models behind Anthropic's protocol take, by name: limits, sampling, thinking, force.

Source: platform.claude.com/docs, Models overview, Effort, Thinking, and the migration guides.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from flowrun.dataclass import dataclass

Sampling: TypeAlias = Literal["none", "one", "any"]
Thinking: TypeAlias = Literal["budget", "adaptive", "always", "unknown"]

_SOME = ("low", "medium", "high")
EFFORTS = (*_SOME, "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Facts:
    """What one model takes.

    `max_tokens` is the most that it writes in one reply, thinking included. `sampling` says
    whether temperature and top_p may be set: neither, one of them, or any. `efforts` are the
    levels that it knows, none where thinking has a budget instead. `is_forcible` is false
    where no tool can be forced on it.
    """

    max_tokens: int
    sampling: Sampling = "none"
    efforts: tuple[str, ...] = EFFORTS
    thinking: Thinking = "adaptive"
    is_forcible: bool = True


_NEWEST = Facts(128_000)
_FOREIGN = Facts(32_000, "any", thinking="unknown")
_KNOWN: tuple[tuple[re.Pattern[str], Facts], ...] = (
    (re.compile("claude-(haiku|sonnet)-4-5"), Facts(64_000, "one", (), "budget")),
    (re.compile("claude-opus-4-5"), Facts(64_000, "one", _SOME, "budget")),
    (re.compile("claude-(opus|sonnet)-4-6"), Facts(128_000, "one", (*_SOME, "max"))),
    (
        re.compile("claude-(fable|mythos)-5-[0-9](?![0-9])"),
        Facts(128_000, thinking="always", is_forcible=False),
    ),
    (re.compile("claude-(fable|mythos)-"), Facts(128_000, thinking="always")),
    (re.compile("claude-"), _NEWEST),
)


def facts_of(model: str) -> Facts:
    """What is known of a model; an unknown Claude is taken for a new one.

    Other makers' models, which some serve in this protocol too, are asked as they come.
    """
    return next((facts for name, facts in _KNOWN if name.match(model)), _FOREIGN)
