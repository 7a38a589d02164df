"""§3 of docs/language.md: keys that go together, skipped steps, failed steps."""

from __future__ import annotations

import json

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.errors import AccessDenied, Unsupported
from flowrun.providers.fake import Answer
from flowrun.run.events import StepFinished
from tests.cli.command import flowrun, on_terminal, write
from tests.document.checking import told
from tests.support.citing import says
from tests.support.running import Models, Stage, run, said


def failing(request: ChatRequest) -> Answer:
    """What says "bad" is not answered."""
    return Unsupported("no") if "bad" in said(request) else said(request)


KINDS = {
    "prompt": "prompt: hi",
    "messages": "messages: [{role: user, content: hi}]",
    "call": "call: t",
    "value": "value: 1",
    "uses": "uses: ./child.yaml",
    "steps": "steps: {b: {value: 1}}",
}
CHILD = "steps: {x: {prompt: x}}\noutputs: {o: '{{ x }}'}"
EVERYWHERE = (
    "if: a0, foreach: '[1]', repeat: {until: true, max: 2}, needs: [a0], expect: a is not none, "
    "timeout: 9s, on_error: ignore"
)
ASKING = ["samples: 2", "retry: 1", "repair: 1", "fallback: [x]", "cache: false"]


def faults_of(kind: str, words: str) -> list[str]:
    """What is wrong with a step of that kind that says these words."""
    steps = f"steps: {{a0: {{value: 1}}, a: {{{KINDS[kind]}, {words}}}}}"
    return told(f"tools: {{t: {{shell: [x]}}}}\n{steps}", {"child.yaml": CHILD})


@says("§3", "if, foreach, repeat, needs, expect, timeout and on_error go with every kind of step;")
@pytest.mark.parametrize("kind", KINDS)
def test_these_keys_go_with_every_kind(kind: str) -> None:
    assert faults_of(kind, EVERYWHERE) == []


@says("§3", "samples, retry, repair, fallback and cache only with those that ask a model.")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", ASKING)
def test_these_keys_go_with_asking_only(kind: str, words: str) -> None:
    assert (faults_of(kind, words) == []) == (kind in {"prompt", "messages"})


NESTED = """
defaults: {model: fake/echo}
steps:
  slogans:
    foreach: "['tea', 'bees']"
    repeat: {until: round == 2, max: 3}
    steps:
      draft: {prompt: "{{ item }} {{ round }}"}
      rating: {value: "{{ 1 / (item | length - LETTERS) }}"}
"""


@says(
    "§3", "So a block may be run for each element, and each of them again until it is good enough:"
)
def test_a_block_is_run_for_each_element_and_again() -> None:
    found = run(NESTED.replace("LETTERS", "0")).value("slogans")
    assert isinstance(found, list)
    assert [each["draft"] for each in found] == ["tea 2", "bees 2"]


@says("§3", "While it runs, the steps of a block have one row for all items and rounds,")
def test_a_step_of_a_block_has_one_row() -> None:
    write("p.yaml", NESTED.replace("LETTERS", "0"))
    code, _, screen = on_terminal("execute", "p.yaml")
    assert code == 0
    rows = [each.split() for each in screen.text.rpartition(" slogans ")[2].splitlines()]
    assert sorted(each[1] for each in rows if "4x" in each) == ["draft", "rating"]


@says("§3", "and a failure is named with its place: slogans.draft[1,0] is the second item's first")
@says("§3", "round, both counted from 0.")
def test_a_failure_is_named_with_its_place() -> None:
    write("p.yaml", NESTED.replace("LETTERS", "4"))
    done = flowrun("execute", "p.yaml")
    assert done.code == 1
    assert "failed    slogans.rating[1,0]" in done.err


@says("§3", "--model slogans.draft=smartest asks another model there.")
def test_another_model_is_asked_inside_a_block() -> None:
    write("p.yaml", NESTED.replace("LETTERS", "0"))
    write("flowrun.toml", '[models]\nsmartest = "fake/sage"\n[fake.sage]\nreplies = ["wise"]\n')
    done = flowrun("execute", "p.yaml", "--json", "--model", "slogans.draft=smartest")
    drafts = [each["draft"] for each in json.loads(done.out)["outputs"]["slogans"]]
    assert drafts == ["wise", "wise"]


# Skipped steps


@says("§3", "Skipped steps. A step that needs a skipped step's value is skipped too,")
@says("§3", "and the record says because of which.")
def test_what_needs_a_skipped_step_is_skipped_because_of_it() -> None:
    found = run("steps: {a: {if: false, value: 1}, b: {value: '{{ a }}'}, c: {prompt: '{{ b }}'}}")
    assert found.statuses == dict.fromkeys("abc", "skipped")
    reasons = {each.step: each.reason for each in found.of(StepFinished)}
    assert '"a"' in reasons["b"]
    assert '"b"' in reasons["c"] or '"a"' in reasons["c"]


@says("§3", "A reference does not count as needing it when it is an operand of or, goes through")
@says("§3", "default(...), is tested with is defined or is none, or stands under an {% if %} that")
@says("§3", "tests the same step.")
@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ a or 2 }}", 2),
        ("{{ 2 or a }}", 2),
        ("{{ a | default(3) }}", 3),
        ("{{ a is defined }}", False),
        ("{{ a is none }}", True),
        ("x{% if a %}{{ a }}{% endif %}", "x"),
    ],
)
def test_some_references_do_not_need_the_value(template: str, value: object) -> None:
    found = run(f"steps: {{a: {{if: false, value: 1}}, b: {{value: '{template}'}}}}")
    assert (found.status("b"), found.value("b")) == ("done", value)


@says("§3", 'So value: "{{ refund or exchange }}" joins branches.')
@pytest.mark.parametrize("which", ["refund", "exchange"])
def test_branches_are_joined_by_or(which: str) -> None:
    found = run(f"""
    steps:
      kind: {{value: {which}}}
      refund: {{if: kind == 'refund', value: money}}
      exchange: {{if: kind == 'exchange', value: goods}}
      joined: {{value: "{{{{ refund or exchange }}}}"}}
    """)
    assert found.value("joined") == {"refund": "money", "exchange": "goods"}[which]


# Failed steps


FAILING = """
steps:
  a: {prompt: bad}
  b: {prompt: good}
  c: {prompt: "{{ a }}"}
  d: {prompt: "better {{ b }}"}
"""


@says("§3", "Failed steps. Branches that do not need the failed step finish;")
@says("§3", "what was paid for is kept;")
def test_other_branches_finish_and_are_kept() -> None:
    stage = Stage(models=Models(failing))
    found = stage.run(FAILING)
    assert (found.status("a"), found.value("d")) == ("failed", "better good")
    assert found.status("c") in {"skipped", "cancelled"}
    again = stage.run(FAILING)
    assert (again.status("b"), again.status("d")) == ("cached", "cached")


@says("§3", "the run ends non-zero.")
def test_a_failed_run_ends_non_zero() -> None:
    write("flowrun.toml", '[[fake.it.rules]]\ncontains = "good"\nreply = "fine"\n')
    write("p.yaml", "defaults: {model: fake/it, retry: 0}\nsteps: {a: {prompt: bad}}")
    assert flowrun("execute", "p.yaml").code == 1


@says("§3", "Only a key, a credit or a permission that is missing ends the whole run.")
def test_where_access_is_denied_the_run_ends() -> None:
    source = "steps: {a: {prompt: bad}, b: {prompt: good, needs: [c]}, c: {prompt: fair}}"
    assert run(source, failing).status("b") == "done"
    found = run(source, [AccessDenied("no credit left")])
    assert found.result.status == "failed"
    assert "done" not in found.statuses.values()


@says("§3", "In a foreach no further item is started after one failed,")
@says("§3", "unless --keep-going is given.")
@pytest.mark.parametrize(("keep_going", "asked"), [(False, 2), (True, 4)])
def test_after_a_failed_item_no_other_is_started(keep_going: bool, asked: int) -> None:
    stage = Stage(models=Models(failing), concurrency=1, keep_going=keep_going)
    found = stage.run("steps: {a: {foreach: \"['a', 'bad', 'c', 'd']\", prompt: '{{ item }}'}}")
    assert found.status("a") == "failed"
    assert len(found.prompts) == asked
