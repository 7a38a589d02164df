"""§5 of docs/language.md: tools."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from flowrun.api import execute
from flowrun.chat.messages import ChatRequest
from flowrun.digest import JsonValue
from flowrun.providers.fake import Answer, Calls
from tests.cli.command import flowrun, write
from tests.document.checking import checked, told
from tests.support.citing import says
from tests.support.endpoint import endpoint
from tests.support.mcp_raw import tool as listed
from tests.support.mcp_tooling import by_hand
from tests.support.replies import unary
from tests.support.running import Models, Run, Stage, run
from tests.support.tooling import Box, Counting, in_order, results
from tests.tools.test_web import Recorder

PAGE = Path(__file__).parent.parent.parent / "docs" / "language.md"
SEARCH = '''
def find(query: str, limit: int = 3) -> list[str]:
    """Finds pages of the shop.

    Args:
        query: what to look for
    """
    return [f"{query} {n}" for n in range(limit)]
'''
PARAMETERS = "parameters: {type: object, properties: {city: {type: string}}, required: [city]}"
WEATHER = f"""
tools:
  weather: {{http: {{url: "https://example.org/w"}}, {PARAMETERS}MORE}}
"""
ROUTES = """
tools:
  refund:
    description: Give the money back.
    parameters: {type: object, properties: {order_id: {type: string}}, required: [order_id]}
  answer: {}
steps:
  triage: {prompt: hi, tools: [refund, answer]}
"""
ROME, OSLO = {"city": "Rome"}, {"city": "Oslo"}


def with_tool(source: str, *script: Answer, tool: Counting | None = None) -> tuple[Run, Counting]:
    """A run over a script by turns, with the tool "weather"."""
    tool = tool or Counting()
    stage = Stage(models=Models(in_order(*script)), toolbox=Box([tool], {}))
    return stage.run(WEATHER.replace("MORE", "") + source), tool


def called(tools: str, step: str) -> object:
    """What a `call` step gives of a tool that is really run, in the current folder."""
    write("p.yaml", f"tools: {{t: {tools}}}\nsteps: {{a: {step}}}")
    found = execute("p.yaml")
    assert found.steps["a"].status == "done", found.steps["a"].reason
    return found.steps["a"].value


# The kinds


def test_the_example_of_the_page_is_sound() -> None:
    section = PAGE.read_text("utf-8").partition("## 5. ")[2]
    example = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert example is not None
    steps = """
steps:
  a: {prompt: hi, tools: [search, weather, log, docs, review]}
  b: {prompt: hi, tools: [refund], tool_choice: required}
  c: {if: b.tool == 'refund', value: "{{ b.arguments.order_id }}"}
"""
    assert told(example[1] + steps, {"shop/search.py": SEARCH, "review.yaml": CHILD}) == []


@says("§5", 'python: "package.module:function" a function, under the pipeline\'s folder')
def test_a_function_under_the_folder_is_called(here: Path) -> None:
    (here / "shop_pages").mkdir()
    write("shop_pages/search.py", SEARCH)
    found = called('{python: "shop_pages.search:find"}', "{call: t, with: {query: lamp, limit: 2}}")
    assert found == ["lamp 0", "lamp 1"]


@says("§5", "or installed;")
def test_an_installed_function_is_called() -> None:
    found = called('{python: "textwrap:shorten"}', "{call: t, with: {text: a  b, width: 9}}")
    assert found == "a b"


@says("§5", "description and parameters come from its signature and docstring")
def test_a_function_describes_itself() -> None:
    source = 'tools: {t: {python: "shop:find"}}\nsteps: {a: {prompt: hi, tools: [t]}}'
    (tool,) = checked(source, {"shop.py": SEARCH}).sound_plan().tools
    assert tool.description == "Finds pages of the shop."
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "what to look for"},
            "limit": {"type": "integer", "default": 3},
        },
        "required": ["query"],
        "additionalProperties": False,
    }


@says("§5", "http: {method, url, query, headers, body, bearer} a URL, with the arguments in its")
@says("§5", "templates")
def test_a_url_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEATHER_KEY", "secret-key")
    recorder = Recorder(it=unary({"sun": True}))
    with endpoint(recorder) as server:
        write("flowrun.toml", '[tools]\nprivate = ["127.0.0.1"]\nenv = ["WEATHER_KEY"]\n')
        url = server.url.replace("/v1", "/it")
        words = (
            f'method: POST, url: "{url}", query: {{c: "{{{{ city }}}}"}}, headers: {{X-A: b}}, '
            'body: {in: "{{ city }}"}, bearer: WEATHER_KEY'
        )
        found = called(f"{{http: {{{words}}}, {PARAMETERS}}}", "{call: t, with: {city: Rome & Co}}")
    assert found == {"sun": True}
    (seen,) = recorder.seen
    assert (seen.method, seen.path) == ("POST", "/it?c=Rome+%26+Co")
    assert seen.json == {"in": "Rome & Co"}
    assert (seen.headers["x-a"], seen.headers["authorization"]) == ("b", "Bearer secret-key")


@says("§5", "shell: [program, argument, …] a program; no shell parses the list")
def test_a_program_is_run_and_no_shell_parses_anything(here: Path) -> None:
    said = "$(touch x); `touch x` > x 'a b' *"
    step = f"{{call: t, with: {{city: {json.dumps(said)}}}}}"
    assert called(f'{{shell: [echo, "in {{{{ city }}}}"], {PARAMETERS}}}', step) == f"in {said}"
    assert not (here / "x").exists()


@says("§5", "mcp: {command: [program, …]} … all tools of a server, or those that")
@says("§5", "allow: [names] lists")
@pytest.mark.parametrize("allow", ["", ", allow: [echo]"])
def test_the_tools_of_a_server_are_called(allow: str) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    tools = [listed("echo", inputSchema=schema), listed("environment")]
    command = json.dumps(by_hand(tools))
    server = f"{{mcp: {{command: {command}{allow}}}}}"
    assert called(server, "{call: t.echo, with: {text: hi}}") == "hi"
    write("p.yaml", f"tools: {{t: {server}}}\nsteps: {{a: {{call: t.environment}}}}")
    assert flowrun("execute", "p.yaml").code == (2 if allow else 0)


@says("§5", "or {url: …}")
def test_a_server_may_have_an_address() -> None:
    tools = "tools: {t: {mcp: {url: 'https://example.org/mcp'}}}\n"
    assert told(tools + "steps: {a: {call: t.search}}") == []


CHILD = "inputs: {city: {}}\nsteps: {x: {prompt: 'in {{ inputs.city }}'}}\noutputs: {o: '{{ x }}'}"


@says("§5", "uses: ./review.yaml a pipeline as a tool: its inputs are the parameters")
def test_a_pipeline_is_a_tool() -> None:
    def script(request: ChatRequest) -> Answer:
        if not request.tools:
            return "sun"
        return results(request)[0] if results(request) else Calls([("t", ROME)])

    source = "tools: {t: {uses: ./child.yaml}}\nsteps: {a: {prompt: hi, tools: [t]}}"
    found = Stage(models=Models(script), files={"child.yaml": CHILD}).run(source)
    assert json.loads(str(found.value("a"))) == {"o": "sun"}
    assert found.prompts[1] == "in Rome"
    assert found.models.requests[0].tools[0].parameters["required"] == ["city"]


@says("§5", "none of these nothing: it is a route")
def test_a_route_cannot_be_called_by_a_step() -> None:
    (fault,) = told("tools: {r: {description: x}}\nsteps: {a: {call: r}}")
    assert "it has no implementation to be called [not-callable]" in fault


# What a step says


@says("§5", "A step lists tools by name: tools: [search, weather],")
def test_a_step_lists_its_tools() -> None:
    found, _ = with_tool("steps: {a: {prompt: hi, tools: [weather]}, b: {prompt: ho}}", "fine")
    assert [[each.name for each in r.tools] for r in found.models.requests] == [["weather"], []]
    source = "steps: {a: {prompt: hi, tools: [wether]}}"
    (fault,) = checked(WEATHER.replace("MORE", "") + source).diagnostics
    assert fault.mend == "did you mean weather?"


@says("§5", "with tool_choice as on the wire")
@pytest.mark.parametrize(
    "choice", ["auto", "none", "required", {"type": "function", "function": {"name": "weather"}}]
)
def test_a_choice_is_as_on_the_wire(choice: object) -> None:
    step = f"{{prompt: hi, tools: [weather], tool_choice: {json.dumps(choice)}}}"
    found, _ = with_tool(f"steps: {{a: {step}}}", Calls([("weather", ROME)]), "fine")
    assert found.models.requests[0].tool_choice == choice


@says("§5", "and max_turns (default 8).")
@pytest.mark.parametrize(("more", "turns"), [("", 8), (", max_turns: 2", 2)])
def test_a_model_that_never_ends_is_ended(more: str, turns: int) -> None:
    calls = [Calls([("weather", ROME)])] * (turns + 1)
    found, tool = with_tool(f"steps: {{a: {{prompt: hi, tools: [weather]{more}}}}}", *calls)
    assert (found.status("a"), len(tool.called)) == ("failed", turns)
    assert f"after {turns} turns" in found.reason("a")


@says("§5", "All tools of a server are docs, one of them is docs.search.")
@pytest.mark.parametrize(
    ("name", "offered"),
    [("docs", ["docs__search", "docs__read"]), ("docs.search", ["docs__search"])],
)
def test_tools_of_a_server_are_listed_all_or_one(name: str, offered: list[str]) -> None:
    stage = Stage(toolbox=Box([], {"docs": [Counting("search"), Counting("read")]}))
    source = (
        f"tools: {{docs: {{mcp: {{command: [x]}}}}}}\nsteps: {{a: {{prompt: hi, tools: [{name}]}}}}"
    )
    found = stage.run(source)
    assert [each.name for each in found.models.requests[0].tools] == offered


# What is promised


@says(
    "§5", "A tool with an implementation is run, and its result goes back to the model, until the"
)
@says("§5", "model answers.")
def test_results_go_back_until_the_model_answers() -> None:
    script = (Calls([("weather", ROME)]), Calls([("weather", OSLO)]), "warm")
    found, tool = with_tool("steps: {a: {prompt: hi, tools: [weather]}}", *script)
    assert (found.value("a"), tool.called) == ("warm", [ROME, OSLO])
    assert [results(each) for each in found.models.requests] == [
        [],
        ["sun in Rome"],
        ["sun in Rome", "sun in Oslo"],
    ]


@says("§5", "A tool without one ends the step, and the call is the step's output: {tool,")
@says("§5", "arguments}.")
def test_a_route_ends_the_step() -> None:
    found = run(ROUTES, [Calls([("refund", {"order_id": "o-7"})])])
    assert found.value("triage") == {"tool": "refund", "arguments": {"order_id": "o-7"}}
    assert len(found.prompts) == 1


@says("§5", "Route on it: if: triage.tool == 'refund', {{ triage.arguments.order_id }};")
@pytest.mark.parametrize(
    ("call", "values"),
    [(("refund", {"order_id": "o-7"}), ("pay o-7", None)), (("answer", {}), (None, "say"))],
)
def test_steps_are_routed_by_the_call(
    call: tuple[str, Mapping[str, JsonValue]], values: object
) -> None:
    found = run(
        ROUTES
        + """
  pay: {if: triage.tool == 'refund', value: "pay {{ triage.arguments.order_id }}"}
  say: {if: triage.tool == 'answer', value: say}
""",
        [Calls([call])],
    )
    assert (found.value("pay"), found.value("say")) == values


@says("§5", "both are checked against the declared parameters.")
@pytest.mark.parametrize(
    ("step", "place", "mend"),
    [
        ("{if: triage.tool == 'refnd', value: 1}", (8, 26), "refund"),
        (
            "{if: triage.tool == 'refund', value: '{{ triage.arguments.order }}'}",
            (8, 64),
            "order_id",
        ),
    ],
)
def test_routes_are_checked(step: str, place: tuple[int, int], mend: str) -> None:
    source = ROUTES.strip().replace(
        "tools: [refund, answer]", "tools: [refund, answer], tool_choice: required"
    )
    found = checked(f"{source}\n  x: {step}\n").diagnostics
    (fault,) = [each for each in found if each.severity == "error"]
    assert (fault.mark.line, fault.mark.column) == place
    assert mend in fault.mend


@says(
    "§5", "Arguments are validated before a tool is run; an invalid call goes back to the model as"
)
@says("§5", "an error result.")
@pytest.mark.parametrize("arguments", [{"town": "Rome"}, {"city": 7}, "{oops", "[]"])
def test_an_invalid_call_goes_back(arguments: Mapping[str, JsonValue] | str) -> None:
    source = "steps: {a: {prompt: hi, tools: [weather]}}"
    found, tool = with_tool(source, Calls([("weather", arguments)]), "sorry")
    assert (found.value("a"), tool.called) == ("sorry", [])
    (result,) = results(found.models.requests[1])
    assert result.startswith("error: ")


@says(
    "§5", "Calls that a model makes at once run at once, and their results go back in the order of"
)
@says("§5", "the calls.")
def test_calls_at_once_run_at_once() -> None:
    gate = asyncio.Event()

    async def act(arguments: Mapping[str, JsonValue]) -> object:
        if arguments == ROME:
            await gate.wait()
        gate.set()
        return arguments["city"]

    both = Calls([("weather", ROME), ("weather", OSLO)])
    source = "steps: {a: {prompt: hi, tools: [weather]}}"
    found, _ = with_tool(source, both, "warm", tool=Counting(act=act))
    assert results(found.models.requests[1]) == ["Rome", "Oslo"]


CODE = {
    "python": '{python: "shop:find"}',
    "shell": "{shell: [touch, x]}",
    "mcp": "{mcp: {command: [docs-server]}}",
}


@says("§5", "Python, shell and MCP tools run code on your machine: flowrun check lists them,")
@pytest.mark.parametrize(
    ("kind", "what"), [("python", "shop:find"), ("shell", "touch x"), ("mcp", "docs-server")]
)
def test_what_runs_code_is_listed(kind: str, what: str) -> None:
    write("shop.py", SEARCH)
    write("p.yaml", f"tools: {{t: {CODE[kind]}}}\nsteps: {{a: {{prompt: hi, tools: [t]}}}}")
    done = flowrun("check", "p.yaml")
    assert done.code == 0
    assert what in done.err


@says("§5", "and --no-exec refuses them.")
@pytest.mark.parametrize("kind", CODE)
def test_what_runs_code_can_be_refused(kind: str, here: Path) -> None:
    write("shop.py", SEARCH)
    model = "defaults: {model: fake/echo}\n"
    write("p.yaml", f"{model}tools: {{t: {CODE[kind]}}}\nsteps: {{a: {{prompt: hi, tools: [t]}}}}")
    done = flowrun("execute", "p.yaml", "--no-exec")
    assert done.code == 2
    assert "--no-exec" in done.err
    assert not (here / "x").exists()


@says("§5", "tools.md tells what each kind may do, and how to run a stranger's pipeline.")
def test_the_page_on_tools_tells_of_every_kind() -> None:
    page = PAGE.with_name("tools.md").read_text("utf-8")
    for kind in ("`python`", "`shell`", "`mcp`", "`http`", "`uses`", "A stranger's pipeline"):
        assert kind in page
