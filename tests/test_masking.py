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
