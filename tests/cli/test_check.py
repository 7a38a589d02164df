from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import flowrun, on_terminal, write

SOUND = 'steps:\n  one: {value: "1"}\n'
FAULTY = 'steps:\n  one: {value: "{{ two }}"}\n'
WARNED = "schemas:\n  a: {type: string, maxLenght: 3}\n" + SOUND


def test_a_sound_file_is_said_to_be_sound(here: Path) -> None:
    write("one.yaml", SOUND)
    done = flowrun("check", "one.yaml")
    assert (done.code, done.out, done.err) == (0, "", "one.yaml: sound\n")
    assert [each.name for each in here.iterdir()] == ["one.yaml"]  # nothing was written


def test_quiet_says_nothing_of_a_sound_file() -> None:
    write("one.yaml", SOUND)
    assert flowrun("check", "-q", "one.yaml").err == ""


def test_every_fault_of_every_file_is_shown() -> None:
    write("one.yaml", FAULTY)
    write("two.yaml", SOUND)
    write("three.yaml", "steps: [\n")
    done = flowrun("check", "one.yaml", "two.yaml", "gone.yaml", "three.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.errors[0] == 'one.yaml:2:20: unknown step "two" [unknown-step]'
    assert "two.yaml: sound" in done.errors
    assert 'flowrun: there is no file "gone.yaml"' in done.errors
    assert any(line.startswith("three.yaml:2:1: ") for line in done.errors)
    assert done.errors[-1] == "3 faults"


def test_one_fault_is_counted_as_one() -> None:
    write("one.yaml", FAULTY)
    done = flowrun("check", "-q", "one.yaml")
    assert (done.code, done.errors[-1]) == (2, "1 fault")


def test_warnings_alone_are_no_fault() -> None:
    write("one.yaml", WARNED)
    done = flowrun("check", "one.yaml")
    assert done.code == 0
    assert done.errors[0].startswith('one.yaml:2:21: warning: "maxLenght"')
    assert done.errors[-1] == "one.yaml: sound, 1 warning"


def test_a_file_must_be_named() -> None:
    done = flowrun("check")
    assert (done.code, done.errors[-1]) == (2, "Error: Missing argument 'FILES...'.")


@pytest.mark.parametrize(
    ("name", "message"),
    [("folder", '"folder" is not a regular file'),
     ("/dev/zero", '"/dev/zero" is not a regular file'),
     ("", '"" is no file name')],
)  # fmt: skip
def test_what_is_no_file_is_said(name: str, message: str) -> None:
    Path("folder").mkdir()
    done = flowrun("check", name)
    assert done.code == 2
    assert message in done.err


def test_faults_are_coloured_on_a_terminal() -> None:
    write("one.yaml", FAULTY)
    code, out, screen = on_terminal("check", "one.yaml")
    assert (code, out) == (2, "")
    assert "\x1b[1;31m" in screen.raw
    assert 'one.yaml:2:20: unknown step "two" [unknown-step]' in screen.text


def test_the_faults_are_without_colour_for_those_who_want_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("one.yaml", FAULTY)
    code, _, screen = on_terminal("check", "one.yaml", env={"NO_COLOR": "1"})
    assert code == 2
    assert "\x1b[" not in screen.raw
