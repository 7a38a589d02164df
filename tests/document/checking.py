"""Whole files, checked as the command does, with their files and models given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flowrun.chat.capabilities import Capabilities
from flowrun.document.check import Checked, check
from flowrun.document.plan import Plan
from flowrun.document.source import load
from flowrun.errors import FlowrunError, UsageError
from flowrun.proofs import FullProofs


@dataclass(frozen=True, slots=True)
class Models:
    """What is known of models: by name, and nothing of all others but "nobody"."""

    known: Mapping[str, Capabilities] = field(default_factory=dict)

    def capabilities(self, name: str) -> Capabilities:
        if name == "nobody":
            raise UsageError('"nobody" is no model')
        return self.known.get(name, Capabilities())


def checked(
    text: str, files: Mapping[str, str] | None = None, models: Models | None = None
) -> Checked:
    """What comes of the check of a file called p.yaml."""

    def read(name: str) -> str:
        if name not in (files or {}):
            raise FlowrunError(f'there is no file "{name}"')
        return (files or {})[name]

    return check(load(text, "p.yaml"), read_file=read, proofs=FullProofs(), models=models)


def told(
    text: str, files: Mapping[str, str] | None = None, models: Models | None = None
) -> list[str]:
    """Each fault as "line:column: message [code]", in the file's order."""
    found = checked(text, files, models).diagnostics
    return [str(each).split("\n")[0].removeprefix("p.yaml:") for each in found]


def plan(text: str, files: Mapping[str, str] | None = None) -> Plan:
    """The plan of a sound file."""
    return checked(text, files).sound_plan()
