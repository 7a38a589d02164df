"""Pipelines that use pipelines: read once each, told at their own places, never in a ring."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.document.check import check
from flowrun.document.families import too_large
from flowrun.document.source import load
from flowrun.errors import FlowrunError
from flowrun.proofs import FullProofs
from tests.document.checking import Models, checked, plan, told

LEAF = "steps: {a: {value: 1}}"


def line(length: int) -> dict[str, str]:
    """So many files of which each uses the next."""
    found = {f"f{n}.yaml": f"steps: {{a: {{uses: f{n + 1}.yaml}}}}" for n in range(1, length)}
    return {**found, f"f{length}.yaml": LEAF}


def test_a_file_that_is_used_is_checked_and_has_its_own_plan() -> None:
    files = {"sub/c.yaml": "name: child\nsteps: {a: {uses: d.yaml}}", "sub/d.yaml": LEAF}
    found = plan("steps: {a: {uses: ./sub/c.yaml}}", files).tasks[0].uses
    assert found is not None
    assert (found.plan.name, found.plan.path, found.plan.folder) == ("child", "sub/c.yaml", "sub")
    inner = found.plan.tasks[0].uses
    assert inner is not None
    assert (inner.plan.name, inner.plan.path) == ("d", "sub/d.yaml")


def test_paths_are_shown_as_the_first_files_is() -> None:
    loaded = load("steps: {a: {uses: ./sub/c.yaml}}", "some/where/p.yaml")
    found = check(
        loaded, read_file={"sub/c.yaml": LEAF}.__getitem__, proofs=FullProofs()
    ).sound_plan()
    assert found.tasks[0].uses is not None
    assert found.tasks[0].uses.plan.path == "some/where/sub/c.yaml"


def test_what_a_file_names_is_under_its_own_folder() -> None:
    files = {
        "sub/c.yaml": "tools: {t: {python: 'm:f'}}\nschemas: {s: {file: s.json}}\n"
        "steps: {a: {prompt: {file: p.md}}, b: {value: \"{% include 'i.md' %}\"}, c: {call: t}}",
        "sub/m.py": "def f(): pass",
        "sub/s.json": "{}",
        "sub/p.md": "x",
        "sub/i.md": "x",
    }
    found = plan("steps: {a: {uses: sub/c.yaml}}", files)
    (child,) = found.children()
    assert (child.tools[0].folder, child.tools[0].origin) == ("sub", "sub/c.yaml")


def test_faults_are_told_at_their_own_places_behind_those_of_the_first_file() -> None:
    files = {
        "a.yaml": "steps: {a: {uses: deep/b.yaml}, b: {value: '{{ x }}'}}",
        "deep/b.yaml": "steps: {a: {prompt: {file: p.md}}, b: {prompt: {file: q.md}}}",
        "deep/p.md": "line\n{{ y }}",
        "c.yaml": "steps: [",
    }
    text = "steps: {a: {uses: a.yaml}, b: {uses: c.yaml}, c: {value: '{{ z }}'}}"
    found = told(text, files)
    assert [each.partition(" ")[0] for each in found] == [
        "1:62:", "a.yaml:1:48:", "deep/b.yaml:1:55:", "deep/p.md:2:4:", "c.yaml:1:9:",
    ]  # fmt: skip
    assert checked(text, files).plan is None


def test_a_file_with_a_fault_leaves_what_uses_it_unblamed() -> None:
    files = {"c.yaml": "inputs: {x: {}}\nsteps: {a: {value: '{{ z }}'}}"}
    text = (
        "tools: {t: {uses: c.yaml}}\nsteps: {a: {uses: c.yaml}, b: {value: '{{ a.x.y }}'}, "
        "c: {call: t, with: {q: 1}}, d: {prompt: x, tools: [t]}}"
    )
    assert told(text, files) == ['c.yaml:2:24: unknown step "z" [unknown-step]']


def test_a_file_that_several_use_is_read_and_told_once() -> None:
    read: list[str] = []
    files = {"c.yaml": "steps: {a: {uses: d.yaml}}", "d.yaml": "steps: {a: {value: '{{ z }}'}}"}

    def reading(name: str) -> str:
        read.append(name)
        return files[name]

    loaded = load("steps: {a: {uses: c.yaml}, b: {uses: ./c.yaml}, c: {uses: d.yaml}}", "p.yaml")
    found = check(loaded, read_file=reading, proofs=FullProofs())
    assert len(found.diagnostics) == 1
    assert read == ["c.yaml", "d.yaml"]


def test_a_file_that_is_not_there_is_told_wherever_it_is_named() -> None:
    assert told("steps: {a: {uses: c.yaml}, b: {uses: ./c.yaml}}") == [
        '1:19: there is no file "c.yaml" [unreadable-file]',
        '1:38: there is no file "c.yaml" [unreadable-file]',
    ]


@pytest.mark.parametrize(
    ("files", "messages"),
    [
        ({"p.yaml": LEAF}, ["1:19: pipelines use each other in a ring: p.yaml → p.yaml"]),
        (
            {"a.yaml": "steps: {x: {uses: ./p.yaml}}"},
            ["a.yaml:1:19: pipelines use each other in a ring: p.yaml → a.yaml → p.yaml"],
        ),
        (
            {"a.yaml": "steps: {x: {uses: b.yaml}}", "b.yaml": "steps: {x: {uses: ./a.yaml}}"},
            ["b.yaml:1:19: pipelines use each other in a ring: a.yaml → b.yaml → a.yaml"],
        ),
        (
            {"a.yaml": "tools: {t: {uses: a.yaml}}\nsteps: {x: {value: 1}}"},
            ["a.yaml:1:19: pipelines use each other in a ring: a.yaml → a.yaml"],
        ),
    ],
    ids=["itself", "back to the first", "among others", "by a tool"],
)
def test_a_ring_of_files_is_told_at_the_place_that_closes_it(
    files: Mapping[str, str], messages: list[str]
) -> None:
    name = next(iter(files))
    assert told(f"steps: {{a: {{uses: {name}}}}}", files) == [
        f"{each} [file-cycle]" for each in messages
    ]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../c.yaml", 'it has "..", which leads out of the folder'),
        ("/etc/c.yaml", "it is absolute, and names start at the folder itself"),
        ("sub/", "it names a folder"),
    ],
)
def test_a_name_that_leads_out_is_refused(name: str, problem: str) -> None:
    assert told(f"steps: {{a: {{uses: {name}}}}}") == [
        f'1:19: "{name}" is no file name here: {problem} [bad-path]'
    ]


def test_files_may_stand_in_a_line_of_sixteen() -> None:
    assert told("steps: {a: {uses: f1.yaml}}", line(15)) == []
    assert told("steps: {a: {uses: f1.yaml}}", line(16)) == [
        "f15.yaml:1:19: pipelines use each other more than 16 files deep [too-deep]"
    ]


def test_a_line_is_too_long_whichever_of_its_files_is_read_first() -> None:
    steps = "steps: {a: {uses: f9.yaml}, b: {uses: f1.yaml}}"
    assert told(steps, line(15)) == []
    assert told(steps, line(16)) == [
        "f8.yaml:1:19: pipelines use each other more than 16 files deep [too-deep]"
    ]


def test_files_that_use_each_other_over_and_over_are_counted() -> None:
    many = ", ".join(f"s{n}: {{uses: NEXT}}" for n in range(30))
    files = {
        f"f{n}.yaml": f"steps: {{{many.replace('NEXT', f'f{n + 1}.yaml')}}}" for n in range(1, 6)
    }
    found = told("steps: {a: {uses: f1.yaml}}", {**files, "f6.yaml": LEAF})
    assert found == [
        "f2.yaml:1:1: the file and those that it uses come to 1,647,930 steps; "
        "100,000 are allowed [too-large]"
    ]
    assert too_large(100_000) == ""


def test_models_are_held_against_the_steps_of_all_files() -> None:
    files = {"c.yaml": "steps: {a: {prompt: x, model: m, modalities: [image]}}"}
    models = Models({"m": Capabilities(images_out=False)})
    assert told("steps: {a: {uses: c.yaml}}", files, models) == [
        'c.yaml:1:31: step "a" asks "m" for a picture, which it cannot give [lacks-capability]'
    ]


FILES = {
    "c.yaml": "steps: {a: {prompt: {file: p.md}}, b: {uses: d.yaml}, c: {call: t}}\n"
    "tools: {t: {python: 'm:f'}}",
    "d.yaml": LEAF,
    "p.md": "x",
    "m.py": "def f(): pass",
}
TEXT = "steps: {a: {uses: c.yaml}}"


@pytest.mark.parametrize("name", [*FILES, "m/__init__.py"])
def test_a_version_changes_with_all_that_is_read(name: str) -> None:
    changed = {**FILES, name: FILES.get(name, "") + " "}
    is_same = plan(TEXT, FILES).version == plan(TEXT, changed).version
    assert is_same == (name == "m/__init__.py")


def test_a_version_changes_with_the_text_and_not_with_the_files_place() -> None:
    assert plan(TEXT, FILES).version == plan(TEXT, FILES).version
    assert plan(TEXT + " ", FILES).version != plan(TEXT, FILES).version
    other = check(load(TEXT, "other.yaml"), read_file=FILES.__getitem__, proofs=FullProofs())
    assert other.sound_plan().version == plan(TEXT, FILES).version


def test_a_module_that_comes_changes_the_version() -> None:
    text = "tools: {t: {python: 'm:f'}}\nsteps: {a: {value: 1}}"
    assert plan(text).version != plan(text, {"m.py": "def f(): pass"}).version


def test_a_file_that_cannot_be_read_for_another_reason_is_told_too() -> None:
    def refuse(name: str) -> str:
        raise FlowrunError(f'"{name}" is not UTF-8 text')

    found = check(load(TEXT, "p.yaml"), read_file=refuse, proofs=FullProofs()).diagnostics
    assert [each.message for each in found] == ['"c.yaml" is not UTF-8 text']
