from __future__ import annotations

import pytest

from tests.support.templating import error


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' | trim(99999999) }}",
        "{{ 'a' | truncate(length=99999999) }}",
        "{{ [1] | batch(2000000) }}",
        "{{ [1] | slice(slices=2000000) }}",
        "{{ 'a' | wordwrap(2000000) }}",
        "{{ 'a' | indent(2000000) }}",
        "{{ 'a' | center('b') }}",
    ],
)
def test_sizes_are_bounded_whole_numbers(source: str) -> None:
    assert "takes a whole number up to 1,000,000 as its size" in error(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ text | title }}",
        "{{ text | striptags }}",
        "{{ text | urlize }}",
        "{{ text | wordwrap(1) }}",
        "{{ text | urlencode }}",
        "{{ text | slug }}",
        "{{ text | from_yaml }}",
        "{{ text | wordcount }}",
        "{{ ([text] * 5) | sort }}",
        "{{ {'a': text} | xmlattr }}{{ {'a': text} | dictsort }}",
    ],
)
def test_long_texts_are_paid_for_before_work_begins(source: str) -> None:
    assert "64 MB" in error(source, text="x" * 16_000_000)
