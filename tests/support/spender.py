"""A process that reserves, settles and releases without end, to be killed in the middle.

python -m tests.support.spender ADDRESS NUMBER
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import count

from flowrun.gateway.base import UNITS, Hold
from tests.support.ledgers import ANN, charge, opened

AT_ONCE = 8
HELD_S = 0.2


async def spend(address: str, number: str) -> None:
    """Says "spending" once it has begun, and does not end by itself."""
    numbers = count()
    async with opened(address) as ledger:

        async def call() -> None:
            for each in numbers:
                id = f"{number}-{each}"
                hold = Hold(id, ANN.id, 3 * UNITS, time.time() + HELD_S)
                if not await ledger.reserve(hold):
                    continue
                await (
                    ledger.release(id) if each % 3 == 0 else ledger.settle(id, charge(), now=1.0)
                )
                if each == AT_ONCE:
                    sys.stdout.write("spending\n")
                    sys.stdout.flush()

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(call())


if __name__ == "__main__":
    asyncio.run(spend(sys.argv[1], sys.argv[2]))
