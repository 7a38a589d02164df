"""Python tools: where their module is looked for, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from flowrun.document.tool import PythonFunction, Tool
from tests.document.checking import checked, plan, told


def tool(spec: str, files: Mapping[str, str]) -> Tool:
    return plan(f"tools: {{t: {{{spec}}}}}\nsteps: {{a: {{value: 1}}}}", files).tools[0]


@pytest.mark.parametrize(
    ("name", "files", "file"),
    [
        ("shop:find", {"shop.py": "def find(): pass"}, "shop.py"),
        ("shop.s:find", {"shop/s.py": "def find(): pass"}, "shop/s.py"),
        ("shop.s:find", {"shop/s/__init__.py": "async def find(): pass"}, "shop/s/__init__.py"),
        ("shop.s:find", {"s.py": "def find(): pass"}, ""),
    ],
    ids=["a module", "a module of a package", "a package", "an installed module"],
)
def test_a_module_is_looked_for_under_the_folder_first(
    name: str, files: Mapping[str, str], file: str
) -> None:
    found = tool(f"python: '{name}'", files)
    module, _, function = name.partition(":")
    assert found.action == PythonFunction(module, function, file)


def test_of_an_installed_module_only_the_file_tells() -> None:
    found = tool("python: 'json:dumps'", {})
    assert (found.parameters, found.returns, found.description) == (None, None, "")


def test_what_the_file_declares_wins() -> None:
    files = {"m.py": 'def f(a: int) -> int: "Said in Python."'}
    found = tool("python: 'm:f'", files)
    assert found.returns == {"type": "integer"}
    assert found.description == "Said in Python."
    found = tool(
        "python: 'm:f', description: Mine., parameters: {type: object}, returns: {type: string}",
        files,
    )
    assert (found.description, found.parameters) == ("Mine.", {"type": "object"})
    assert found.returns == {"type": "string"}


def test_a_function_whose_parameters_nobody_knows_takes_any() -> None:
    files = {"m.py": "import x\n@x.wrapped\ndef f(a): pass"}
    text = "tools: {t: {python: 'm:f'}}\nsteps: {a: {call: t, with: {b: 1}}}"
    assert told(text, files) == []


@pytest.mark.parametrize(
    ("text", "message", "mend"),
    [
        ("def find(): pass", 'module "m" has no function "fnd"', "did you mean find?"),
        ("def alpha(): pass\ndef beta(): pass", 'module "m" has no function "fnd"',
         "it has alpha, beta"),
        ("x = 1", 'module "m" has no function "fnd"', "write def fnd there"),
        ("def (", 'module "m" is no Python: line 1: invalid syntax', ""),
    ],
)  # fmt: skip
def test_a_function_that_cannot_be_had_is_told(text: str, message: str, mend: str) -> None:
    steps = "steps: {a: {call: t, with: {x: 1}}, b: {value: '{{ a.x }}'}}"
    pipeline = f"tools: {{t: {{python: 'm:fnd'}}}}\n{steps}"
    (found,) = checked(pipeline, {"m.py": text}).diagnostics
    assert (found.message, found.mend) == (message, mend)
    assert (found.mark.line, found.mark.column, found.length) == (1, 21, 5)
