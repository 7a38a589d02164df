"""What a run that was cut off has done once, the next one does not do again."""

from __future__ import annotations

import pytest

from flowrun.run.unfinished import begin, has_lasting_calls
from flowrun.store.memory import MemoryStore
from tests.support.running import picture, plan_of

TOOL = """
tools:
  mail:
    http: {url: "https://example.org/m", method: POST}
    parameters: {type: object, properties: {}}
    pure: %s
"""
IMPURE = TOOL % "false" + "steps: {a: {call: mail}}"


def test_a_run_that_did_not_end_is_gone_on_with() -> None:
    store, plan = MemoryStore(), plan_of(IMPURE)
    first = begin(plan, "/p.yaml", {"n": 1}, store)
    again = begin(plan, "/p.yaml", {"n": 1}, store)
    assert first.token == again.token
    again.close()
    later = begin(plan, "/p.yaml", {"n": 1}, store)
    assert later.token not in ("", first.token)


def test_another_file_or_other_inputs_are_another_run() -> None:
    store, plan = MemoryStore(), plan_of(IMPURE)
    given: list[dict[str, object]] = [{"n": 1}, {"n": 2}, {"n": picture("a")}, {"n": picture("b")}]
    tokens = {begin(plan, "/p.yaml", each, store).token for each in given}
    tokens.add(begin(plan, "/q.yaml", {"n": 1}, store).token)
    assert len(tokens) == 5


def test_a_damaged_record_begins_anew() -> None:
    store, plan = MemoryStore(), plan_of(IMPURE)
    first = begin(plan, "/p.yaml", {}, store)
    store.put(first.key, {"token": 7})
    assert begin(plan, "/p.yaml", {}, store).token != first.token


@pytest.mark.parametrize("source", [IMPURE, "steps: {a: {value: 1}}"])
def test_without_a_store_or_a_need_nothing_is_kept(source: str) -> None:
    plan = plan_of(source)
    store = None if source == IMPURE else MemoryStore()
    first, second = begin(plan, "/p.yaml", {}, store), begin(plan, "/p.yaml", {}, store)
    assert first.token != second.token
    first.close()


@pytest.mark.parametrize(
    ("source", "lasts"),
    [
        (IMPURE, True),
        (TOOL % "true" + "steps: {a: {call: mail}}", False),
        (TOOL % "false" + "steps: {a: {prompt: hi, tools: [mail]}}", False),
        (TOOL % "false" + "steps: {a: {steps: {b: {call: mail}}}}", True),
        ("steps: {a: {uses: ./child.yaml}}", True),
        ("tools: {child: {uses: ./child.yaml}}\n"
         "steps: {a: {prompt: hi, tools: [child]}}", True),
    ],
)  # fmt: skip
def test_only_calls_whose_effect_lasts_need_it(source: str, lasts: bool) -> None:
    assert has_lasting_calls(plan_of(source, {"child.yaml": IMPURE})) is lasts
