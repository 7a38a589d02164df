"""Asks an endpoint in a process of its own, and tells how much memory that took at most.

`python -m tests.support.weighing URL TRANSPORT MODE MODEL ...` prints, for each model, the
outcome and the growth of the process's peak memory in bytes since one good answer.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Sequence
from typing import cast

from tests.support.asking import Mode, Transport, asking, outcome_of, request


def peak_bytes() -> int:
    """The most memory that this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


async def weigh(
    url: str, transport: Transport, mode: Mode, models: Sequence[str]
) -> dict[str, tuple[str, int]]:
    """Outcome and growth for each model, asked one after the other."""
    found = {}
    async with asking(url, transport) as provider:
        await outcome_of(provider, request("echo"), mode)
        before = peak_bytes()
        for model in models:
            outcome = await outcome_of(provider, request(model), mode)
            found[model] = (outcome, peak_bytes() - before)
    return found


if __name__ == "__main__":
    url, transport, mode, *models = sys.argv[1:]
    weighed = weigh(url, cast("Transport", transport), cast("Mode", mode), models)
    json.dump(asyncio.run(weighed), sys.stdout)
