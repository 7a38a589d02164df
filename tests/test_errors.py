"""How a diagnostic prints, and what each error makes the process end with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.errors import (
    AccessDenied,
    BudgetReached,
    Diagnostic,
    ExitCode,
    FlowrunError,
    Mark,
    PipelineError,
    ProviderError,
    ReplyError,
    StepError,
    StoreError,
    ToolError,
    Unavailable,
    UnknownOutcome,
    Unsupported,
    UsageError,
    did_you_mean,
)

MARK = Mark("pipelines/story.yaml", 8, 20)


def test_a_diagnostic_says_where_what_why_and_how_to_mend_it() -> None:
    found = Diagnostic(
        MARK,
        'unknown step "ouline"',
        "unknown-step",
        why="a template may name only steps of this file: outline, draft",
        mend="did you mean outline?",
        excerpt="    prompt: Use {{ ouline.title }}",
        length=6,
    )
    assert str(found) == (
        'pipelines/story.yaml:8:20: unknown step "ouline" [unknown-step]\n'
        "      prompt: Use {{ ouline.title }}\n"
        "                     ^^^^^^\n"
        "  why:  a template may name only steps of this file: outline, draft\n"
        "  mend: did you mean outline?"
    )


def test_a_diagnostic_may_be_one_line() -> None:
    found = Diagnostic(MARK, "m", "c", excerpt="   ", severity="warning")
    assert str(found) == "pipelines/story.yaml:8:20: warning: m [c]"


def shown(excerpt: str, column: int, length: int = 1) -> tuple[str, str]:
    mark = Mark("f", 1, column)
    _, line, carets = str(Diagnostic(mark, "m", "c", excerpt=excerpt, length=length)).split("\n")
    return line.removeprefix(" " * 6), carets.removeprefix(" " * 6)


@pytest.mark.parametrize(
    ("excerpt", "column", "length", "expected"),
    [
        ("a: b", 4, 1, ("a: b", "   ^")),
        ("a: b", 4, 99, ("a: b", "   ^")),
        ("a: b", 5, 3, ("a: b", "    ^")),
        ("\ta: b", 1, 1, ("→a: b", "^")),
        ("  a:\tb  ", 3, 2, ("a:→b", "^^")),
        ("a \x1b[31mred\x07", 3, 1, ("a  [31mred", "  ^")),
    ],
)
def test_the_line_is_shown_with_the_fault_underlined(
    excerpt: str, column: int, length: int, expected: tuple[str, str]
) -> None:
    assert shown(excerpt, column, length) == expected


def test_of_a_long_line_the_part_around_the_fault_is_shown() -> None:
    line, carets = shown("a" * 500 + "X" * 3 + "b" * 500, 501, 3)
    assert line == "a" * 48 + "X" * 3 + "b" * 45
    assert carets == " " * 48 + "^" * 3
    assert shown("x" * 1000, 1, 1000) == ("x" * 96, "^" * 96)


@given(st.text(), st.integers(1, 300), st.integers(0, 300), st.text(), st.text())
def test_nothing_from_a_file_acts_on_the_terminal(
    excerpt: str, column: int, length: int, message: str, mend: str
) -> None:
    mark = Mark("a\x1b\n", 1, column)
    report = str(Diagnostic(mark, message, "c", message, mend, excerpt, length))
    assert all(line.isprintable() for line in report.split("\n"))
    assert len(report.split("\n")) <= 5


def test_a_pipeline_error_holds_and_prints_every_fault() -> None:
    first, second = Diagnostic(MARK, "one", "a"), Diagnostic(MARK, "two", "b")
    error = PipelineError((first, second))
    assert error.diagnostics == (first, second)
    assert str(error) == f"{first}\n\n{second}"


def test_marks_sort_as_they_stand() -> None:
    marks = [Mark("b", 1, 1), Mark("a", 10, 3), Mark("a", 10, 1), Mark("a", 2, 1)]
    assert sorted(marks) == marks[::-1]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FlowrunError(), 1),
        (PipelineError(()), 2),
        (UsageError(), 2),
        (StoreError(), 1),
        (StepError(), 1),
        (ToolError(), 1),
        (UnknownOutcome(), 1),
        (BudgetReached("spent"), 4),
        (ReplyError("no JSON"), 1),
        (ProviderError("gone"), 1),
        (Unavailable("busy"), 1),
        (AccessDenied("no key"), 1),
        (Unsupported("no images"), 1),
    ],
    ids=lambda it: type(it).__name__,
)
def test_each_error_has_its_exit_code(error: FlowrunError, code: int) -> None:
    assert error.exit_code == code


def test_exit_codes_are_those_of_the_documentation() -> None:
    assert {each.name: each.value for each in ExitCode} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "STALE": 3,
        "BUDGET": 4,
        "WAITING": 5,
        "TESTS_FAILED": 100,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_errors_carry_what_is_decided_by() -> None:
    busy = Unavailable("busy", status=429, retry_after_s=1.5, is_overload=True)
    assert (busy.status, busy.retry_after_s, busy.is_overload) == (429, 1.5, True)
    assert (Unavailable("x").status, Unavailable("x").retry_after_s) == (None, None)
    reply = ReplyError("no JSON", text="{", repairable=True)
    assert (str(reply), reply.problem, reply.text, reply.repairable) == (
        "no JSON",
        "no JSON",
        "{",
        True,
    )


def test_the_nearest_known_word_is_offered() -> None:
    assert did_you_mean("ouline", ["draft", "outline"]) == "did you mean outline?"
    assert did_you_mean("xyz", ["draft", "outline"]) == ""
