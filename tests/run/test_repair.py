"""Replies that are not what was asked for: sent back, asked again, or given up."""

from __future__ import annotations

import pytest

from flowrun.chat.usage import Usage
from flowrun.run.events import StepRepaired
from tests.support.running import Models, Stage, picture, price, reply, run, said

SCHEMA = """
schemas:
  brief:
    type: object
    properties: {title: {type: string}}
    required: [title]
    additionalProperties: false
"""
BRIEF = f"{SCHEMA}\nsteps: {{a: {{prompt: write, response_format: brief}}}}"


def test_a_reply_that_is_not_the_json_asked_for_is_sent_back_with_its_fault() -> None:
    found = run(BRIEF, ['{"titel": "x"}', '{"title": "x"}'])
    assert found.value("a") == {"title": "x"}
    first, second = found.models.requests
    assert second.messages[:-2] == first.messages
    sent_back, complaint = second.messages[-2:]
    assert (sent_back.role, said(second)) == ("assistant", found.prompts[1])
    assert "does not fit the schema" in found.prompts[1]
    assert complaint.role == "user"
    assert [each.attempt for each in found.of(StepRepaired)] == [1]


def test_a_reply_that_was_repaired_is_paid_for_too() -> None:
    models = Models(["no", reply('{"title": "x"}')], prices={"dear": price("1000000")})
    source = BRIEF.replace("prompt: write", "prompt: write, model: dear")
    found = Stage(models=models).run(source)
    assert found.result.steps["a"].usage == Usage(input_tokens=2, output_tokens=3)
    assert found.result.cost_usd == 5


def test_repair_shows_only_the_newest_attempt() -> None:
    found = run(
        f"{SCHEMA}\nsteps: {{a: {{prompt: write, response_format: brief, repair: 3}}}}",
        ["one", "two", "three", '{"title": "x"}'],
    )
    assert [len(each.messages) for each in found.models.requests] == [1, 3, 3, 3]
    assert found.value("a") == {"title": "x"}


@pytest.mark.parametrize(("repair", "requests"), [("", 2), ("repair: 0,", 1), ("repair: 2,", 3)])
def test_repair_says_how_often(repair: str, requests: int) -> None:
    found = run(
        f"{SCHEMA}\nsteps: {{a: {{{repair} prompt: write, response_format: brief}}}}", ["no"]
    )
    assert len(found.prompts) == requests
    assert found.reason("a").startswith("the reply is not valid JSON")


def test_a_filtered_reply_is_not_sent_back() -> None:
    found = run("steps: {a: {prompt: hi, repair: 5}}", [reply("no", "content_filter")])
    assert len(found.prompts) == 1
    assert found.reason("a") == "the provider's content filter stopped the reply"


def test_a_refusal_is_not_sent_back() -> None:
    found = run("steps: {a: {prompt: hi, repair: 5}}", [reply("", refusal="I will not")])
    assert (len(found.prompts), found.reason("a")) == (1, "the model refused: I will not")


def test_a_reply_that_was_cut_off_is_sent_back() -> None:
    found = run("steps: {a: {prompt: hi}}", [reply("long …", "length"), "short"])
    assert found.value("a") == "short"


def test_an_empty_reply_is_asked_again_without_showing_it() -> None:
    found = run("steps: {a: {prompt: hi}}", [reply(" "), "now"])
    assert found.value("a") == "now"
    assert found.models.requests[0] == found.models.requests[1]


def test_a_picture_that_did_not_come_is_asked_for_again() -> None:
    found = run("steps: {a: {prompt: hi, modalities: [image]}}", ["Sure!", picture("x")])
    assert found.value("a") == picture("x")


def test_what_is_not_as_expected_is_sent_back() -> None:
    found = run("""
    steps: {a: {prompt: count, expect: ["a | length > 3", "'x' in a"]}}
    """, ["no", "long but no", "max"])  # fmt: skip
    assert found.status("a") == "failed"
    assert found.reason("a") == "it must hold that 'x' in a"
    assert "it must hold that a | length > 3" in found.prompts[1]
    found = run("steps: {a: {prompt: count, expect: \"'x' in a\"}}", ["no", "max"])
    assert found.value("a") == "max"


def test_expect_sees_what_the_step_sees() -> None:
    found = run("""
    inputs: {most: {type: integer}}
    steps:
      limit: {value: 3}
      a:
        foreach: "['ab', 'abcd']"
        prompt: "{{ item }}"
        expect: ["a | length <= limit + inputs.most", "loop.index > 0", "a == item"]
    """, most=1)  # fmt: skip
    assert found.value("a") == ["ab", "abcd"]


def test_an_expectation_that_cannot_be_evaluated_does_not_hold() -> None:
    source = "steps: {a: {prompt: hi, expect: '(a | from_json).n > 3'}}"
    found = run(source, ["no json", '{"n": 4}'])
    assert found.value("a") == '{"n": 4}'
    assert "it must hold that (a | from_json).n > 3, but " in found.prompts[1]


def test_each_sample_must_be_as_expected() -> None:
    answers = iter(["good", "bad", "good"])
    found = run("""
    steps: {a: {prompt: hi, samples: 2, repair: 0, expect: "a == 'good'"}}
    """, lambda _: next(answers))  # fmt: skip
    assert found.reason("a") == "it must hold that a == 'good'"
