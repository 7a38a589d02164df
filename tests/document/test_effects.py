"""What a run would run or fetch on this machine."""

from __future__ import annotations

from flowrun.document.effects import Effect, effects
from tests.document.checking import plan

FILES = {
    "sub/c.yaml": "tools: {t: {python: 'm:f'}}\nsteps: {a: {call: t}}",
    "sub/m.py": "def f(): pass",
    "unused.yaml": "tools: {x: {shell: [x]}}\nsteps: {a: {call: x}}",
}
TEXT = """
tools:
  search: {python: "json:dumps"}
  weather:
    http: {url: "https://example.org/w/{{ city }}", bearer: KEY}
    parameters: {type: object, properties: {city: {}}}
  post: {http: {method: POST, url: "http://127.0.0.1:8080"}}
  log:
    shell: {command: [git, "a b", "-n {{ n }}", {each: "{{ n }}"}], env: [LC_ALL]}
    parameters: {type: object, properties: {n: {}}}
  docs: {mcp: {command: [docs-server, "a b"], env: [KEY]}}
  far: {mcp: {url: "https://example.org/mcp", bearer: KEY}}
  review: {uses: sub/c.yaml}
  other: {uses: unused.yaml}
  refund: {}
steps:
  a: {prompt: x, tools: [weather, refund, docs.find]}
  b: {steps: {c: {steps: {d: {call: log, with: {n: 1}}}}}}
  e: {call: review}
"""


def test_each_tool_is_listed_with_what_it_does_as_the_file_says_it() -> None:
    assert effects(plan(TEXT, FILES)) == (
        Effect("p.yaml", "search", "python", "json:dumps", runs_code=True),
        Effect("p.yaml", "weather", "http", "GET https://example.org", ("KEY",), is_used=True),
        Effect("p.yaml", "post", "http", "POST http://127.0.0.1:8080"),
        Effect(
            "p.yaml", "log", "shell", "git 'a b' '-n {{ n }}' '{{ n }}' …", ("LC_ALL",), True, True
        ),
        Effect("p.yaml", "docs", "mcp", "docs-server 'a b'", ("KEY",), True, True),
        Effect("p.yaml", "far", "mcp", "https://example.org/mcp", ("KEY",)),
        Effect("sub/c.yaml", "t", "python", "m:f (m.py)", (), True, True),
        Effect("unused.yaml", "x", "shell", "x", (), True, False),
    )


def test_a_file_that_a_step_and_a_tool_use_is_listed_once() -> None:
    text = "tools: {r: {uses: sub/c.yaml}}\nsteps: {a: {uses: sub/c.yaml}, b: {call: r}}"
    assert [each.is_used for each in effects(plan(text, FILES))] == [True]


def test_a_file_without_tools_has_no_effects() -> None:
    assert effects(plan("steps: {a: {prompt: x}}")) == ()
