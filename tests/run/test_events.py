from __future__ import annotations

import json
from decimal import Decimal
from typing import cast

import pytest

from flowrun.chat.usage import Usage
from flowrun.run.events import (
    Event,
    OutputWritten,
    RunFinished,
    RunStarted,
    StepExpanded,
    StepFinished,
    StepRepaired,
    StepRetried,
    StepStarted,
    StepStreamed,
    as_json,
)

EVENTS: list[Event] = [
    RunStarted("r1", "page", ("a", "b"), 1.5),
    StepStarted("a", None, "local/small", 2.0),
    StepExpanded("a", 3, 2.0),
    StepStreamed("a", 0, "Hel"),
    StepRetried("a", 0, "429", 3.0, 1),
    StepRepaired("a", 0, "no JSON", 1),
    StepFinished("a", 0, "done", 3.0, 1.0, "m", Usage(1, 2, 3, 4), Decimal("0.10"), "", "x", "k"),
    OutputWritten("page", None, 12),
    RunFinished("r1", "done", False, 4.0, 2.5),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_json_with_its_name_first(event: Event) -> None:
    found = as_json(event)
    assert next(iter(found.items())) == ("event", type(event).__name__)
    assert json.loads(json.dumps(found)) == found


def test_a_finished_step_says_everything() -> None:
    event = StepFinished("a", 2, "done", 3.0, 1.0, "m", Usage(1, 0, 0, 4), Decimal("0.10"))
    assert as_json(event) == {
        "event": "StepFinished",
        "step": "a",
        "item": 2,
        "status": "done",
        "at": 3.0,
        "seconds": 1.0,
        "model": "m",
        "usage": {
            "input_tokens": 1,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "output_tokens": 4,
        },
        "cost_usd": "0.10",
        "reason": "",
        "preview": "",
        "key": None,
    }


def test_the_steps_of_a_run_are_a_list() -> None:
    assert as_json(RunStarted("r1", "page", ("a", "b"), 1.5))["steps"] == ["a", "b"]


def test_what_is_no_json_is_refused() -> None:
    event = StepStreamed("a", None, cast(str, object()))
    with pytest.raises(TypeError, match="an event cannot hold a object"):
        as_json(event)
