from __future__ import annotations

import pytest

from flowrun.document.faults import Fault, TemplateError, TemplateFault, explained, kind_of
from flowrun.errors import ExitCode, FlowrunError, StepError
from tests.support.templating import PICTURE


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ZeroDivisionError("float modulo"), "division by zero"),
        (RecursionError("maximum"), "values are nested too deeply"),
        (MemoryError(), "there is not enough memory"),
        (OverflowError("(34, 'Numerical')"), "the number is too large"),
        (ValueError("a\n b"), "a b"),
        (ValueError(), "ValueError"),
        (ValueError("x" * 400), "x" * 300 + "…"),
    ],
)
def test_exceptions_are_explained(error: Exception, message: str) -> None:
    assert explained(error) == message


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "true or false"),
        (1.5, "a number"),
        ("", "text"),
        ({}, "an object"),
        ((), "a list"),
        (PICTURE, "an image"),
        (object(), "an object of the template's own"),
    ],
)
def test_kinds_have_names(value: object, kind: str) -> None:
    assert kind_of(value) == kind


def test_faults_and_errors_are_in_the_tree() -> None:
    fault = TemplateFault(Fault(0, 1, "wrong", "code"))
    assert isinstance(fault, FlowrunError)
    assert fault.exit_code is ExitCode.USAGE
    assert isinstance(TemplateError("failed", 3), StepError)
    assert TemplateError("failed").offset is None


def test_a_message_of_any_length_is_cut() -> None:
    error = TemplateError("x" * 5_000)
    assert str(error) == error.message == "x" * 1_000 + "…"
