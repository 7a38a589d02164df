from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowrun import api
from flowrun.config import Config
from flowrun.document.check import check
from flowrun.document.edges import Edge
from flowrun.document.parts import Parts
from flowrun.document.source import load
from flowrun.errors import PipelineError
from flowrun.folder import FolderError
from flowrun.proofs import FullProofs, KnownProofs, Notes

TEXT = """\
steps:
  b: {value: "{{ a }}"}
  a: {value: "{% include 'part.md' %}"}
outputs: {b: "{{ b }}"}
"""
FILES = {"part.md": "one", "other.md": "two"}


def notes(tmp_path: Path, text: str = TEXT, files: dict[str, str] | None = None) -> Notes:
    found = FILES if files is None else files

    def read(name: str) -> str:
        if name not in found:
            raise FolderError(f'there is no file "{name}"')
        return found[name]

    return Notes(tmp_path, text, read)


def kept(tmp_path: Path) -> Path:
    """The note of TEXT, which read one file."""
    note = notes(tmp_path)
    assert note.reading("part.md") == "one"
    note.keep([["a", "b"]])
    (path,) = (tmp_path / "checked").iterdir()
    return path


def test_what_was_kept_is_known(tmp_path: Path) -> None:
    kept(tmp_path)
    assert notes(tmp_path).known() == KnownProofs.of([["a", "b"]])


def test_nothing_is_known_of_what_was_never_kept(tmp_path: Path) -> None:
    assert notes(tmp_path).known() is None


@pytest.mark.parametrize(
    "other",
    [lambda path: notes(path, TEXT + " "), lambda path: notes(path, files={"part.md": "changed"}),
     lambda path: notes(path, files={})],
    ids=["another text", "a changed file", "a file that is gone"],
)  # fmt: skip
def test_nothing_is_known_of_anything_else(other: Callable[[Path], Notes], tmp_path: Path) -> None:
    kept(tmp_path)
    assert other(tmp_path).known() is None


@pytest.mark.parametrize(
    "damage",
    [b"", b"\xff", b"{", b"[]", b'"x"', b'{"files": {}}', b'{"orders": [["a"]]}',
     b'{"orders": 1, "files": {}}', b'{"orders": [1], "files": {}}',
     b'{"orders": [], "files": [1]}', b"[" * 100_000],
)  # fmt: skip
def test_a_damaged_note_is_as_good_as_none(damage: bytes, tmp_path: Path) -> None:
    kept(tmp_path).write_bytes(damage)
    assert notes(tmp_path).known() is None


def test_a_note_that_cannot_be_kept_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "checked").write_text("a file where the folder should be")
    note = notes(tmp_path)
    note.keep([["a", "b"]])
    assert note.known() is None


def test_notes_are_whole_and_private(tmp_path: Path) -> None:
    path = kept(tmp_path)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_an_order_of_other_steps_is_found_anew() -> None:
    known = KnownProofs.of([["a", "x"]])
    assert known.order(["b", "a"], []) == FullProofs().order(["b", "a"], [])
    assert KnownProofs.of([["b", "a"]]).order(["a", "b"], []) == (("b", "a"), ())


def test_levels_with_the_same_steps_have_each_their_order() -> None:
    known = KnownProofs.of([["b", "a"], ["a", "b"]])
    assert known.order(["b", "a"], []) == (("b", "a"), ())
    edge = Edge("a", "b", True, ("steps", "b"))
    assert known.order(["b", "a"], [edge]) == (("a", "b"), ())


def test_known_proofs_find_nothing() -> None:
    loaded = load(TEXT.encode(), "test.yaml")
    known = KnownProofs.of([["a", "b"]])
    assert known.form(loaded) == ()
    assert known.types(loaded, Parts(), []) == ((), {})


def test_full_proofs_find_faults_of_form() -> None:
    loaded = load(b"steps:\n  a: {valu: x}\n", "test.yaml")
    assert FullProofs().form(loaded)


def test_a_run_leaves_a_note_and_the_next_one_has_the_same_plan(tmp_path: Path) -> None:
    file = tmp_path / "test.yaml"
    file.write_text(TEXT)
    (tmp_path / "part.md").write_text("one")
    config = Config(state=tmp_path / "state", out=tmp_path / "out")
    first = api.load(file, config=config)
    assert first.unnoted is not None
    assert api.execute(first).outputs == {"b": "one"}
    second = api.load(file, config=config)
    assert second.unnoted is None
    assert [task.id for task in second.plan.tasks] == [task.id for task in first.plan.tasks]
    (tmp_path / "part.md").write_text("{{ c }}")
    with pytest.raises(PipelineError):
        api.load(file, config=config)


def test_a_check_ignores_what_was_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    faulty = 'steps:\n  a: {valu: "x"}\n'
    (tmp_path / "test.yaml").write_text(faulty)
    note = Notes(Path(".flowrun"), faulty, FILES.__getitem__)
    (tmp_path / ".flowrun").mkdir()
    note.keep([["a"]])
    assert api.examine("test.yaml").diagnostics


def test_a_file_with_warnings_is_never_noted(tmp_path: Path) -> None:
    file = tmp_path / "test.yaml"
    file.write_text("schemas:\n  a: {type: string, maxLenght: 3}\nsteps:\n  a: {value: x}\n")
    config = Config(state=tmp_path / "state", out=tmp_path / "out")
    for _ in range(2):
        pipeline = api.load(file, config=config)
        assert len(pipeline.warnings) == 1
        api.execute(pipeline)


def test_the_second_run_goes_without_what_proves(tmp_path: Path) -> None:
    (tmp_path / "test.yaml").write_text('steps:\n  a: {value: "x"}\n')
    code = (
        "import json, sys, flowrun\n"
        "flowrun.execute('test.yaml')\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        for _ in range(2)
    ]
    costly = {"pydantic", "networkx", "flowrun.document.typecheck"}
    first, second = (set(json.loads(each.stdout)) for each in runs)
    assert "pydantic" in first
    assert not costly & second


def test_a_file_that_was_not_there_must_still_be_away(tmp_path: Path) -> None:
    note = notes(tmp_path, files={})
    with pytest.raises(FolderError):
        note.reading("part.md")
    note.keep([["a", "b"]])
    assert notes(tmp_path, files={}).known() == KnownProofs.of([["a", "b"]])
    assert notes(tmp_path).known() is None


def test_a_pipe_in_a_notes_place_is_no_note(tmp_path: Path) -> None:
    path = kept(tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert notes(tmp_path).known() is None


def test_a_note_is_never_written_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    path = kept(tmp_path)
    path.unlink()
    path.symlink_to(target)
    kept(tmp_path)
    assert target.read_text() == "mine"


@pytest.mark.parametrize("order", [("a", "b", "a"), ("b", "a"), ("a",), ("a", "c")])
def test_an_order_that_is_none_of_these_steps_is_found_anew(order: tuple[str, ...]) -> None:
    edge = Edge("a", "b", True, ("steps", "b"))
    assert KnownProofs.of([order]).order(["b", "a"], [edge]) == (["a", "b"], [])


FAMILY = {
    "p.yaml": """\
steps:
  b: {steps: {d: {value: "{{ c }}"}, c: {value: 1}}}
  u: {uses: sub/c.yaml, with: {x: "{{ b.d }}"}}
""",
    "sub/c.yaml": """\
inputs: {x: {type: integer}}
tools: {t: {python: "m:f"}}
steps:
  d: {value: "{{ c }}"}
  c: {steps: {y: {value: "{{ x + z }}"}, x: {value: "{{ inputs.x }}"}, z: {value: 1}}}
outputs: {d: "{{ d }}"}
""",
    "sub/m.py": "def f(): pass",
}


def test_blocks_and_files_that_are_used_are_known_again(tmp_path: Path) -> None:
    for name, text in FAMILY.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    code = (
        "import json, sys\n"
        "from flowrun import api\n"
        "found = api.load('p.yaml')\n"
        "api._make_state(found)\n"
        "print(json.dumps([found.unnoted is None, list(found.plan.orders()), list(sys.modules)]))\n"
    )

    def load() -> tuple[bool, list[list[str]], set[str]]:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        is_known, orders, modules = json.loads(done.stdout)
        return is_known, orders, set(modules)

    costly = {"pydantic", "networkx", "flowrun.document.typecheck"}
    orders = [["b", "u"], ["c", "d"], ["c", "d"], ["x", "z", "y"]]
    is_known, found, modules = load()
    assert (is_known, found, costly <= modules) == (False, orders, True)
    is_known, found, modules = load()
    assert (is_known, found, costly & modules) == (True, orders, set())


@pytest.mark.parametrize("name", ["sub/c.yaml", "sub/m.py"])
def test_a_change_in_a_file_that_is_used_is_noticed(name: str, tmp_path: Path) -> None:
    note = notes(tmp_path, FAMILY["p.yaml"], FAMILY)
    loaded = load(FAMILY["p.yaml"], "p.yaml")
    plan = check(loaded, read_file=note.reading, proofs=FullProofs()).sound_plan()
    note.keep(plan.orders())
    assert notes(tmp_path, FAMILY["p.yaml"], FAMILY).known() is not None
    changed = {**FAMILY, name: FAMILY[name] + " "}
    assert notes(tmp_path, FAMILY["p.yaml"], changed).known() is None
    del changed[name]
    assert notes(tmp_path, FAMILY["p.yaml"], changed).known() is None


def test_a_package_that_comes_before_an_installed_one_is_noticed(tmp_path: Path) -> None:
    text = "tools: {t: {python: 'json:dumps'}}\nsteps: {a: {call: t}}"
    note = notes(tmp_path, text, {})
    check(load(text, "p.yaml"), read_file=note.reading, proofs=FullProofs()).sound_plan()
    note.keep([["a"]])
    assert notes(tmp_path, text, {}).known() is not None
    assert notes(tmp_path, text, {"json.py": "def dumps(): pass"}).known() is None
