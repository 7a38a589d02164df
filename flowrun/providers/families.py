"""Families of models by the form of their names, as rows of data: whose a bare slug is."""

from __future__ import annotations

from fnmatch import fnmatchcase

FAMILIES: tuple[tuple[str, str], ...] = (
    ("claude-*", "anthropic"),
    ("gpt-*", "openai"),
    ("chatgpt-*", "openai"),
    ("gpt-image-*", "openai"),
    ("dall-e-*", "openai"),
    ("o1*", "openai"),
    ("o3*", "openai"),
    ("o4*", "openai"),
    ("gemini-*", "gemini"),
)
"""A pattern, and the endpoint that makes the models of such names."""


def maker(slug: str) -> str | None:
    """The endpoint that makes models of such a name, None if no family has it."""
    return next((name for pattern, name in FAMILIES if fnmatchcase(slug, pattern)), None)
