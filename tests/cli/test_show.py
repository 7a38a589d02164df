from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from flowrun.chat.usage import Usage
from flowrun.cli.show import last_words, show_diagnostics, shown_outputs, summary
from flowrun.errors import Diagnostic, Mark
from flowrun.run.execution import RunResult
from flowrun.run.job import Outcome
from tests.cli.command import on_terminal, write
from tests.support.running import picture

RESULT = RunResult(
    run_id="r1",
    status="done",
    outputs={},
    files={},
    absent={},
    faults={},
    steps={},
    seconds=1.25,
    usage=Usage(input_tokens=3),
    cost_usd=Decimal("0.5"),
)


def gave(**outputs: object) -> RunResult:
    return replace(RESULT, outputs=outputs)


def failed(*names: str) -> Mapping[str, Outcome]:
    return {name: Outcome("failed", reason="it rains") for name in names}


@pytest.mark.parametrize(
    ("value", "shown"),
    [("words", b"words\n"), ("words\n", b"words\n"), ("", b"\n"), ("é", b"\xc3\xa9\n"),
     ({"a": [1]}, b'{\n  "a": [\n    1\n  ]\n}\n'), (None, b"null\n")],
)  # fmt: skip
def test_a_lone_output_stands_by_itself(value: object, shown: bytes) -> None:
    assert shown_outputs(gave(one=value), as_json=False) == shown


def test_several_outputs_have_their_names() -> None:
    found = shown_outputs(gave(one="a", two=["b"]), as_json=False)
    assert found == b'one:\na\n\ntwo:\n[\n  "b"\n]\n'


def test_an_output_has_its_name_though_the_others_were_not_given() -> None:
    for result in (
        replace(gave(one="a"), absent={"two": "it rains"}),
        replace(gave(one="a"), faults={"two": "it rains"}),
    ):
        assert shown_outputs(result, as_json=False) == b"one:\na\n"


def test_outputs_with_files_are_not_shown() -> None:
    result = replace(gave(one="a", two="b"), files={"one": ("out/one.txt",)})
    assert shown_outputs(result, as_json=False) == b"two:\nb\n"


def test_no_outputs_are_nothing() -> None:
    assert shown_outputs(RESULT, as_json=False) == b""


def test_a_terminal_obeys_no_output() -> None:
    result = gave(one="red \x1b[31malert\x1b]0;title\x07, \x9b1m")
    assert (
        shown_outputs(result, as_json=False)
        == "red \x1b[31malert\x1b]0;title\x07, \x9b1m\n".encode()
    )
    assert shown_outputs(result, as_json=False, is_terminal=True) == b"red alert, \n"


def test_json_holds_the_whole_run() -> None:
    image = picture()
    result = replace(
        RESULT,
        status="failed",
        outputs={"one": image, "two": 1.5},
        files={"one": ("out/one.png",)},
        absent={"three": "it rains"},
        faults={"four": "it snows"},
        steps={
            "a": Outcome("done", model="m/x", seconds=0.12345, cost_usd=Decimal("0.5")),
            "b": Outcome("failed", reason="it rains"),
        },
    )
    assert json.loads(shown_outputs(result, as_json=True)) == {
        "run": "r1",
        "status": "failed",
        "partial": False,
        "budget_reached": False,
        "outputs": {
            "one": {
                "mime_type": "image/png",
                "width": image.width,
                "height": image.height,
                "sha256": image.sha256,
                "text": image.text,
            },
            "two": 1.5,
        },
        "files": {"one": ["out/one.png"]},
        "absent": {"three": "it rains", "four": "it snows"},
        "steps": {
            "a": {"status": "done", "model": "m/x", "seconds": 0.123, "cost_usd": "0.5"},
            "b": {
                "status": "failed",
                "model": None,
                "seconds": 0.0,
                "cost_usd": None,
                "reason": "it rains",
            },
        },
        "usage": Usage(input_tokens=3).as_json(),
        "cost_usd": "0.5",
        "seconds": 1.25,
    }


def test_json_spells_what_has_no_utf8() -> None:
    shown = shown_outputs(replace(RESULT, absent={"one": "a\udc80"}), as_json=True)
    assert json.loads(shown)["absent"] == {"one": "a\udc80"}


def test_a_cost_that_nobody_knows_is_null() -> None:
    assert summary(replace(RESULT, cost_usd=None))["cost_usd"] is None


@pytest.mark.parametrize(
    ("names", "where"),
    [(("a",), "failed in step a"), (("a", "b", "c"), "failed in steps a, b, c"),
     (("a", "b", "c", "d"), "failed in 4 steps (a, b, c, …)"), ((), "failed")],
)  # fmt: skip
def test_the_last_word_on_a_failure_says_where_and_what_next(
    names: tuple[str, ...], where: str
) -> None:
    result = replace(RESULT, status="failed", steps=failed(*names))
    assert last_words(result, keeps=True) == [
        f"{where}; mend it and run again: what was answered is kept"
    ]
    assert last_words(result, keeps=False) == [f"{where}; mend it and run again"]


def test_an_interruption_says_how_to_go_on() -> None:
    result = replace(RESULT, status="interrupted", steps=failed("a"))
    assert last_words(result, keeps=True) == [
        "interrupted; run the same command again to go on: what was answered is kept"
    ]
    assert last_words(result, keeps=False) == ["interrupted; run the same command again to go on"]


def test_outputs_that_were_not_given_are_named_with_the_reason() -> None:
    result = replace(RESULT, absent={"one": "it\nrains"}, faults={"two": "it snows"})
    assert last_words(result, keeps=True) == [
        'output "two": it snows',
        'output "one" was not given: it rains',
    ]
    assert last_words(result, keeps=True, is_quiet=True) == ['output "two": it snows']


def test_a_partial_run_is_said_to_be_one() -> None:
    result = replace(RESULT, partial=True)
    assert last_words(result, keeps=True) == ["partial: a failure was ignored, as the file says"]


def test_a_run_that_gave_everything_needs_no_last_word() -> None:
    assert last_words(RESULT, keeps=True) == []


def test_diagnostics_end_with_a_free_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_diagnostics([])
    assert capsys.readouterr().err == ""
    fault = Diagnostic(Mark("a.yaml", 1, 2), "it rains", "rain")
    show_diagnostics([fault, fault])
    assert capsys.readouterr().err == f"{fault}\n\n{fault}\n\n"


def test_diagnostics_are_plain_where_nobody_can_draw() -> None:
    write("a.yaml", 'steps:\n  a: {value: "{{ b }}"}\n')
    _, _, screen = on_terminal("check", "a.yaml", env={"TERM": "dumb"})
    assert "\x1b[" not in screen.raw
