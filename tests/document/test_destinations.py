"""Names of output files: those that lead out, and those that are written twice."""

from __future__ import annotations

import pytest

from tests.document.checking import checked, told

STEPS = "steps: {a: {prompt: x}}\noutputs:\n  o: "


def faults(output: str) -> list[str]:
    return [each.split(": ", 1)[1] for each in told(STEPS + output)]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("/x", "it is absolute, and names start at the folder itself"),
        ("../x", 'it has "..", which leads out of the folder'),
        ("x/../../y", 'it has "..", which leads out of the folder'),
        ("..", 'it has "..", which leads out of the folder'),
        ("", "it is empty"),
        ("x/", "it names a folder"),
        ("C:/x", "it names a drive, and names start at the folder itself"),
        ("x\\y", 'it holds a backslash; folders are separated by "/"'),
        ("/{{ a }}", "it is absolute, and names start at the folder itself"),
        ("{{ a }}/../x", 'it has "..", which leads out of the folder'),
        ("{{ a }}/", "it names a folder"),
    ],
)
def test_a_name_that_leads_out_whatever_is_in_it_is_told(name: str, problem: str) -> None:
    assert faults(f"{{value: x, file: '{name}'}}") == [
        f'"{name}" is no file name here: {problem} [bad-path]'
    ]


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "x/y.md",
        "{{ a }}",
        "{{ a }}:x",
        "{{ a }}..",
        "..{{ a }}",
        "{% if a %}/{% endif %}x",
        "a b",
    ],
)
def test_a_name_that_may_be_good_is_left_to_the_run(name: str) -> None:
    assert faults(f"{{value: x, file: '{name}'}}") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [("x.md", "x.md"), ("x.md", "./x.md"), ("y/x.md", "y//x.md"), ("{{ a }}.md", "{{ a }}.md")],
)
def test_a_file_that_two_outputs_write_is_told_at_the_second(one: str, other: str) -> None:
    found = faults(f"{{value: x, file: '{one}'}}\n  p: {{value: y, file: '{other}'}}")
    assert found == ["the same file is written twice, first at p.yaml:3:24 [same-file]"]


def test_files_of_other_names_are_no_fault() -> None:
    assert faults("{value: x, file: x.md}\n  p: {value: y, file: X.md}\n  q: {value: z}") == []


@pytest.mark.parametrize("name", ["x.md", "{{ a }}.md", "{{ inputs }}.md"])
def test_one_file_for_all_elements_is_told(name: str) -> None:
    (found,) = checked(f"{STEPS}{{value: x, file: '{name}', foreach: '[1]', as: n}}").diagnostics
    assert found.message == "every element would be written to the same file"
    assert found.mend == "write a name with n or loop.index in it"


@pytest.mark.parametrize("name", ["{{ n }}.md", "{{ loop.index }}.md", "{{ a }}/{{ n }}"])
def test_a_name_for_each_element_is_no_fault(name: str) -> None:
    assert faults(f"{{value: x, file: '{name}', foreach: '[1]', as: n}}") == []
