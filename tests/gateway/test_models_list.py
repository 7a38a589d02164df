"""The list of models, for both client families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowrun.gateway.base import Listed
from flowrun.gateway.models_list import body_of, listed
from flowrun.providers.listing import keep
from flowrun.providers.router import Providers
from tests.support.piped import Piped
from tests.support.serving import configured

TEXT = """
[models]
best = "mine/m"
lost = "nowhere/m"
[endpoints.mine]
base_url = "http://127.0.0.1:1/v1"
models = ["m"]
[fake.clerk]
replies = ["Hello."]
"""


def rows(folder: Path) -> dict[str, Listed]:
    config = configured(TEXT, folder, {})
    pipelines = {"pipeline/p": Piped(["x"])}
    return {each.id: each for each in listed(config, Providers(config, in_flight=1), pipelines)}


def test_everything_that_has_a_name_is_listed_once(tmp_path: Path) -> None:
    found = rows(tmp_path)
    wanted = {"recommended", "auto", "image", "best", "pipeline/p", "mine/m", "fake/clerk"}
    assert wanted <= found.keys()
    assert "lost" not in found
    assert (found["best"].group, found["mine/m"].owner) == ("Your names", "mine")


def test_lists_that_were_kept_are_part_of_it(tmp_path: Path) -> None:
    row: dict[str, Any] = {"id": "kept-1", "context_length": 8192, "output_modalities": ["text"]}
    config = configured(TEXT, tmp_path, {})
    config.state.mkdir(parents=True)
    keep(config.state, "mine", [row], now=1.0)
    found = rows(tmp_path)
    assert found["mine/kept-1"].facts["context_length"] == 8192


def test_one_body_is_read_by_both_families() -> None:
    models = [Listed("a", "x", "One"), Listed("b", "y", "Two", {"context_length": 5})]
    assert body_of(models, created=7) == {
        "object": "list",
        "data": [
            {"id": "a", "object": "model", "created": 7, "owned_by": "x"},
            {"id": "b", "object": "model", "created": 7, "owned_by": "y", "context_length": 5},
        ],
        "model_groups": [
            {
                "groupLabel": "One",
                "options": [{"value": "a", "label": "a", "status": "active"}],
            },
            {
                "groupLabel": "Two",
                "options": [{"value": "b", "label": "b", "status": "active"}],
            },
        ],
    }
