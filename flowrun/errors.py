"""The error tree, the exit codes, and how a diagnostic prints.

FlowrunError                      exit 1
├── PipelineError                 exit 2   the file is wrong: carries every Diagnostic of it
├── UsageError                    exit 2   flags, inputs or configuration are wrong
├── StoreError                    exit 1   answers cannot be kept or read
├── LedgerError                   exit 1   accounts cannot be kept or read
├── StepError                     exit 1   a step could not be done, for a reason of its own
│   ├── ToolError                          a tool gave no result; a model may be told why
│   └── UnknownOutcome                     a tool may have been called: no model is told
├── BudgetReached                 exit 4   the next call might cost more than there is left
├── ReplyError                    exit 1   a model answered, but not with what was asked
└── ProviderError                 exit 1   a provider gave no answer
    ├── Unavailable                        may pass by itself: retried, then fallen back from
    ├── AccessDenied                       key, credit or permission: stops the run
    └── Unsupported                        this model cannot take a request of this shape
        └── NotInstalled                   the embedded model lacks its package or its weights
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Self


class ExitCode(IntEnum):
    """What the process says when it ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    STALE = 3
    BUDGET = 4
    WAITING = 5
    TESTS_FAILED = 100
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file: line and column count from 1, in characters."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault of a file: where, what, why, and how to mend it.

    `excerpt` is the source line, `length` how many of its characters are at fault.
    """

    mark: Mark
    message: str
    code: str
    why: str = ""
    mend: str = ""
    excerpt: str = ""
    length: int = 1
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        kind = "" if self.severity == "error" else "warning: "
        lines = [f"{_printable(str(self.mark))}: {kind}{_printable(self.message)} [{self.code}]"]
        if self.excerpt.strip():
            lines += _underlined(self.excerpt, self.mark.column, self.length)
        if self.why:
            lines.append(f"  why:  {_printable(self.why)}")
        if self.mend:
            lines.append(f"  mend: {_printable(self.mend)}")
        return "\n".join(lines)


_WIDTH = 96


def _printable(text: str) -> str:
    """Keeps what a file says from acting on the terminal, or breaking the form of a report."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _underlined(excerpt: str, column: int, length: int) -> list[str]:
    """Shows the source line, cut to a readable window, with the fault underlined."""
    indent = min(len(excerpt) - len(excerpt.lstrip()), column - 1)
    fits = len(excerpt.rstrip()) - indent <= _WIDTH
    start = indent if fits else max(indent, column - 1 - _WIDTH // 2)
    shown = _printable(excerpt[start : start + _WIDTH].replace("\t", "→"))
    offset = max(0, column - 1 - start)
    carets = max(1, min(length, len(shown) - offset))
    return [f"      {shown.rstrip()}", f"      {' ' * offset}{'^' * carets}"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A mend that names the known word nearest to `word`, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""


class FlowrunError(Exception):
    """Whatever flowrun itself reports; `exit_code` is what the process ends with.

    `shown` is what somebody who asks from elsewhere is told instead of the message, where that
    speaks of what only the owner of the machine should read.
    """

    exit_code = ExitCode.FAILED
    shown: str | None = None

    def shown_as(self, shown: str) -> Self:
        """The error itself, for strangers in these words."""
        self.shown = shown
        return self


class PipelineError(FlowrunError):
    """A pipeline file is wrong; `diagnostics` holds every fault, in the file's order."""

    exit_code = ExitCode.USAGE

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("\n\n".join(str(each) for each in diagnostics))
        self.diagnostics = diagnostics


class UsageError(FlowrunError):
    """Flags, inputs or configuration are wrong."""

    exit_code = ExitCode.USAGE


class StoreError(FlowrunError):
    """Answers cannot be kept or read; the message names the path and the cause."""


class LedgerError(FlowrunError):
    """Accounts cannot be kept or read; the message names the ledger without its password."""


class StepError(FlowrunError):
    """A step could not be done: a template failed, an expectation does not hold, time ran out."""


class ToolError(StepError):
    """A tool gave no result; the text is for whoever called it, a model or a person."""


class UnknownOutcome(StepError):
    """A tool was called once and nobody knows whether it took effect: a person has to look."""


class BudgetReached(FlowrunError):
    """The next call might cost more than a budget has left; `budget` is the one that is reached."""

    exit_code = ExitCode.BUDGET

    def __init__(self, message: str, *, budget: object = None) -> None:
        super().__init__(message)
        self.budget = budget


class ReplyError(FlowrunError):
    """A model answered, but not with what was asked; `repairable` if asking again may help.

    `text` is the reply as it came, so that it can be sent back with `problem`.
    """

    def __init__(self, problem: str, *, text: str = "", repairable: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.text = text
        self.repairable = repairable


class ProviderError(FlowrunError):
    """A provider gave no answer; `status` is its HTTP status where there was one."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Unavailable(ProviderError):
    """The provider cannot answer now; `retry_after_s` is its own word on when to ask again.

    `is_overload` is true for what asks for fewer requests in flight (429 and 5xx), `is_unsent`
    where the request did not even get there.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        is_overload: bool = False,
        is_unsent: bool = False,
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s
        self.is_overload = is_overload
        self.is_unsent = is_unsent


class AccessDenied(ProviderError):
    """The key, the credit or the permission is missing: no further request would fare better."""


class Unsupported(ProviderError):
    """The model cannot take a request of this shape, or is not there.

    `param` is the part of the request that it cannot take, where that is known.
    """

    def __init__(
        self, message: str, *, status: int | None = None, param: str | None = None
    ) -> None:
        super().__init__(message, status=status)
        self.param = param


class NotInstalled(Unsupported):
    """What runs on this machine lacks its package, or its weights; no request is at fault."""
