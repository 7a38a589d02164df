"""Where outputs may be written: inside one folder, and each path once."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as having
from hypothesis import settings
from hypothesis import strategies as st

from flowrun.chat.messages import ChatRequest
from flowrun.errors import FlowrunError, UsageError
from flowrun.providers.fake import Answer
from flowrun.run.events import Event, OutputWritten
from tests.support.running import Models, Run, Stage, said


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


NASTY = ["../x", "/tmp/x", "a/../../x", "a", "A", "./a", "a//b", "\u00e9", "e\u0301", "a/b", "..",
         "a\\..\\x", "~/x", "%2e%2e/x", ".", "con", "-rf", "a" * 300]  # fmt: skip
ESCAPES = ["../x", "/etc/x", "a/../../x", "..", "a\\b", "", " ", "a/", "C:x", "a\x00b"]


@pytest.mark.parametrize("path", ESCAPES)
@pytest.mark.parametrize("form", ["{{ inputs.p }}", "constant", "element"])
def test_a_path_that_leads_out_is_refused_before_anything_is_sent(
    out: Path, path: str, form: str
) -> None:
    output: dict[str, Any] = {"value": "{{ a }}", "file": "{{ inputs.p }}"}
    if form == "constant":
        output["file"] = path
    if form == "element":
        output |= {"foreach": "[inputs.p]", "file": "{{ item }}"}
    source = (
        f"inputs: {{p: {{}}}}\nsteps: {{a: {{prompt: hi}}}}\noutputs: {json.dumps({'o': output})}"
    )
    stage = Stage(out=out)
    with pytest.raises(FlowrunError):
        stage.run(source, p=path)
    assert stage.models.requests == []
    assert not out.exists()


@pytest.mark.parametrize("path", ESCAPES)
def test_a_path_that_a_model_made_up_never_leads_out(out: Path, path: str) -> None:
    def script(request: ChatRequest) -> Answer:
        return path if said(request) == "name" and path.strip() else said(request)

    found = Stage(out=out, models=Models(script)).run("""
    steps: {a: {prompt: name}}
    outputs: {o: {file: "{{ a }}", value: x}}
    """)
    assert ("o" in found.result.faults) == bool(path.strip())
    assert set(files(out.parent)) <= {"deep/name"}


def test_a_link_that_leads_out_is_not_followed(out: Path, tmp_path: Path) -> None:
    out.mkdir(parents=True)
    (tmp_path / "victim").write_text("untouched")
    (out / "link.txt").symlink_to(tmp_path / "victim")
    (out / "folder").symlink_to(tmp_path)
    source = """
    steps: {a: {prompt: hi}}
    outputs: {o: {file: "%s", value: "{{ a }}"}}
    """
    for name in ("folder/new.txt", "link.txt"):
        with pytest.raises(UsageError, match="leads out of the folder"):
            given(out, source % name)
    assert (tmp_path / "victim").read_text() == "untouched"
    assert not (tmp_path / "new.txt").exists()


def test_a_file_name_that_cannot_be_rendered_is_refused_before_anything_is_sent(out: Path) -> None:
    stage = Stage(out=out)
    with pytest.raises(UsageError, match=r'\Aoutput "o": .*no field "y"'):
        stage.run("""
        inputs: {x: {}}
        steps: {a: {prompt: hi}}
        outputs: {o: {file: "{{ inputs.x.y }}", value: "{{ a }}"}}
        """, x={})  # fmt: skip
    assert stage.models.requests == []


# Two of one path


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        (
            "{one: {file: '{{ inputs.x[0] }}', value: 1}, two: {file: ./a, value: 2}}",
            'output "two" writes "./a", which output "one" has written: '
            "each file needs a path of its own",
        ),
        (
            "{each: {foreach: inputs.x, file: '{{ item }}.txt', value: '{{ item }}'}}",
            'output "each" writes "a.txt" twice: each file needs a path of its own',
        ),
    ],
)
def test_two_of_one_path_are_refused_before_anything_is_sent(
    out: Path, outputs: str, problem: str
) -> None:
    stage = Stage(out=out)
    with pytest.raises(UsageError) as caught:
        stage.run(
            f"inputs: {{x: {{}}}}\nsteps: {{a: {{prompt: hi}}}}\noutputs: {outputs}", x=["a", "a"]
        )
    assert str(caught.value) == problem
    assert stage.models.requests == []


def test_a_file_is_never_overwritten_by_another_of_the_same_run(out: Path) -> None:
    found = given(out, """
    steps: {a: {prompt: x}, b: {value: [x, z, x]}}
    outputs:
      one: {file: "{{ a }}.txt", value: one}
      two: {file: "{{ b[0] }}.txt", value: two}
      each: {foreach: b, file: "e/{{ item }}", value: "{{ loop.index }}"}
    """)  # fmt: skip
    assert found.result.faults == {
        "two": 'output "two" writes "x.txt", which output "one" has written: '
        "each file needs a path of its own",
        "each": 'output "each" writes "e/x" twice: each file needs a path of its own',
    }
    assert files(out) == {"x.txt": b"one", "e/x": b"1\n", "e/z": b"2\n"}
    assert found.result.status == "failed"


def test_a_file_that_another_run_replaced_since_is_no_longer_ours(out: Path) -> None:
    def replaced(event: Event) -> None:
        """Another run takes the first file's place, and the system gives its number away."""
        if isinstance(event, OutputWritten) and event.name == "one":
            (out / "a").rename(out / "b")
            (out / "a").write_bytes(b"another")

    found = Stage(out=out, listener=replaced).run("""
    steps: {a: {value: [a, b]}}
    outputs:
      one: {file: "{{ a[0] }}", value: one}
      two: {file: "{{ a[1] }}", value: two}
    """)
    assert found.result.faults == {}
    assert files(out) == {"a": b"another", "b": b"two"}


def test_a_link_to_a_file_of_the_run_is_replaced_and_the_file_is_not(out: Path) -> None:
    out.mkdir(parents=True)
    (out / "b.txt").symlink_to("a.txt")
    found = given(out, """
    steps: {a: {value: [a, b]}}
    outputs:
      one: {file: "{{ a[0] }}.txt", value: one}
      two: {file: "{{ a[1] }}.txt", value: two}
    """)  # fmt: skip
    assert found.result.faults == {}
    assert files(out) == {"a.txt": b"one", "b.txt": b"two"}


@settings(max_examples=300, deadline=None)
@having(names=st.lists(st.text(max_size=12) | st.sampled_from(NASTY), min_size=1, max_size=6))
def test_no_names_whatever_write_outside_or_twice(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "in" / "out"
        found = given(out, """
        inputs: {names: {}}
        steps: {names: {value: "{{ inputs.names }}"}}
        outputs: {each: {foreach: names, file: "{{ item }}", value: "{{ loop.index }}"}}
        """, names=names)  # fmt: skip
        paths = found.result.files.get("each", ())
        assert {each.parts[:2] for each in _inside(Path(folder))} <= {("in", "out")}
        assert len(set(paths)) == len(paths) == len(_inside(Path(folder)))
        assert (len(paths) == len(names)) == found.result.is_done


def _inside(folder: Path) -> list[Path]:
    return [each.relative_to(folder) for each in folder.rglob("*") if each.is_file()]


def test_no_file_is_written_for_what_has_no_value() -> None:
    stage = Stage()
    found = stage.run(
        """
        steps: {a: {foreach: "[1, 2, 3]", if: item != 2, value: "{{ item }}"}}
        outputs: {o: {foreach: a, value: "{{ item }}", file: "{{ loop.index }}.txt"}}
        """
    )
    assert [Path(each).name for each in found.result.files["o"]] == ["1.txt", "3.txt"]


def test_an_output_that_is_null_is_said_not_to_be_given() -> None:
    stage = Stage()
    found = stage.run(
        """
        steps: {a: {value: "{{ 1 / 0 }}", on_error: ignore}}
        outputs: {o: {value: "{{ a }}", file: a.txt}}
        """
    )
    assert (found.result.files, found.result.absent) == ({}, {"o": "its value is null"})
