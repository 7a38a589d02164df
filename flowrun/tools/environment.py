"""Which environment variables a tool gets: the common ones, and those that it may name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flowrun.config import ToolSettings
from flowrun.errors import StepError

COMMON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What every process of a tool is given, where it is set."""


def process_environment(
    names: Iterable[str], environ: Mapping[str, str], settings: ToolSettings, shown: str
) -> dict[str, str]:
    """The whole environment of a process; `shown` is the tool as messages name it.

    Raises: StepError for a variable that may not be given, or is not set.
    """
    common = {name: environ[name] for name in COMMON if name in environ}
    return common | {name: variable(name, environ, settings, shown) for name in names}


def variable(name: str, environ: Mapping[str, str], settings: ToolSettings, shown: str) -> str:
    """The value of one variable. Raises: StepError if it may not be given, or is not set."""
    if name not in settings.env and name not in COMMON:
        raise StepError(
            f'{shown} may not have the environment variable "{name}"; '
            f'to allow it, write env = ["{name}"] under [tools] in flowrun.toml'
        )
    if not environ.get(name):
        raise StepError(f'{shown} needs the environment variable "{name}", which is not set')
    return environ[name]
