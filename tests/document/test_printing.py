from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from flowrun.document.budget import Budget
from flowrun.document.faults import Refusal
from flowrun.document.printing import as_json, as_text, plain, scalar_key, suggestion
from tests.support.templating import PICTURE

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(value=JSON)
def test_plain_data_stays_what_it_is(value: object) -> None:
    assert plain(Budget(), value) == value


def test_other_sequences_and_mappings_become_lists_and_objects() -> None:
    value = MappingProxyType({"a": (1, range(2)), 2: {True: None}})
    assert plain(Budget(), value) == {"a": [1, [0, 1]], "2": {"true": None}}


def test_texts_of_other_kinds_become_text() -> None:
    found = plain(Budget(), Markup("a"))
    assert type(found) is str


def test_text_prints_as_the_file_would_write_it() -> None:
    values = ("a", None, True, 1.5, [1, "ü"], {"a": False})
    assert [as_text(Budget(), each) for each in values] == [
        *("a", "null", "true", "1.5", '[1, "ü"]', '{"a": false}')
    ]


def test_json_can_be_indented() -> None:
    assert as_json(Budget(), [1], indent=1) == "[\n 1\n]"


@pytest.mark.parametrize("value", [PICTURE, [PICTURE], {"a": [PICTURE]}])
def test_images_are_no_text(value: object) -> None:
    with pytest.raises(Refusal, match="image"):
        as_text(Budget(), value)


def test_depth_is_bounded() -> None:
    value: object = 1
    for _ in range(102):
        value = [value]
    with pytest.raises(Refusal, match="more than 100 deep"):
        plain(Budget(), value)


def test_only_scalars_are_keys() -> None:
    assert [scalar_key(each) for each in ("a", 1, None)] == ["a", 1, None]
    with pytest.raises(Refusal, match="uses a list as the key"):
        scalar_key(((),))


def test_suggestions_look_at_a_bounded_number_of_names() -> None:
    assert suggestion("nme", ["name", 5]) == "; did you mean name?"
    assert suggestion("nme", [*map(str, range(1000)), "name"]) == ""
