"""What docs/serve.md says of fields and errors is what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowrun.gateway.attempt import HINTS
from flowrun.gateway.codec_options import DROPPED
from flowrun.serving import ServeSettings

PAGE = (Path(__file__).parent.parent.parent / "docs" / "serve.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted({*DROPPED, *HINTS}))
def test_each_field_that_may_be_left_out_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_each_status_of_an_error_is_told() -> None:
    told = {
        int(each)
        for row in re.findall(r"^\| ([\d, ]+) \|", PAGE, re.MULTILINE)
        for each in row.split(",")
    }
    sources = (Path(__file__).parents[2] / "flowrun" / "gateway").glob("*.py")
    said = {
        int(each) for path in sources for each in re.findall(r"Fault\(\s*(\d{3})", path.read_text())
    }
    assert said <= told | {405}


def test_the_usual_port_is_the_one_that_the_page_shows() -> None:
    assert f"127.0.0.1:{ServeSettings().port}/v1" in PAGE
