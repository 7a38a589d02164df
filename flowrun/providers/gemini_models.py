"""What the models behind Gemini's protocol take, by name: how they think, and what goes together.

Source: ai.google.dev, Gemini API, Models, Thinking, Thought signatures, Function calling.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from flowrun.dataclass import dataclass

Thinking: TypeAlias = Literal["none", "budget", "level"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What one model takes.

    `thinking` says what its thinking is measured in, if it can be told at all; `efforts` are the
    levels that it knows, and `can_rest` says that it can be told not to think. `is_third` holds
    from the third generation on: calls go back signed, tools may stand beside an answer in JSON,
    and pictures within results.
    """

    thinking: Thinking = "level"
    efforts: tuple[str, ...] = ("low", "medium", "high", "xhigh")
    can_rest: bool = False
    is_third: bool = True


_ANY = ("minimal", "low", "medium", "high")
_BUDGET = Facts("budget", (), is_third=False)
_RESTING = Facts("budget", (), can_rest=True, is_third=False)
_SILENT = Facts("none", (), is_third=False)
_KNOWN: tuple[tuple[re.Pattern[str], Facts], ...] = (
    (re.compile(r"gemini-3-pro-image"), Facts("none", ())),
    (re.compile(r"gemini-3\.1-flash-image"), Facts(efforts=("minimal", "high"))),
    (re.compile(r"gemini-3-pro"), Facts(efforts=("low", "high"))),
    (re.compile(r"gemini-3\.1-pro"), Facts(efforts=("low", "medium", "high"))),
    (re.compile(r"gemini-3(-flash|\.[0-9]+-flash-lite)"), Facts(efforts=_ANY)),
    (re.compile(r"gemini-2\.5-flash-image"), _SILENT),
    (re.compile(r"gemini-2\.5-flash"), _RESTING),
    (re.compile(r"gemini-2\.5-"), _BUDGET),
    (re.compile(r"gemini-[12]\.[0-9]"), _SILENT),
    (re.compile(r"gemini-"), Facts()),
)


def facts_of(model: str) -> Facts:
    """What is known of a model; an unknown Gemini is taken for a new one.

    Others that are served in this protocol, such as Gemma, are asked as they come.
    """
    return next((facts for name, facts in _KNOWN if name.match(model)), _SILENT)
