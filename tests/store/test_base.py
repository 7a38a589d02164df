"""What the protocol promises, of every store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowrun.digest import JsonValue
from flowrun.store.base import Policy, Store
from flowrun.store.memory import MemoryStore
from flowrun.store.sqlite import SqliteStore

Make = Callable[[Path], Store]
MAKES: list[Make] = [lambda _: MemoryStore(), SqliteStore]


@pytest.fixture(params=MAKES, ids=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = request.param(tmp_path / ".flowrun")
    yield made
    made.close()


def named(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_answer_is_kept_under_its_key(store: Store) -> None:
    store.put("a", {"text": "one"})
    store.put("b", {"text": "two"})
    assert (store.get("a"), store.get("b")) == ({"text": "one"}, {"text": "two"})


def test_an_unknown_key_is_a_miss(store: Store) -> None:
    assert store.get("a") is None
    store.put("b", {"text": "two"})
    assert store.get("a") is None


def test_the_later_answer_stands(store: Store) -> None:
    store.put("a", {"text": "one"})
    store.put("a", {"text": "two"})
    assert store.get("a") == {"text": "two"}


def test_an_answer_cannot_be_changed_from_outside(store: Store) -> None:
    items: list[JsonValue] = [1]
    store.put("a", {"items": items})
    items.append(2)
    first = store.get("a")
    assert isinstance(first, dict)
    first["items"] = "changed"
    assert store.get("a") == {"items": [1]}


def test_an_answer_comes_as_json_reads_it_back(store: Store) -> None:
    store.put("a", {"pair": (1, 2.5), "big": 10**300, "text": "Grüße \N{SNOWMAN}\0", "none": None})
    assert store.get("a") == {
        "pair": [1, 2.5],
        "big": 10**300,
        "text": "Grüße \N{SNOWMAN}\0",
        "none": None,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_refused(store: Store, value: JsonValue) -> None:
    with pytest.raises(ValueError, match=r"."):
        store.put("a", {"value": value})
    assert store.get("a") is None


def test_blobs_are_kept_under_their_digest(store: Store) -> None:
    data = [b"", b"picture", b"x" * 100_000]
    store.put("a", {}, {named(each): each for each in data})
    assert [store.blob(named(each)) for each in data] == data


def test_an_unknown_blob_is_none(store: Store) -> None:
    assert store.blob(named(b"other")) is None
    store.put("a", {}, {named(b"picture"): b"picture"})
    assert store.blob(named(b"other")) is None


@pytest.mark.parametrize("name", ["", "tmp", "../../../etc/passwd", "A" * 64, "0" * 63 + "\n"])
def test_what_is_no_digest_names_no_blob(store: Store, name: str) -> None:
    store.put("a", {}, {named(b"picture"): b"picture"})
    assert store.blob(name) is None


@pytest.mark.parametrize("name", [named(b"other"), "../../outside"])
def test_a_blob_under_a_wrong_digest_keeps_nothing(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="is not the digest of these 7 bytes"):
        store.put("a", {}, {name: b"picture"})
    assert store.get("a") is None
    assert store.blob(name) is None


def test_closing_twice_does_no_harm(store: Store) -> None:
    store.put("a", {"text": "one"})
    store.close()
    store.close()


def test_policies_are_named_as_on_the_command_line() -> None:
    assert [each.value for each in Policy] == ["use", "off"]
