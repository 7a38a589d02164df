"""What a file is made of, as far as it could be read."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun.dataclass import dataclass
from flowrun.document.task import Input, Output, Task
from flowrun.document.tool import Tool


@dataclass(frozen=True, slots=True)
class Parts:
    """The inputs, tools, steps and outputs of a file."""

    inputs: Sequence[Input] = ()
    tools: Sequence[Tool] = ()
    tasks: Sequence[Task] = ()
    outputs: Sequence[Output] = ()
