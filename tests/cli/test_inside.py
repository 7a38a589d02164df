"""Runs whose steps stand inside others and whose models call tools, as people see them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from flowrun.reports.record import read
from tests.cli.command import Done, flowrun, on_terminal, process, write

CONFIG = """
    [[fake.clerk.rules]]
    contains = "lamp"
    reply = [
        {tool = "search", arguments = {query = "lamp"}},
        {tool = "review", arguments = {text = "lamp"}},
    ]
    [[fake.clerk.rules]]
    after = "search"
    reply = "One lamp."
    [[fake.clerk.rules]]
    after = "review"
    reply = "One lamp."
"""
REVIEW = """
    inputs: {text: {type: string}}
    steps:
      read: {model: fake/echo, prompt: "Read {{ inputs.text }}."}
      judge: {model: fake/echo, prompt: "Judge: {{ read }}"}
    outputs: {verdict: "{{ judge }}"}
"""
PIPELINE = """
    name: shop
    inputs:
      forbidden: {type: string, default: none}
    tools:
      search: {python: "store:find"}
      review: {uses: review.yaml}
    steps:
      recipes:
        foreach: "['soup', 'cake']"
        steps:
          draft:
            model: fake/echo
            prompt: "Draft {{ item }}."
            expect: item != inputs.forbidden
            repair: 0
          spiced: {foreach: "[1, 2]", as: n, model: fake/echo, prompt: "{{ draft }} {{ n }}"}
      better:
        repeat: {until: round == 2, max: 3}
        model: fake/echo
        prompt: "Round {{ round }}"
      never: {repeat: {until: never == "x", max: 2}, model: fake/echo, prompt: "Again {{ round }}"}
      checked: {uses: review.yaml, with: {text: "{{ better }}"}}
      clerk: {model: fake/clerk, prompt: Is there a lamp?, tools: [search, review]}
      found: {call: search, with: {query: tea}}
    outputs: {clerk: "{{ clerk }}"}
"""


def shop(*words: str, prepared: bool = True) -> Done:
    if prepared:
        write("flowrun.toml", CONFIG)
        write("review.yaml", REVIEW)
        write("store.py", "def find(query: str) -> list[str]:\n    return [query]\n")
        write("shop.yaml", PIPELINE)
    return flowrun("execute", "shop.yaml", *words)


def said_of(step: str, done: Done) -> list[str]:
    """What is said of a step, without times."""
    pattern = rf"(\w+) +{re.escape(step)}  +(.*)"
    lines = [re.fullmatch(pattern, line) for line in done.errors]
    return [
        f"{line[1]} {re.sub(r' +', ' ', re.sub(r'[0-9.]+ s *', '', line[2]))}".rstrip()
        for line in lines
        if line is not None
    ]


def test_what_goes_on_inside_is_told_in_plain_lines() -> None:
    done = shop()
    assert (done.code, done.out) == (0, "One lamp.\n")
    assert said_of("recipes", done) == ["done 2/2 items 32 tokens $0"]
    assert said_of("better", done) == ["round 1: Round 1", "round 2: Round 2",
                                       "done fake/echo 8 tokens $0"]  # fmt: skip
    assert said_of("checked.read", done) == ["done fake/echo 6 tokens $0"]
    *calls, done_last = said_of("clerk", done)
    assert sorted(calls) == [
        'calls review {"text": "lamp"}',
        'calls search {"query": "lamp"}',
        "result review {verdict: Judge: Read lamp.}",
        "result search [lamp]",
    ]
    assert re.fullmatch(r"done fake/clerk \d+ tokens \$0", done_last)
    assert said_of("found", done) == ['calls search {"query": "tea"}', "result search [tea]",
                                      "done search"]  # fmt: skip
    reason = 'after 2 rounds it still does not hold that never == "x"'
    assert done.errors.count(f"{' ' * 10}{reason}") == 1


def test_the_totals_of_the_view_are_those_of_the_run() -> None:
    done = shop("--json")
    usage = json.loads(done.out)["usage"]
    total = usage["input_tokens"] + usage["output_tokens"]
    assert f", {total} tokens, $0" in done.errors[-1]
    assert json.loads(done.out)["steps"]["never"]["reason"].startswith("after 2 rounds")


def test_a_failure_inside_is_named_by_its_way_and_its_reason_told_once() -> None:
    done = shop("-i", "forbidden=cake", "-q")
    assert done.code == 1
    assert said_of("recipes.draft[1]", done) == ["failed fake/echo 4 tokens $0"]
    assert sum("item != inputs.forbidden" in line for line in done.errors) == 1
    assert '          step "draft" failed' in done.errors
    assert done.errors[-1].startswith("failed in step recipes; ")


def test_a_terminal_sees_a_row_for_all_that_goes_on_inside() -> None:
    shop()
    code, _, screen = on_terminal("execute", "shop.yaml", columns=96)
    assert code == 0
    last = screen.text.rpartition(" shop\n")[2].split("\n\n")[0].splitlines()
    found = [re.match(r" . ( *\w+) *(\d+x|\d/\d)?", line) for line in last]
    assert [(row[1], row[2]) for row in found if row is not None] == [
        *(("recipes", "2/2"), ("  draft", "2x"), ("  spiced", "4/4")),
        *(("better", "2x"), ("never", "2x")),
        *(("checked", None), ("  read", None), ("  judge", None)),
        *(("clerk", None), ("found", None)),
    ]
    assert "never  after 2 rounds it still does not hold" in screen.text


def test_another_model_is_asked_in_a_step_inside() -> None:
    shop("-q")
    write("flowrun.toml", CONFIG + '\n    [fake.other]\n    replies = ["Other."]\n')
    words = ["--model", "recipes.draft=fake/other", "--model", "clerk.review.judge=fake/other"]
    done = shop(*words, "--json", "--no-cache", prepared=False)
    assert done.code == 0
    record = Path(".flowrun/runs", f"{json.loads(done.out)['run']}.jsonl")
    asked = {each["step"]: each["model"] for each in read(record) if each.get("model")}
    assert asked["recipes.draft"] == asked["clerk.review.judge"] == "fake/other"
    assert asked["checked.judge"] == asked["clerk.review.read"] == "fake/echo"


def test_a_step_inside_that_is_misspelt_is_named() -> None:
    done = shop("--model", "recipes.daft=fake/echo")
    assert done.code == 2
    assert done.err == (
        'flowrun: no step "recipes.daft" asks a model; did you mean recipes.draft?\n'
    )


def test_a_call_of_unknown_effect_is_made_again_only_by_those_who_say_so() -> None:
    write("pay.py", """
        import os
        from pathlib import Path

        def pay(amount: int) -> str:
            if not Path("paid").exists():
                Path("paid").touch()
                os._exit(9)
            return "paid"
    """)  # fmt: skip
    write(
        "pay.yaml",
        "tools: {pay: {python: 'pay:pay'}}\nsteps: {a: {call: pay, with: {amount: 1}}}\n",
    )
    assert process("execute", "pay.yaml").returncode == 9
    again = flowrun("execute", "pay.yaml")
    assert again.code == 1
    assert any("`flowrun execute … --redo pay` calls it again" in line for line in again.errors)
    done = flowrun("execute", "pay.yaml", "--redo", "pay")
    assert (done.code, done.out) == (0, "paid\n")


def test_what_a_python_tool_prints_stands_not_among_the_outputs() -> None:
    write("loud.py", "def loud() -> str:\n    print('aside')\n    return 'said'\n")
    write("loud.yaml", "tools: {loud: {python: 'loud:loud'}}\nsteps: {a: {call: loud}}\n")
    done = process("execute", "loud.yaml", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "said\n", "aside\n")
