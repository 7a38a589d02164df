"""What a run gives: values, and files that are written whole, once, and inside one folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from flowrun.errors import StepError
from flowrun.run.events import OutputWritten
from flowrun.run.outputs import as_bytes, plain
from tests.support.replies import png
from tests.support.running import Run, Stage, picture


def files(out: Path) -> dict[str, bytes]:
    """Every file under the folder, temporaries too."""
    found = [each for each in out.rglob("*") if each.is_file()]
    return {str(each.relative_to(out)): each.read_bytes() for each in found}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder for outputs that is not there yet."""
    return tmp_path / "out" / "deep"


def given(out: Path, source: str, **inputs: object) -> Run:
    return Stage(out=out).run(source, **inputs)


def test_an_output_without_a_file_is_a_value(out: Path) -> None:
    found = given(out, """
    steps: {a: {value: {x: [1, 2]}}}
    outputs: {text: "x is {{ a.x }}", data: "{{ a.x }}", deep: {n: ["{{ a.x[0] }}"]}, constant: 3}
    """)  # fmt: skip
    assert found.outputs == {
        "text": "x is [1, 2]",
        "data": [1, 2],
        "deep": {"n": [1]},
        "constant": 3,
    }
    assert [each.path for each in found.of(OutputWritten)] == [None] * 4
    assert not out.exists()


def test_text_json_and_pictures_are_written_as_what_they_are(out: Path) -> None:
    found = given(out, """
    steps:
      words: {prompt: "grün"}
      data:  {value: {a: [1, "ä", null]}}
      cat:   {prompt: cat, modalities: [image]}
    outputs:
      text: {file: "t/{{ words }}.txt", value: "{{ words }}\\n"}
      json: {file: data.json, value: "{{ data }}"}
      cat:  {file: cat.png, value: "{{ cat }}"}
    """)  # fmt: skip
    assert files(out) == {
        "t/grün.txt": "grün\n".encode(),
        "data.json": '{\n  "a": [\n    1,\n    "ä",\n    null\n  ]\n}\n'.encode(),
        "cat.png": picture("cat").data,
    }
    assert found.result.files == {
        "text": (str(out / "t" / "grün.txt"),),
        "json": (str(out / "data.json"),),
        "cat": (str(out / "cat.png"),),
    }
    assert found.outputs["cat"] == picture("cat")
    told = {each.name: (each.path, each.size_bytes) for each in found.of(OutputWritten)}
    assert told["json"] == (str(out / "data.json"), len((out / "data.json").read_bytes()))


def test_a_picture_without_a_file_is_written_under_its_output_name(out: Path) -> None:
    found = given(out, """
    steps: {a: {prompt: cat, modalities: [image]}}
    outputs: {hero: "{{ a }}"}
    """)  # fmt: skip
    assert files(out) == {"hero.png": picture("cat").data}
    assert found.result.files == {"hero": (str(out / "hero.png"),)}


@pytest.mark.parametrize("form", ['"{{ a }}"', '{foreach: a, value: "{{ item }}"}'])
def test_pictures_in_a_list_are_written_with_their_numbers(out: Path, form: str) -> None:
    found = given(out, f"""
    steps:
      a:
        foreach: "['x', 'y', 'z']"
        if: "item != 'y'"
        prompt: "{{{{ item }}}}"
        modalities: [image]
    outputs: {{series: {form}}}
    """)  # fmt: skip
    assert files(out) == {"series/1.png": picture("x").data, "series/3.png": picture("z").data}
    assert found.outputs == {"series": [picture("x"), None, picture("z")]}


def test_pictures_among_data_are_told_by_their_facts(out: Path) -> None:
    given(out, """
    steps: {a: {prompt: cat, modalities: [image]}}
    outputs: {page: {file: page.json, value: {hero: "{{ a }}", all: ["{{ a }}"]}}}
    """)  # fmt: skip
    page = json.loads((out / "page.json").read_bytes())
    assert page["hero"] == page["all"][0]
    assert page["hero"] == {
        "mime_type": "image/png",
        "width": 16,
        "height": 16,
        "sha256": picture("cat").sha256,
        "text": "",
    }


def test_one_file_for_each_element(out: Path) -> None:
    found = given(out, """
    steps: {a: {value: [x, y]}}
    outputs:
      each: {foreach: a, as: word, value: "{{ word }}!", file: "{{ loop.index }}-{{ word }}.txt"}
    """)  # fmt: skip
    assert files(out) == {"1-x.txt": b"x!", "2-y.txt": b"y!"}
    assert found.outputs == {"each": ["x!", "y!"]}
    assert len(found.result.files["each"]) == 2


def test_elements_without_a_file_are_a_list(out: Path) -> None:
    found = given(out, """
    steps: {a: {value: [1, 2]}}
    outputs: {each: {foreach: a, value: "{{ item + 1 }}"}}
    """)  # fmt: skip
    assert found.outputs == {"each": [2, 3]}
    assert len(found.of(OutputWritten)) == 1


def test_no_elements_make_no_files(out: Path) -> None:
    source = "steps: {a: {value: []}}\noutputs: {e: {foreach: a, value: 1, file: '{{ item }}'}}"
    assert given(out, source).outputs == {"e": []}
    assert not out.exists()


# Outputs that are not declared


def test_without_outputs_the_steps_that_no_other_needs_are_given(out: Path) -> None:
    found = given(out, """
    steps:
      a: {prompt: a}
      b: {prompt: "b {{ a }}"}
      c: {value: {x: "{{ a }}"}}
      cat: {prompt: cat, modalities: [image], needs: [c]}
      off: {prompt: off, if: "1 > 2"}
    """)  # fmt: skip
    assert found.outputs == {"b": "b a", "cat": picture("cat")}
    assert found.result.absent == {"off": 'step "off" was skipped: its `if` does not hold: 1 > 2'}
    assert files(out) == {"cat.png": picture("cat").data}


# Outputs that are not given


def test_an_output_of_a_step_without_a_value_is_absent_and_says_why(out: Path) -> None:
    found = given(out, """
    inputs: {x: {default: 0}}
    steps:
      off:    {value: 1, if: "1 > 2"}
      behind: {value: "{{ off }}"}
      bad:    {value: "{{ 1 / inputs.x }}"}
      after:  {value: "{{ bad }}"}
      good:   {value: fine}
    outputs:
      off: "{{ off }}"
      behind: "{{ behind }}"
      bad: {file: bad.txt, value: "{{ bad }} {{ good }}"}
      after: "{{ after }}"
      good: "{{ good }}"
      either: "{{ off or good }}"
    """, x=0)  # fmt: skip
    assert found.outputs == {"good": "fine", "either": "fine"}
    assert found.result.absent == {
        "off": 'step "off" was skipped: its `if` does not hold: 1 > 2',
        "behind": 'step "behind" was skipped: needs "off", which was skipped',
        "bad": 'step "bad" failed',
        "after": 'needs "bad", which failed',
    }
    assert found.result.status == "failed"
    assert not out.exists()


def test_an_output_that_cannot_be_made_is_a_fault_and_the_others_are_given(out: Path) -> None:
    found = given(out, """
    inputs: {x: {}}
    steps: {a: {value: "{{ inputs.x }}"}}
    outputs:
      bad: "{{ a.y.z }}"
      text: "the cat: {{ a.cat }}"
      good: {file: good.txt, value: fine}
    """, x={"cat": picture()})  # fmt: skip
    assert set(found.result.faults) == {"bad", "text"}
    assert "an image where only text can stand" in found.result.faults["text"]
    assert files(out) == {"good.txt": b"fine"}
    assert found.result.status == "failed"


# Whole or not at all


def test_outputs_are_copies_that_a_further_run_restores(out: Path) -> None:
    stage = Stage(out=out)
    source = """
    steps: {a: {prompt: text}, cat: {prompt: cat, modalities: [image]}}
    outputs: {text: {file: t.txt, value: "{{ a }}"}, cat: "{{ cat }}"}
    """
    stage.run(source)
    before = files(out)
    for each in out.iterdir():
        each.write_bytes(b"spoiled")
    found = stage.run(source)
    assert files(out) == before
    assert set(found.statuses.values()) == {"cached"}
    assert len(stage.models.requests) == 2


def test_what_a_killed_run_left_half_written_is_removed(out: Path) -> None:
    (out / "t").mkdir(parents=True)
    for name in (".flowrun-0123456789abcdef.tmp", "t/.flowrun-0123456789abcdef.tmp", "t/mine.tmp"):
        (out / name).write_bytes(b"half")
    given(out, """
    steps: {a: {value: 1}}
    outputs: {a: {file: a.txt, value: x}, b: {file: t/b.txt, value: x}}
    """)  # fmt: skip
    assert set(files(out)) == {"a.txt", "t/b.txt", "t/mine.tmp"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_a_fault(out: Path) -> None:
    out.mkdir(parents=True)
    out.chmod(0o500)
    found = given(out, "steps: {a: {value: 1}}\noutputs: {a: {file: a.txt, value: x}}")
    assert found.result.faults == {"a": '"a.txt": permission denied'}


def test_a_file_where_a_folder_must_be_is_a_fault(out: Path) -> None:
    found = given(out, """
    steps: {a: {prompt: hi}}
    outputs: {a: {file: "{{ a }}", value: x}, b: {file: "{{ a }}/b", value: x}}
    """)  # fmt: skip
    assert set(found.result.faults) == {"b"}
    assert files(out) == {"hi": b"x"}


# Bytes


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("ä\r\n", "ä\r\n".encode()),
        ("", b""),
        (None, b"null\n"),
        (3, b"3\n"),
        ((1, 2), b"[\n  1,\n  2\n]\n"),
        (picture(), png("seed")),
    ],
)
def test_a_value_as_bytes(value: object, data: bytes) -> None:
    assert as_bytes(value) == data


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("\ud83d", "its text holds half of a character"),
        ({"a": "\ud83d"}, "its text holds half of a character"),
        ([float("nan")], "it holds a number that JSON cannot say: NaN or infinity"),
    ],
)
def test_what_no_file_can_hold_is_refused(value: object, problem: str) -> None:
    with pytest.raises(StepError, match=rf"\A{problem}\Z"):
        as_bytes(value)


def test_data_is_plain_but_for_pictures() -> None:
    assert plain({"a": (1, True, None, 2.5, "x")}) == {"a": [1, True, None, 2.5, "x"]}
    found = plain([picture("x")])
    assert isinstance(found, list)
    assert isinstance(found[0], Mapping)
    assert found[0]["sha256"] == picture("x").sha256
