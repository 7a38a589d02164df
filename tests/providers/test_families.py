from __future__ import annotations

import pytest

from flowrun.providers.catalog import ENDPOINTS
from flowrun.providers.families import FAMILIES, maker


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("claude-opus-5-5", "anthropic"),
        ("gpt-5.6", "openai"),
        ("gpt-4o-2024-11-20", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("gpt-image-1", "openai"),
        ("dall-e-3", "openai"),
        ("o1", "openai"),
        ("o3-mini", "openai"),
        ("o4-mini", "openai"),
        ("gemini-2.5-pro", "gemini"),
        ("llama-3", None),
        ("my-gpt-4", None),
        ("o2", None),
    ],
)
def test_a_name_tells_who_makes_the_model(slug: str, name: str | None) -> None:
    assert maker(slug) == name


def test_every_family_has_an_endpoint() -> None:
    assert {name for _, name in FAMILIES} <= set(ENDPOINTS)
