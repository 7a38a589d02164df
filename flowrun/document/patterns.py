"""Regular expressions in linear time: a pattern can be wrong, but it cannot hang."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

from flowrun.document.budget import Budget
from flowrun.document.faults import Refusal

_MATCH = 300
_PATTERN_CHARACTERS = 1000


class Match(Protocol):
    """A place where a pattern fits."""

    def group(self, group: int = 0) -> str | None:
        """What a group holds; 0 is the whole."""

    def groups(self) -> tuple[str | None, ...]:
        """What all groups hold."""

    def start(self) -> int:
        """Where it begins."""

    def end(self) -> int:
        """Where it ends."""


class _Pattern(Protocol):
    def finditer(self, text: str) -> Iterator[Match]: ...


def matches(budget: Budget, pattern: str, text: str) -> Iterator[Match]:
    """The places where `pattern` fits, from the left, none over another.

    Source: RE2's syntax, which is Python's without back-references and look-around.

    Raises: Refusal for a pattern that cannot be read.
    """
    compiled = _compiled(pattern)
    budget.text(len(text))
    budget.spend(len(text) * (1 + len(pattern) // 16))
    for match in compiled.finditer(text):
        budget.spend(_MATCH)
        yield match


def _compiled(pattern: str) -> _Pattern:
    import re2  # type: ignore[import-untyped]  # untyped; only who uses patterns pays for it

    if len(pattern) > _PATTERN_CHARACTERS:
        raise Refusal(f"has a pattern of more than {_PATTERN_CHARACTERS:,} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        return cast("_Pattern", re2.compile(pattern, options=options))
    except re2.error as error:
        reason = error.args[0] if error.args else error
        words = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise Refusal(f"has a pattern that cannot be read: {words}") from None
