"""§8 of docs/language.md: YAML."""

from __future__ import annotations

import pytest

from flowrun.errors import PipelineError
from tests.document.checking import told
from tests.support.citing import says
from tests.support.running import run


def faults(text: str) -> list[str]:
    """What is wrong with a file, be it of form or of sense."""
    try:
        return told(text)
    except PipelineError as error:
        return [str(each) for each in error.diagnostics]


@says("§8", "YAML 1.2 core scalars: no, on, 010 and dates stay what was written.")
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("010", "010"),
        ("2026-11-23", "2026-11-23"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("true", True),
        ("null", None),
        ("1.5", 1.5),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: object) -> None:
    assert run(f"steps: {{a: {{value: [{written}]}}}}").value("a") == [value]


@says("§8", "Duplicate keys (told with both places),")
def test_duplicate_keys_are_an_error() -> None:
    (fault,) = faults("name: one\nsteps: {a: {value: 1}}\nname: two\n")
    assert 'p.yaml:3:1: the key "name" is given twice, first at p.yaml:1:1' in fault


@says("§8", "unknown keys, tabs and a second document are errors.")
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("steps: {a: {value: 1, vlaue: 2}}", "1:23: "),
        ("steps:\n\ta: {value: 1}", "2:1: "),
        ("steps: {a: {value: 1}}\n---\nsteps: {}", "2:1: "),
    ],
)
def test_what_yaml_files_often_get_wrong_is_an_error(text: str, place: str) -> None:
    (fault,) = faults(text)
    assert place in fault


@says("§8", "x-… keys are free, at any level, for anchors.")
def test_keys_that_begin_with_x_are_free() -> None:
    found = run("""
    x-common: &common {x-note: anything, value: {x: 1}}
    steps:
      x-steps: {nothing: [of, this]}
      a: {<<: *common, x-more: true}
      b: *common
    """)
    assert (found.value("a"), found.value("b")) == ({"x": 1}, {"x": 1})
    assert list(found.statuses) == ["a", "b"]
