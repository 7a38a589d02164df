"""Texts of pipeline files, looked at for faults of form alone."""

from __future__ import annotations

from flowrun.digest import JsonValue
from flowrun.document.outline import without, without_free_keys
from flowrun.document.source import load
from flowrun.document.structure import flaws
from flowrun.errors import Diagnostic


def faults(text: str) -> list[Diagnostic]:
    """Every fault of form, in the file's order."""
    return [flaw.diagnostic for flaw in flaws(load(text, "p.yaml"))]


def formed(text: str) -> list[str]:
    """Each as "line:column: message [code]"."""
    return [str(each).split("\n")[0].removeprefix("p.yaml:") for each in faults(text)]


def left(text: str) -> dict[str, JsonValue]:
    """The file's data without its faulty parts."""
    loaded = load(text, "p.yaml")
    return without(without_free_keys(loaded.data), [flaw.path for flaw in flaws(loaded)])


def whole(tools: str = "", step: str = "{value: 1}", more: str = "") -> str:
    """A file with these tools, a step called s, and what else there is."""
    return f"tools: {{{tools}}}\nsteps: {{s: {step}}}\n{more}"
