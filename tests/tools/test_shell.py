from __future__ import annotations

import asyncio
import json
import os
import select
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.config import ToolSettings
from flowrun.document.tool import ShellCommand, Tool
from flowrun.errors import StepError, ToolError
from flowrun.tools.shell import ShellTool, shell_tool, words
from tests.support.declared import shell

SHOW = "import json, sys; print(json.dumps(sys.argv[1:]))"
PYTHON = (sys.executable, "-c", SHOW)
LIST = {"type": "array"}


def made(tool: Tool, folder: Path, environ: Mapping[str, str] = os.environ, *env: str) -> ShellTool:
    return shell_tool(tool, folder, environ=environ, settings=ToolSettings(env=env))


def call(folder: Path, tool: Tool, /, **arguments: Any) -> object:
    return asyncio.run(made(tool, folder).call(arguments))


def shown(folder: Path, *elements: Any, **arguments: Any) -> object:
    """The arguments that a program gets."""
    return call(folder, shell(*PYTHON, *elements, returns=LIST), **arguments)


def test_a_program_is_a_tool(tmp_path: Path) -> None:
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}}}
    tool = shell("printf", "%s|", "n={{ n }}", "x", description="Prints.", parameters=parameters)
    facts = made(tool, tmp_path).facts
    assert facts.definition.as_json() == {
        "type": "function",
        "function": {"name": "tool", "description": "Prints.", "parameters": parameters},
    }
    assert call(tmp_path, tool, n=3) == "n=3|x|"


def test_a_tool_without_parameters_takes_none(tmp_path: Path) -> None:
    facts = made(shell("true"), tmp_path).facts
    assert facts.definition.parameters == {"type": "object", "properties": {}}


HOSTILE = (
    *("a b", "a\nb", "'", '"', "$(touch canary)", "`touch canary`", "; touch canary"),
    *("| touch canary", "&& touch canary", "> canary", "../../etc/passwd", "/etc/passwd", "*"),
    *("~", "$HOME", "%s", "\\", "é\u202e\u0301", "😀", "\x1b[31m", "", " -x", "x" * 100_000),
    *("{{ 7 * 7 }}", "{% raw %}", "\r\n", "\t", "a\\\nb", "!x", "#x", "a=b", "@file", "+x"),
)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_value_stays_one_argument(tmp_path: Path, value: str) -> None:
    elements = ("{{ v }}", "x{{ v }}y", {"each": "{{ [v, v] }}"}, "last")
    assert shown(tmp_path, *elements, v=value) == [value, f"x{value}y", value, value, "last"]
    assert list(tmp_path.iterdir()) == []


OPTIONS = ("-x", "--", "-", "--exec=touch canary", "-\n", "--upload-pack=touch canary")


@pytest.mark.parametrize("value", OPTIONS)
@pytest.mark.parametrize("element", ["{{ v }}", "{{ v }}.txt", {"each": "{{ [v] }}"}, "-{{ v }}"])
def test_a_value_cannot_become_an_option(tmp_path: Path, element: Any, value: str) -> None:
    with pytest.raises(ToolError, match=r"would be an option of the program$"):
        shown(tmp_path, element, v=value)


@pytest.mark.parametrize("value", OPTIONS)
def test_the_file_may_let_it(tmp_path: Path, value: str) -> None:
    elements = ({"option": "{{ v }}"}, {"each": "{{ [v] }}", "option": True}, "--", "{{ v }}")
    assert shown(tmp_path, *elements, v=value) == [value, value, "--", value]
    assert shown(tmp_path, "--max={{ v }}", v=value) == [f"--max={value}"]
    assert shown(tmp_path, "--", {"each": "{{ [v] }}"}, v=value) == ["--", value]


def test_what_the_file_itself_says_may_begin_with_a_dash(tmp_path: Path) -> None:
    assert shown(tmp_path, "-n", "-{{ n }}", -3, n=5) == ["-n", "-5", "-3"]


def test_a_dash_dash_that_a_value_gives_ends_nothing(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match='"-x" would be an option'):
        shown(tmp_path, {"option": "{{ a }}"}, "{{ b }}", a="--", b="-x")


def test_values_that_are_no_text_are_json(tmp_path: Path) -> None:
    given = {"n": 1.5, "t": True, "o": {"a": [1]}, "z": None}
    elements = ("{{ n }}", "{{ t }}", "{{ o }}", "{{ z }}", {"each": "{{ [n, o] }}"})
    assert shown(tmp_path, *elements, **given) == [
        *("1.5", "true", '{"a": [1]}', "null", "1.5", '{"a": [1]}'),
    ]


@pytest.mark.parametrize(
    ("element", "value", "problem"),
    [
        ("{{ v }}", ["a"], 'a list can be no argument of the program; the file must say "each"'),
        ({"each": "{{ v }}"}, "ab", '"each" needs a list, not ab'),
        ({"each": "{{ v }}"}, {"a": 1}, '"each" needs a list, not {"a": 1}'),
        ("{{ v }}", "a\0b", "an argument of the program may hold no NUL character"),
        ("{{ v }}", "\ud800",
         "an argument of the program holds a character that cannot be written as UTF-8"),
        ({"each": "{{ v }}"}, ["a"] * 10_001,
         "the program would be given more than 10,000 arguments"),
        ("{{ w }}", 1, 'a template of the tool failed: "w" is not defined'),
    ],
)  # fmt: skip
def test_what_can_be_no_argument_is_told(
    tmp_path: Path, element: Any, value: object, problem: str
) -> None:
    with pytest.raises(ToolError) as caught:
        shown(tmp_path, element, v=value)
    assert str(caught.value) == problem


def test_more_than_the_system_takes_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r'"python.*" cannot be started: Argument list too long$'):
        shown(tmp_path, "{{ v }}", v="x" * 5_000_000)


@given(st.text(), st.lists(st.text()))
def test_no_value_adds_an_option_or_an_argument(value: str, values: list[str]) -> None:
    action = shell("p", "-a", "{{ v }}", "x={{ v }}", {"each": "{{ vs }}"}).action
    assert isinstance(action, ShellCommand)
    try:
        found = words(action.arguments[1:], {"v": value, "vs": values})
    except ToolError:
        return
    assert len(found) == 3 + len(values)
    assert not any(each.startswith(b"-") for each in found[1:])


def test_a_program_reads_what_the_file_says(tmp_path: Path) -> None:
    assert call(tmp_path, shell("cat", stdin="v: {{ v }}"), v="a\nb") == "v: a\nb"
    assert call(tmp_path, shell("cat", stdin={"v": "{{ v }}"}), v=[1]) == '{"v": [1]}'
    assert call(tmp_path, shell("cat")) == ""


@pytest.mark.parametrize(
    ("written", "read"), [("a\n", "a"), ("a\n\n", "a\n"), ("a\r\n", "a"), ("a", "a"), ("", "")]
)
def test_the_last_line_break_is_left_out(tmp_path: Path, written: str, read: str) -> None:
    assert call(tmp_path, shell("printf", "%s", "{{ v }}"), v=written) == read


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    assert call(tmp_path, shell("printf", r"a\377b")) == "a\ufffdb"


def test_output_is_data_where_the_file_says_so(tmp_path: Path) -> None:
    tool = shell("cat", stdin="{{ v }}", returns={"type": "object", "required": ["a"]})
    assert call(tmp_path, tool, v='{"a": 1}') == {"a": 1}
    with pytest.raises(ToolError, match=r'^what "cat" writes is not JSON: '):
        call(tmp_path, tool, v="plain")
    with pytest.raises(ToolError, match=r'^the result does not fit what "returns" says: "a" is'):
        call(tmp_path, tool, v="{}")


def test_a_failure_is_told_with_the_end_of_stderr(tmp_path: Path) -> None:
    fails = "import sys; sys.stderr.write('x' * 5000 + 'the reason\\n'); sys.exit(4)"
    name = Path(sys.executable).name
    with pytest.raises(ToolError) as caught:
        call(tmp_path, shell(sys.executable, "-c", fails))
    assert str(caught.value) == f'"{name}" ended with status 4: {"x" * 1990}the reason'
    with pytest.raises(ToolError, match=r'^"false" ended with status 1$'):
        call(tmp_path, shell("false"))


def test_a_signal_is_named(tmp_path: Path) -> None:
    for number, name in ((9, "SIGKILL"), (40, "signal 40")):
        program = f"import os; os.kill(os.getpid(), {number})"
        with pytest.raises(ToolError, match=f"was ended by {name}$"):
            call(tmp_path, shell(sys.executable, "-c", program))


def test_too_much_output_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r'^"yes" writes more than 1 MiB$'):
        call(tmp_path, shell("yes"))


def test_a_program_runs_in_the_folder_of_its_file(tmp_path: Path) -> None:
    assert call(tmp_path, shell("pwd")) == str(tmp_path.resolve())


def script(path: Path, text: str = "#!/bin/sh\necho ran") -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_programs_of_the_folder_and_whole_paths_are_run(tmp_path: Path) -> None:
    whole = script(tmp_path / "own")
    assert call(tmp_path, shell("./own")) == "ran"
    assert call(tmp_path / "..", shell(str(whole))) == "ran"


def test_the_folder_is_not_searched(tmp_path: Path) -> None:
    script(tmp_path / "own")
    environ = {"PATH": f":.:{os.environ['PATH']}"}
    with pytest.raises(ToolError, match='no program "own" is on the PATH'):
        made(shell("own"), tmp_path, environ)


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("no-such-program", 'no program "no-such-program" is on the PATH'),
        ("./none", '"./none" is no program that can be run'),
        ("./plain", '"./plain" is no program that can be run'),
        ("./folder", '"./folder" is no program that can be run'),
        ("../own", 'the program "../own" is outside of the pipeline\'s folder'),
        ("./link", 'the program "./link" is outside of the pipeline\'s folder'),
        ("{{ v }}", "its program must be literal"),
        ("", "its program must be literal"),
        ("a\0b", "its program must be literal"),
    ],
)
def test_what_is_no_program_is_told(tmp_path: Path, program: str, problem: str) -> None:
    here = tmp_path / "here"
    (here / "folder").mkdir(parents=True)
    (here / "plain").touch()
    (here / "link").symlink_to(script(tmp_path / "own"))
    with pytest.raises(ToolError) as caught:
        made(shell(program), here)
    assert str(caught.value) == f'the tool "tool": {problem}'


def test_a_program_that_is_gone_is_told(tmp_path: Path) -> None:
    own = script(tmp_path / "own")
    tool = made(shell("./own"), tmp_path)
    own.unlink()
    with pytest.raises(ToolError, match=r'^"own" cannot be started: No such file or directory$'):
        asyncio.run(tool.call({}))


ENV = "import json, os; print(json.dumps(dict(os.environ)))"


def test_keys_do_not_reach_a_program(tmp_path: Path) -> None:
    environ = {
        **{"PATH": os.environ["PATH"], "HOME": "/home/x", "LANG": "C.UTF-8", "TZ": "UTC"},
        **{"OPENAI_API_KEY": "sk-canary", "MINE_TOKEN": "canary", "WEATHER_KEY": "wanted"},
        **{"LD_PRELOAD": "", "PYTHONPATH": "/nowhere"},
    }
    tool = shell(sys.executable, "-c", ENV, env=("WEATHER_KEY",), returns={"type": "object"})
    found = asyncio.run(made(tool, tmp_path, environ, "WEATHER_KEY").call({}))
    assert isinstance(found, dict)
    assert found.pop("WEATHER_KEY") == "wanted"
    assert set(found) - {"LC_CTYPE"} == {"PATH", "HOME", "LANG", "TZ"}


def test_a_variable_must_be_allowed(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r'may not have the environment variable "OPENAI_API_KEY"'):
        made(shell("true", env=("OPENAI_API_KEY",)), tmp_path, {"OPENAI_API_KEY": "sk"})


def test_a_timeout_ends_the_program(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    waits = "import os, time; open('begun', 'w').write(str(os.getpid())); time.sleep(3600)"
    tool = made(shell(sys.executable, "-c", waits), tmp_path)

    async def late() -> None:
        async with asyncio.timeout(None) as limit:
            running = asyncio.ensure_future(tool.call({}))
            told = await asyncio.to_thread((tmp_path / "begun").read_text)
            process = os.pidfd_open(int(told))
            limit.reschedule(asyncio.get_running_loop().time())
            try:
                await running
            finally:
                assert select.select([process], [], [], 0)[0]
                os.close(process)

    with pytest.raises(TimeoutError):
        asyncio.run(late())


def test_the_version_is_that_of_the_command(tmp_path: Path) -> None:
    def version(*command: Any, **more: Any) -> str:
        return made(shell(*command, **more), tmp_path, os.environ, "HOME").facts.version

    first = version("true", "{{ a }}")
    assert version("true", "{{ a }}", name="other", timeout_s=3, is_pure=True) == first
    others = {
        version("false", "{{ a }}"),
        version("true", "{{ b }}"),
        version("true", {"option": "{{ a }}"}),
        version("true", {"each": "{{ a }}"}),
        version("true", "{{ a }}", stdin="{{ a }}"),
        version("true", "{{ a }}", env=("HOME",)),
        version("true", "{{ a }}", returns={"type": "object"}),
    }
    assert len(others | {first}) == 8


def test_many_run_at_once(tmp_path: Path) -> None:
    tool = made(shell("printf", "%s", "{{ v }}"), tmp_path)

    async def all_of_them() -> list[str]:
        return [
            str(await each)
            for each in [asyncio.ensure_future(tool.call({"v": n})) for n in range(20)]
        ]

    assert asyncio.run(all_of_them()) == [json.dumps(each) for each in range(20)]


def test_the_version_is_that_of_a_program_in_the_folder(tmp_path: Path) -> None:
    program = tmp_path / "hello.sh"
    versions = []
    for said in ("one", "two"):
        program.write_text(f"#!/bin/sh\necho {said}\n")
        program.chmod(0o755)
        versions.append(made(shell("./hello.sh"), tmp_path, os.environ).facts.version)
    assert versions[0] != versions[1]
