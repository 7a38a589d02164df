"""What a step's `expect` demands of its value, and what of that is missing."""

from __future__ import annotations

from flowrun.document import templates
from flowrun.document.slots import Scope
from flowrun.document.task import Task
from flowrun.document.templates import TemplateError


def unmet(task: Task, scope: Scope, value: object) -> str:
    """What the step's `expect` finds missing in `value`; nothing if all holds.

    What cannot be evaluated does not hold: a reply may lack what the expression reads.
    """
    own = {**scope, task.id: value}
    for expected in task.expects:
        wanted = f"it must hold that {expected.template.source.strip()}"
        try:
            if not templates.value(expected.template, own):
                return wanted
        except TemplateError as error:
            return f"{wanted}, but {error}"
    return ""
