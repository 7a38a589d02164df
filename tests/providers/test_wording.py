from __future__ import annotations

import pytest

from flowrun.masking import Masker
from flowrun.providers.wording import brief, brief_body, seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", "plain"),
        ("a\n\n  b\tc", "a b c"),
        ("\x1b[31mred\x1b[0m\u202e\x00", "[31mred [0m"),
        ("x" * 20, "xxxxxxxxxxxx…"),
        ("", ""),
        (" " * 100 + "late", "…"),
    ],
)
def test_foreign_text_is_short_and_on_one_line(text: str, said: str) -> None:
    assert brief(text, limit=12) == said


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b"<!DOCTYPE html><p>no", "", "an HTML page"),
        (b" <html>", "text/plain", "an HTML page"),
        (b"oops", "text/html; charset=utf-8", "an HTML page"),
        (b"bad \xff", "", "bad \ufffd"),
        (b"  ", "", "an empty body"),
    ],
)
def test_a_body_is_told_by_its_beginning(body: bytes, content_type: str, said: str) -> None:
    assert brief_body(body, content_type) == said


@pytest.mark.parametrize(
    ("duration_s", "said"),
    [(0.25, "0.2 s"), (90.0, "90 s"), (1200.0, "20 min"), (86400.0, "24 h"), (9000.0, "2.5 h")],
)
def test_durations_as_people_say_them(duration_s: float, said: str) -> None:
    assert seconds(duration_s) == said


@pytest.mark.parametrize("before", [0, 268, 290, 299, 1199, 2399, 5000])
def test_a_secret_is_masked_before_it_could_be_cut(before: int) -> None:
    mask = Masker(["sk-canary-0123456789"]).mask
    text = "x" * before + "sk-canary-0123456789" * 200
    for said in (brief(text, mask=mask), brief_body(text.encode(), mask=mask)):
        assert "sk-canar" not in said
        assert len(said) <= 301
