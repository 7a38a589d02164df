from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.masking import Masker

SECRET = 'sk-"cañary"/+ 1234\\'


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_every_spelling_of_a_secret_is_masked(spelling: str) -> None:
    assert Masker([SECRET]).mask(f"key={spelling}&x") == "key=***&x"


@given(st.binary(max_size=9), st.binary(max_size=9))
def test_a_secret_inside_of_longer_base64_is_masked(before: bytes, after: bytes) -> None:
    secret = "sk-canary-0123456789"
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    masked = Masker([secret]).mask(encoded)
    assert "***" in masked
    assert len(masked) < len(encoded) - len(secret)


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Masker(["secret", "secret-and-more"]).mask("a secret-and-more b") == "a *** b"


def test_short_secrets_are_left_alone() -> None:
    assert Masker(["", "abc", "local"]).mask("abc local") == "abc local"


def test_without_secrets_nothing_changes() -> None:
    assert Masker().mask("text") == "text"


def test_a_masker_says_whether_there_is_anything_to_mask() -> None:
    assert Masker(["a secret"]).has_secrets
    assert not Masker(["short"]).has_secrets
    assert not Masker().has_secrets


def escaped(text: str) -> str:
    """The text as JSON may write it, each character as an escape."""
    return "".join(f"\\u{ord(each):04X}" for each in text)


@pytest.mark.parametrize(
    "spelling",
    [
        escaped("sk-canary/01"),
        r"sk-canary\/01",
        r"sk-\u0063anary/01",
        r"sk-\x63anary\x2f01",
        r"sk-\U00000063anary/01",
    ],
)
def test_a_secret_behind_escapes_is_masked(spelling: str) -> None:
    masker = Masker(["sk-canary/01"])
    assert masker.mask(f'{{"{spelling}": "{spelling}"}}') == '{"***": "***"}'


def test_a_character_that_needs_its_escape_keeps_one() -> None:
    masker = Masker(['sk-"canary"'])
    hidden = escaped('sk-"canary"')
    assert masker.mask(f'["{hidden}", "\\u0022\\ud83d"]') == r'["***", "\"\ud83d"]'


def test_escapes_that_hide_no_secret_are_left_alone() -> None:
    text = r"sk-\u0041 \\u0073k-canary/01 \/ \ud83d " + escaped("sk-canary/02")
    assert Masker(["a-canary-0123"]).mask(text) == text
    assert Masker(["u0073k-no-canary"]).mask(text) == text


@pytest.mark.parametrize("kept", range(8, 20))
def test_a_secret_that_the_end_cuts_is_masked(kept: int) -> None:
    assert (
        Masker(["sk-canary-0123456789"]).mask("the " + "sk-canary-0123456789"[:kept]) == "the ***"
    )


def test_a_short_beginning_of_a_secret_at_the_end_is_text() -> None:
    assert Masker(["sk-canary-0123456789"]).mask("a key begins with sk-cana") == (
        "a key begins with sk-cana"
    )


def test_a_secret_that_begins_in_the_end_of_another_leaves_nothing() -> None:
    masker = Masker(["abcabc", "abcxyz-and-more"])
    assert masker.split("x abcabc") == ("x ***", "")


@given(st.lists(st.sampled_from(["abc", "xyz", "abcabc", "-and-more", "a", " ", "secret"])))
def test_text_split_wherever_it_is_cut_is_masked_alike(pieces: list[str]) -> None:
    masker = Masker(["abcabc", "abcxyz-and-more", "secret", "secret-and-more", "xyzabcabca"])
    said, waiting = "", ""
    for each in pieces:
        sure, waiting = masker.split(waiting + each)
        said += sure
    assert said + masker.mask(waiting) == masker.mask("".join(pieces))
