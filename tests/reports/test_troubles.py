from __future__ import annotations

from flowrun.reports.troubles import Trouble, Troubles
from flowrun.run.events import StepFinished


def failed(
    step: str, reason: str, item: int | None = None, within: tuple[int, ...] = ()
) -> StepFinished:
    return StepFinished(step, item, "failed", 2.0, 1.0, reason=reason, within=within)


def after(*events: StepFinished) -> Troubles:
    troubles = Troubles()
    for event in events:
        troubles.add(event)
    return troubles


def test_a_reason_is_told_once_and_not_again_by_what_is_around() -> None:
    assert after(
        failed("recipes.draft", "no JSON:\n  line 1", within=(1,)),
        failed("recipes", 'step "draft" failed: no JSON:\n  line 1', item=1),
        failed("recipes", '1 of 3 items failed; item 2: step "draft" failed: no JSON:\n  line 1'),
    ).found == [
        Trouble("recipes.draft[1]", None, "failed", "no JSON:\n  line 1"),
        Trouble("recipes", 1, "failed", 'step "draft" failed'),
        Trouble("recipes", None, "failed", "1 of 3 items failed"),
    ]


def test_another_step_tells_its_own_reason() -> None:
    troubles = after(failed("a", "no JSON"))
    event = failed("b", 'step "c" failed: no JSON')
    assert troubles.news(event) == 'step "c" failed: no JSON'


def test_a_reason_that_goes_on_is_told_whole() -> None:
    troubles = after(failed("a", "no", item=0))
    event = failed("a", "1 of 3 items failed; item 1: no (1 were not started: the run was stopped)")
    assert troubles.news(event) == event.reason


def test_what_has_no_reason_is_told_without() -> None:
    troubles = after(failed("a", ""))
    assert troubles.news(failed("a", "")) == ""
    assert troubles.news(failed("a", "it failed: ")) == "it failed: "


def test_a_flood_is_counted() -> None:
    troubles = after(*(failed(f"s{number}", "no") for number in range(130)))
    assert (len(troubles.found), troubles.left_out) == (100, 30)
