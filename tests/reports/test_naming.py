from __future__ import annotations

import pytest

from flowrun.reports.naming import called, instance
from flowrun.run.events import StepStarted


def test_an_item_is_named_with_its_number() -> None:
    assert (called("rows", None), called("rows", 3)) == ("rows", "rows[3]")


@pytest.mark.parametrize(
    ("within", "expected"), [((), "a.b"), ((3,), "a.b[3]"), ((0, 2), "a.b[0,2]")]
)
def test_a_step_inside_others_is_named_with_what_is_around(
    within: tuple[int, ...], expected: str
) -> None:
    assert instance(StepStarted("a.b", None, None, 1.0, within)) == expected
