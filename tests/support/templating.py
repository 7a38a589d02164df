"""What the tests of templates share: a picture, a scope, and short ways to render."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from flowrun.chat.images import Image
from flowrun.document import templates
from flowrun.document.templates import SKIPPED, Fault, TemplateError, TemplateFault
from flowrun.errors import StepError

PICTURE = Image(b"\x89PNG", "image/png", 3, 4, "ab" * 32, "beside it")
SCOPE: Mapping[str, object] = {
    "inputs": {"product": "lamp", "count": 3, "items": [1, 2]},
    "brief": {"headline": "Light", "benefits": ["bright", "light"]},
    "hero": PICTURE,
    "gone": SKIPPED,
    "nothing": None,
}


def render(source: str, **scope: object) -> object:
    """The value of a template in the shared scope and some more names."""
    return templates.value(templates.parse(source), {**SCOPE, **scope})


def error(source: str, **scope: object) -> str:
    """What rendering says is wrong."""
    with pytest.raises(TemplateError) as caught:
        render(source, **scope)
    return caught.value.message


def fault(source: str, files: Callable[[str], str] | None = None) -> Fault:
    """What parsing says is wrong."""
    with pytest.raises(TemplateFault) as caught:
        templates.parse(source, files=files)
    return caught.value.fault


def folder(**files: str) -> Callable[[str], str]:
    """Reads the given texts as files; any other name is refused."""

    def read(name: str) -> str:
        if name not in files:
            raise StepError(f'there is no file "{name}"')
        return files[name]

    return read
