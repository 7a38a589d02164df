"""Where outputs are written: names that lead out of the folder, and files written twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from flowrun.document.faults import Fault
from flowrun.document.slots import Slot
from flowrun.document.source import Loaded
from flowrun.document.task import Output
from flowrun.errors import Diagnostic, Mark
from flowrun.folder import problem_of

_TAGS = re.compile(r"\{[%#]")
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_ANY = "any"
"""Stands for whatever an expression gives; what it gives in truth is seen before it is written."""


def destination_faults(loaded: Loaded, outputs: Sequence[Output]) -> Iterator[Diagnostic]:
    """What is wrong with the names of output files as far as the file itself shows it."""
    written: dict[str, Mark] = {}
    for output in outputs:
        slot = output.file
        if slot is None:
            continue
        source = slot.template.source
        if problem := _problem(slot):
            yield _diagnostic(
                loaded, slot, f'"{source}" is no file name here: {problem}', "bad-path"
            )
        elif output.loop is not None:
            if not _differs(slot, output.loop.name):
                message = "every element would be written to the same file"
                mend = f"write a name with {output.loop.name} or loop.index in it"
                yield _diagnostic(loaded, slot, message, "same-file", mend)
        elif (first := written.get(_normal(source))) is not None:
            message = f"the same file is written twice, first at {first}"
            mend = "give one of them another name"
            yield _diagnostic(loaded, slot, message, "same-file", mend)
        else:
            written[_normal(source)] = slot.mark(loaded)


def _problem(slot: Slot) -> str:
    source = slot.template.source
    if slot.template.is_constant:
        return problem_of(source)
    return "" if _TAGS.search(source) else problem_of(_EXPRESSION.sub(_ANY, source))


def _differs(slot: Slot, variable: str) -> bool:
    """Whether the name may be another one for each element."""
    return any(each.name in (variable, "loop") for each in slot.template.references)


def _normal(source: str) -> str:
    return source if "{" in source else str(PurePosixPath(source))


def _diagnostic(loaded: Loaded, slot: Slot, message: str, code: str, mend: str = "") -> Diagnostic:
    length = len(slot.template.source.partition("\n")[0])
    return slot.diagnostic(loaded, Fault(0, length, message, code, mend=mend))
