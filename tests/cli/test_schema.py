from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.cli.command import flowrun

PIPELINES = sorted((Path(__file__).parents[2] / "pipelines").glob("*.yaml"))


def schema() -> Any:
    done = flowrun("schema")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_the_schema_is_one_that_editors_know() -> None:
    found = schema()
    assert found["$schema"].startswith("https://json-schema.org/draft/")
    jsonschema_rs.validator_for(found)


@pytest.mark.parametrize("path", PIPELINES, ids=[path.stem for path in PIPELINES])
def test_every_pipeline_is_valid_and_a_typo_is_not(path: Path) -> None:
    validator = jsonschema_rs.validator_for(schema())
    data = yaml.safe_load(path.read_text("utf-8"))
    assert [each.message for each in validator.iter_errors(data)] == []
    step = next(iter(data["steps"].values()))
    step["temprature"] = 0
    assert not validator.is_valid(data)


def test_there_are_pipelines() -> None:
    assert len(PIPELINES) >= 5


def test_it_takes_no_words() -> None:
    done = flowrun("schema", "x")
    assert (done.code, done.out) == (2, "")
    assert done.errors[-1] == "Error: Got unexpected extra argument (x)"
