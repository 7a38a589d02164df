"""An endpoint in a process of its own that answers each prompt after a time of its own.

`python -m tests.support.paced 5 60` prints its URL and answers after 5 to 60 ms, which the
prompt decides. Where tools are offered, all of them are called four times. What it has seen
stands at /log; /wait answers when it has seen so many.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.endpoint import Server
from tests.support.replies import echo, unary, word
from tests.support.tool_models import TOOL_MODELS
from tests.support.wire import Action, Seen, Wait

_LOOK_EVERY_S = 0.002


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as the endpoint saw it; times are monotonic seconds of the machine.

    `answered_at` is when the whole answer was written, None if it was not.
    """

    digest: str
    at: float
    answered_at: float | None


@dataclass(frozen=True, slots=True)
class Paced:
    """A running endpoint; `url` ends in /v1."""

    url: str

    def log(self) -> list[Sent]:
        """Every request since the last `forget`, in order."""
        return [Sent(*each) for each in self._get("/log")["seen"]]

    def wait_for(self, requests: int) -> None:
        """Returns when so many requests have come since the last `forget`."""
        self._get(f"/wait?{requests}")

    def forget(self) -> None:
        """Forgets what was seen."""
        self._get("/reset")

    def _get(self, path: str) -> Any:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def paced(least_ms: float, most_ms: float) -> Iterator[Paced]:
    """An endpoint in another process, ended at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.paced", str(least_ms), str(most_ms)],
        cwd=Path(__file__).parent.parent.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Paced(process.stdout.readline().strip())
    finally:
        process.kill()
        process.communicate()


class _Answers:
    """What the endpoint does about a request."""

    def __init__(self, least_ms: float, most_ms: float) -> None:
        self._range = least_ms / 1000, most_ms / 1000
        self.server = Server(self)

    def __call__(self, seen: Seen) -> Iterable[Action]:
        path, _, query = seen.path.partition("?")
        if path == "/log":
            return [unary({"seen": [_told(each) for each in self.server.seen]})]
        if path == "/wait":
            return self._when_seen(int(query))
        return self._late(seen)

    def _when_seen(self, requests: int) -> Iterator[Action]:
        while len(self.server.seen) < requests:
            yield Wait(_LOOK_EVERY_S)
        yield unary({})

    def _late(self, seen: Seen) -> Iterator[Action]:
        yield Wait(random.Random(seen.prompt).uniform(*self._range))
        if seen.json.get("tools"):
            yield from TOOL_MODELS["tool-four"](seen)
            return
        is_text = "response_format" not in seen.json and "image" not in seen.json.get(
            "modalities", ()
        )
        yield from word(seen) if is_text else echo(seen)


def _told(seen: Seen) -> list[object]:
    return [hashlib.sha256(seen.body).hexdigest(), seen.at, seen.answered_at]


async def _serve(least_ms: float, most_ms: float) -> None:
    server = _Answers(least_ms, most_ms).server
    listening = await server.listen()
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), float(sys.argv[2])))
