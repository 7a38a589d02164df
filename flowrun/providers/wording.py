"""Foreign text made fit for a message: short, on one line, without control characters."""

from __future__ import annotations

from collections.abc import Callable

LONGEST = 300


def brief(text: str, *, limit: int = LONGEST, mask: Callable[[str], str] = str) -> str:
    """The text with each run of blanks as one space, cut to `limit` characters.

    Whatever cannot be printed counts as blank: control and escape characters, and those
    that turn the direction of writing. `mask` takes secrets out before they could be cut.
    """
    # The slice comes first: of a body of megabytes only the beginning is looked at.
    masked = mask(text[: limit * 8])
    head = "".join(char if char.isprintable() else " " for char in masked[: limit * 4])
    line = " ".join(head.split())
    return line if len(line) <= limit and len(text) <= limit * 4 else f"{line[:limit].rstrip()}…"


def brief_body(body: bytes, content_type: str = "", *, mask: Callable[[str], str] = str) -> str:
    """What a body that was not understood begins with; a page is only named as one."""
    start = body[: LONGEST * 8].decode("utf-8", "replace").strip()
    if "html" in content_type.lower() or start[:15].lower().startswith(("<!doctype", "<html")):
        return "an HTML page"
    return brief(start, mask=mask) or "an empty body"


def seconds(duration_s: float) -> str:
    """A duration as people say it: `0.5 s`, `90 s`, `20 min`, `2.5 h`."""
    if duration_s < 120:
        return f"{round(duration_s, 1):g} s"
    if duration_s < 7200:
        return f"{round(duration_s / 60):g} min"
    return f"{round(duration_s / 3600, 1):g} h"
