"""Declarative prompt pipelines: make, terraform and mypy for prompts.

import flowrun

result = flowrun.execute("pipelines/product_page.yaml", {"product": "a bike lamp"})
print(result.outputs["brief"])
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # typing has it too, but would be imported before anything can be caught

if TYPE_CHECKING:
    from flowrun.api import Options as Options
    from flowrun.api import Pipeline as Pipeline
    from flowrun.api import execute as execute
    from flowrun.api import execute_async as execute_async
    from flowrun.api import load as load
    from flowrun.chat.images import Image as Image
    from flowrun.errors import FlowrunError as FlowrunError
    from flowrun.errors import PipelineError as PipelineError
    from flowrun.errors import UsageError as UsageError
    from flowrun.run.execution import RunResult as RunResult

__all__ = [
    "FlowrunError",
    "Image",
    "Options",
    "Pipeline",
    "PipelineError",
    "RunResult",
    "UsageError",
    "execute",
    "execute_async",
    "load",
]

_HOMES = {
    "FlowrunError": "flowrun.errors",
    "Image": "flowrun.chat.images",
    "Options": "flowrun.api",
    "Pipeline": "flowrun.api",
    "PipelineError": "flowrun.errors",
    "RunResult": "flowrun.run.execution",
    "UsageError": "flowrun.errors",
    "execute": "flowrun.api",
    "execute_async": "flowrun.api",
    "load": "flowrun.api",
}


def __getattr__(name: str) -> object:
    # `flowrun --help` imports this file too, and must not wait for all the others.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return __all__
