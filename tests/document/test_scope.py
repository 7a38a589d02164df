from __future__ import annotations

from collections import UserDict

from flowrun.document.scope import SKIPPED
from flowrun.document.templates import parse, text
from tests.support.templating import error, render


class Asked(UserDict[str, object]):
    """A scope that notes which names were asked for."""

    def __init__(self) -> None:
        super().__init__(a=1, b=2)
        self.asked: list[str] = []

    def __getitem__(self, key: str) -> object:
        self.asked.append(key)
        return super().__getitem__(key)


def test_only_names_that_are_read_are_taken_from_the_scope() -> None:
    scope = Asked()
    assert text(parse("{{ a }}{{ c is defined }}"), scope) == "1false"
    assert set(scope.asked) == {"a"}


def test_the_marker_of_skipped_steps_names_itself() -> None:
    assert repr(SKIPPED) == "SKIPPED"


def test_functions_can_be_hidden_by_names_set_in_the_template() -> None:
    assert render("{% set range = 5 %}{{ range }}") == "5"


def test_a_missing_macro_argument_says_which() -> None:
    source = "{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}"
    assert error(source) == "parameter 'a' was not provided"
    assert error("{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}") == "No caller defined"


def test_a_name_that_is_set_elsewhere_only_is_not_defined() -> None:
    source = "{% for i in [1] %}{% if false %}{% set q = 1 %}{% endif %}{{ q }}{% endfor %}"
    assert error(source) == '"q" is not defined'
    assert error("{% set q %}{{ q }}{% endset %}") == '"q" is not defined'


def test_a_scope_cannot_forge_a_budget() -> None:
    assert render("{{ x }}", **{"x": 1, "\0budget": 2}) == 1
