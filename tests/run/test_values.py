"""What tools give: made plain, kept with its pictures, and told to models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.chat.images import Image
from flowrun.chat.messages import Part, Text
from flowrun.errors import ToolError
from flowrun.masking import Masker
from flowrun.run.values import from_kept, plain, to_kept, told
from tests.support.running import picture

CAT, DOG = picture("cat"), picture("dog")
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")) | st.sampled_from([CAT, DOG]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=12,
)  # fmt: skip


def round_trip(value: object) -> object:
    kept, blobs = to_kept(value)
    return from_kept(json.loads(json.dumps(kept)), blobs.get)


@given(DATA)
def test_what_is_kept_comes_back(value: object) -> None:
    assert plain(value) == value
    assert round_trip(value) == value


def test_tuples_and_strange_names_are_made_plain() -> None:
    assert plain({1: (1, (2,))}) == {"1": [1, [2]]}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (date(2026, 1, 1), "it gave a date, which JSON has no word for"),
        ([b"x"], "it gave a bytes, which JSON has no word for"),
        (float("nan"), "what it gave cannot be written as JSON: Out of range float values"),
        ({"a": "\ud83d"}, "what it gave cannot be written as JSON: 'utf-8' codec"),
        ({"a": 10**5000}, "what it gave cannot be written as JSON: Exceeds the limit"),
    ],
    ids=["date", "bytes", "nan", "half", "digits"],
)
def test_what_json_has_no_word_for_is_refused(value: object, problem: str) -> None:
    with pytest.raises(ToolError) as raised:
        plain(value)
    assert str(raised.value).startswith(problem)


def test_what_is_too_deep_is_refused() -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ToolError, match="more than 200 levels"):
        plain(value)


def test_secrets_are_masked_in_names_and_values() -> None:
    secret = "sk-0123456789abcdef"
    found = plain({secret: [f"<{secret}>", 1]}, Masker([secret]).mask)
    assert found == {"***": ["<***>", 1]}


@pytest.mark.parametrize(
    "change",
    [
        {"images": [{"place": [0], "sha256": "0" * 64, "text": ""}]},
        {"images": [{"place": [5], "sha256": CAT.sha256, "text": ""}]},
        {"images": [{"place": ["a"], "sha256": CAT.sha256, "text": ""}]},
        {"images": [{"place": [0, 0], "sha256": CAT.sha256, "text": ""}]},
        {"images": [{"place": [0, 0, "a"], "sha256": CAT.sha256, "text": ""}]},
        {"images": [{"place": 3, "sha256": CAT.sha256, "text": ""}]},
        {"images": [3]},
        {"images": [{"place": [0], "sha256": DOG.sha256, "text": ""}]},
    ],
)
def test_a_damaged_entry_is_found_out(change: Mapping[str, Any]) -> None:
    kept, _ = to_kept([CAT, 1])
    blobs = {CAT.sha256: CAT.data, DOG.sha256: b"no picture"}
    with pytest.raises((LookupError, ValueError, TypeError)):
        from_kept({**kept, **change}, blobs.get)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("text", (Text("text"),)),
        ("", (Text(""),)),
        (None, (Text("null"),)),
        (True, (Text("true"),)),
        ({"a": [1, "é"]}, (Text('{"a": [1, "é"]}'),)),
        (CAT, (CAT,)),
        (Image.from_bytes(CAT.data, text="a cat"),
         (Text("a cat"), Image.from_bytes(CAT.data, text="a cat"))),
        ([CAT, {"b": DOG}], (Text('[{"image": 1}, {"b": {"image": 2}}]'), CAT, DOG)),
        ([Image.from_bytes(CAT.data, text="a cat")],
         (Text('[{"image": 1, "text": "a cat"}]'), Image.from_bytes(CAT.data, text="a cat"))),
    ],
)  # fmt: skip
def test_a_model_is_told_text_then_pictures(value: object, parts: tuple[Part, ...]) -> None:
    assert told(value) == parts


def test_a_model_without_eyes_is_told_how_many_pictures_there_were() -> None:
    assert told([CAT, DOG], takes_images=False) == (
        Text('[{"image": 1}, {"image": 2}]\n[2 images left out: this model takes none]'),
    )


def test_a_long_result_is_cut_and_says_so() -> None:
    (part,) = told("x" * 201_234)
    assert isinstance(part, Text)
    assert part.text == "x" * 200_000 + "\n[cut: 1,234 more characters]"


def test_only_plain_values_are_kept() -> None:
    with pytest.raises(TypeError, match="a date is not plain"):
        to_kept([date(2026, 1, 1)])
