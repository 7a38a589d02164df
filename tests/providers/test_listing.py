from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.usage import Price
from flowrun.config import Config, read
from flowrun.digest import JsonValue
from flowrun.providers import listing
from flowrun.providers.listing import capabilities, keep, kept, known_models, price

ROW: Mapping[str, JsonValue] = {
    "id": "vendor/large",
    "name": "Large",
    "description": "x" * 10_000,
    "created": 1_700_000_000,
    "context_length": 128_000,
    "architecture": {
        "modality": "text+image->text",
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
    },
    "pricing": {"prompt": "0.000001", "completion": "0.000002", "web_search": "1"},
    "supported_parameters": ["tools", "structured_outputs", "seed"],
}
FACTS: Mapping[str, JsonValue] = {
    "name": "Large",
    "created": 1_700_000_000,
    "context_length": 128_000,
    "input_modalities": ["text", "image"],
    "output_modalities": ["text"],
    "supported_parameters": ["tools", "structured_outputs", "seed"],
    "pricing": {"prompt": "0.000001", "completion": "0.000002"},
}


def test_a_list_is_kept_with_its_time_and_what_is_used(tmp_path: Path) -> None:
    made = keep(tmp_path, "openrouter", [ROW], now=12.5)
    path = tmp_path / "models" / "openrouter.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "xxxx" not in path.read_text("utf-8")
    found = kept(tmp_path, "openrouter")
    assert found == made
    assert found is not None
    assert (found.fetched_at, found.models) == (12.5, {"vendor/large": FACTS})


def test_a_list_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    keep(tmp_path, "mine", [{"id": "old"}], now=1)
    keep(tmp_path, "mine", [{"id": "new"}], now=2)
    found = kept(tmp_path, "mine")
    assert found is not None
    assert list(found.models) == ["new"]


def test_sizes_are_known_by_several_names(tmp_path: Path) -> None:
    rows: list[Mapping[str, JsonValue]] = [
        {"id": "g", "inputTokenLimit": 1000, "outputTokenLimit": 10, "displayName": "G"},
        {"id": "a", "max_input_tokens": 2000, "max_tokens": 20, "context_length": None},
        {"id": "odd", "context_length": True, "created": -1, "max_tokens": "20"},
    ]
    found = keep(tmp_path, "mine", rows, now=1).models
    assert found["g"] == {"context_length": 1000, "max_output_tokens": 10, "displayName": "G"}
    assert found["a"] == {"context_length": 2000, "max_output_tokens": 20}
    assert found["odd"] == {}


def test_names_that_cannot_be_shown_are_left_out(tmp_path: Path) -> None:
    rows: list[Mapping[str, JsonValue]] = [
        {"id": "sly\x1b[31m"}, {"id": "x" * 201}, {"id": ""}, {"id": 5}, {}, {"id": "twice"},
        {"id": "twice", "name": "second"}, {"id": "named", "name": "a\nb"},
    ]  # fmt: skip
    assert keep(tmp_path, "mine", rows, now=1).models == {"twice": {}, "named": {}}


def test_lists_are_bounded_in_rows_and_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = keep(tmp_path, "mine", ({"id": f"m{n}"} for n in range(20_500)), now=1)
    assert len(many.models) == listing.MOST_ROWS
    words: JsonValue = ["w" * 200] * 64
    large = keep(
        tmp_path,
        "mine",
        ({"id": f"m{n}", "supported_parameters": words} for n in range(1000)),
        now=1,
    )
    assert 500 < len(large.models) < 1000
    assert (tmp_path / "models" / "mine.json").stat().st_size <= listing.LARGEST_BYTES
    assert kept(tmp_path, "mine") == large


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{" * 100_000,
        '{"endpoint": "mine", "fetched_at": 1}',
        '{"endpoint": "other", "fetched_at": 1, "models": []}',
        " " * (listing.LARGEST_BYTES + 1),
    ],
    ids=["empty", "list", "deep", "half", "another", "large"],
)
def test_a_file_that_is_no_list_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.json").write_text(text, "utf-8")
    assert kept(tmp_path, "mine") is None


def test_what_was_changed_by_hand_is_bounded_too(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    rows = [5, {"id": "a", "x": 1, "name": "n\n"}, {"id": "b\n"}]
    text = json.dumps({"endpoint": "mine", "fetched_at": 1, "models": rows})
    (tmp_path / "models" / "mine.json").write_text(text, "utf-8")
    found = kept(tmp_path, "mine")
    assert found is not None
    assert found.models == {"a": {}}


def test_an_endpoint_of_any_name_has_a_file_inside_the_folder(tmp_path: Path) -> None:
    for name in ("..", "Mine", "a\x00b", "x" * 300):
        assert kept(tmp_path, name) is None
        keep(tmp_path, name, [{"id": "m"}], now=1)
        assert kept(tmp_path, name) is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models"]


def test_rows_tell_what_models_can_do() -> None:
    assert capabilities(FACTS) == Capabilities(
        images_in=True, images_out=False, text_out=True, json_schema=True, tools=True
    )
    assert capabilities({"supported_parameters": ["seed"]}) == Capabilities(tools=False)
    assert capabilities({}) == Capabilities()


def test_rows_tell_what_models_cost() -> None:
    assert price(FACTS) == Price(Decimal(1), Decimal(2))
    said: JsonValue = {
        "prompt": "0.000003", "completion": "0", "input_cache_read": "0.0000003",
        "input_cache_write": "0.00000375", "request": "0",
    }  # fmt: skip
    cached = Price(Decimal(3), Decimal(0), Decimal("0.3"), Decimal("3.75"))
    assert price({"pricing": said}) == cached


@pytest.mark.parametrize(
    "said",
    [
        {"prompt": "-1", "completion": "-1"},
        {"prompt": "x", "completion": "1"},
        {"prompt": "NaN", "completion": "1"},
        {"prompt": "1e30", "completion": "1"},
        {"prompt": 1, "completion": "1"},
        {"prompt": "1"},
        {"prompt": "1", "completion": "1", "request": "0.01"},
        None,
    ],
)
def test_a_price_that_is_not_plain_is_unknown(said: JsonValue) -> None:
    assert price({"pricing": said}) is None


def test_models_that_can_be_asked_are_known_by_name(tmp_path: Path) -> None:
    text = """
    [endpoints.mine]
    base_url = "http://127.0.0.1:1/v1"
    models = ["vendor/large", "own"]
    [fake.clerk]
    replies = ["a"]
    """
    settings = read(text, tmp_path / "flowrun.toml")
    for name in ("mine", "openai", "openrouter"):
        keep(settings.state, name, [ROW], now=1)
    config = Config(
        endpoints=settings.endpoints,
        fakes=settings.fakes,
        state=settings.state,
        variables=frozenset({"OPENAI_API_KEY"}),
    )
    found = {each.label: each.facts for each in known_models(config)}
    assert found == {
        "local/smollm2-135m-instruct": {},
        "local/placeholder": {},
        "fake/clerk": {},
        "openai/vendor/large": FACTS,
        "mine/vendor/large": FACTS,
        "mine/own": {},
    }
