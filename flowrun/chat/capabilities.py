"""What a model can take and give, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """True, false, or None where nobody knows before asking."""

    images_in: bool | None = None
    images_out: bool | None = None
    text_out: bool | None = None
    json_schema: bool | None = None
    json_object: bool | None = None
    tools: bool | None = None
