"""An OpenAI-compatible endpoint on the loopback that answers by a script, well or badly.

`with endpoint() as server:` runs one in a thread; `python -m tests.support.endpoint` runs one
in a process of its own, prints its URL, and tells at /stats what it has seen.

The model's name decides the answer: `echo` says what it was asked, `word` says a short word,
`chaos-<name>` behaves as FAULTS, ODDITIES and TOOL_MODELS have it, `chaos-<name>.2` does so for the
first two attempts of a conversation and then well, `chaos-mix` fails at random; `tool-<name>`
is short for `chaos-tool-<name>`. Whatever a provider puts before the last `/` of a model's name
is ignored.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.faults import FAULTS
from tests.support.oddities import ODDITIES
from tests.support.replies import echo, error, unary, word
from tests.support.tool_models import TOOL_MODELS
from tests.support.wire import Action, Answer, Connection, Log, Seen, Wait

BEHAVIOURS: dict[str, Answer] = {**FAULTS, **ODDITIES, **TOOL_MODELS}

MIXED = ("429-zero", "500", "502", "503", "529", "reset-early", "reset-headers", "reset-body",
         "cut", "cut-clean", "error-chunk")  # fmt: skip
"""What `chaos-mix` does at its worst; all of it passes when asked again."""

_UNPAID = {*FAULTS, *MIXED} - {"slow", "gzip"}


@dataclass(slots=True)
class ByModel:
    """Answers by the model's name; attempts of a conversation are counted here."""

    latency_s: float = 0.0
    mix_rate: float = 0.2
    mix_seed: int = 0
    mix_run: int = 4
    _attempts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __call__(self, seen: Seen) -> Iterable[Action]:
        """What is done about one request."""
        if seen.method == "GET":
            return _models(seen)
        if not seen.path.endswith("/chat/completions"):
            return iter([error(404, f"nothing is served at {seen.path}")])
        answer = self._chosen(seen)
        return _late(self.latency_s, answer(seen)) if self.latency_s else answer(seen)

    def _chosen(self, seen: Seen) -> Answer:
        name = seen.model.rpartition("/")[2]
        if name.startswith("tool-"):
            name = f"chaos-{name}"
        if not name.startswith("chaos-"):
            return word if name == "word" else echo
        key = (name, seen.opening)
        self._attempts[key] += 1
        seen.attempt = self._attempts[key]
        behaviour, _, times = name.removeprefix("chaos-").partition(".")
        if behaviour == "mix":
            behaviour = self._mixed(seen)
        elif times and seen.attempt > int(times):
            behaviour = ""
        seen.behaviour = behaviour
        return BEHAVIOURS.get(behaviour, _unknown) if behaviour else echo

    def _mixed(self, seen: Seen) -> str:
        dice = random.Random(f"{self.mix_seed} {seen.attempt} {seen.opening}")
        if seen.attempt > self.mix_run or dice.random() >= self.mix_rate:
            return ""
        return dice.choice(MIXED)


def _unknown(seen: Seen) -> Iterator[Action]:
    yield error(400, f"the test server has no behaviour of the name {seen.model}")


def _models(seen: Seen) -> Iterator[Action]:
    if seen.path.partition("?")[0].endswith("/models"):
        rows = [{"id": name, "object": "model"} for name in ("echo", "word")]
        yield unary({"object": "list", "data": rows})
    else:
        yield error(404, f"nothing is served at {seen.path}")


def _late(seconds: float, answer: Iterable[Action]) -> Iterator[Action]:
    yield Wait(seconds)
    yield from answer


class Server:
    """A running endpoint; `url` ends in /v1, `seen` holds the POSTs in the order they came."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._loop: asyncio.AbstractEventLoop | None = None
        self.log = Log()
        self.url = ""

    @property
    def seen(self) -> list[Seen]:
        """Every POST so far."""
        return self.log.seen

    @property
    def paid(self) -> list[Seen]:
        """The requests that were answered whole, and not with a fault."""
        self.settle()
        return [
            each
            for each in self.log.seen
            if each.answered_at is not None and each.behaviour not in _UNPAID
        ]

    def settle(self) -> None:
        """Returns when what a client may have read is noted as written; from another thread."""
        if self._loop is not None and self._loop.is_running():
            noted = threading.Event()
            self._loop.call_soon_threadsafe(noted.set)
            noted.wait(10)

    def stats(self) -> dict[str, float]:
        """What the benchmarks ask: counts, the span in seconds, CPU seconds of this process."""
        ends = [each.answered_at for each in self.log.seen if each.answered_at is not None]
        start = self.log.seen[0].at if self.log.seen else 0.0
        return {
            "requests": len(self.log.seen),
            "answered": len(ends),
            "span_s": max(ends) - start if ends else 0.0,
            "max_in_flight": self.log.max_in_flight,
            "connections": self.log.connections,
            "cpu_s": time.process_time(),
        }

    async def listen(self, port: int = 0) -> asyncio.Server:
        """Begins to serve, in the running loop."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(self._answered, self.log, lambda: self.url),
            "127.0.0.1",
            port,
            backlog=2048,
        )
        self._loop = loop
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        return server

    def _answered(self, seen: Seen) -> Iterable[Action]:
        if seen.path == "/stats":
            return [unary({**self.stats()})]
        if seen.path == "/reset":
            self.log.forget()
            return [unary({})]
        return self._answer(seen)


@contextmanager
def endpoint(answer: Answer | None = None) -> Iterator[Server]:
    """A server in a thread of its own; without `answer` the model's name decides."""
    server = Server(ByModel() if answer is None else answer)
    started = threading.Event()
    stop: list[Callable[[], object]] = []
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(server, started, stop)), name="endpoint", daemon=True
    )
    thread.start()
    if not started.wait(10):
        raise RuntimeError("the test server did not start")
    try:
        yield server
    finally:
        stop[0]()
        thread.join(10)


async def _serve(
    server: Server, started: threading.Event, stop: list[Callable[[], object]]
) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    stop.append(lambda: loop.call_soon_threadsafe(ended.set))
    listening = await server.listen()
    started.set()
    await ended.wait()
    listening.close()
    server.log.hang_up()
    await listening.wait_closed()


async def _serve_for_ever(server: Server, port: int) -> None:
    listening = await server.listen(port)
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    await listening.serve_forever()


def main() -> None:
    """Serves until it is killed; the first line of its output is its URL."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.support.endpoint")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--mix-rate", type=float, default=0.2)
    parser.add_argument("--mix-seed", type=int, default=0)
    parser.add_argument("--core", type=int, help="the only core to run on")
    flags = parser.parse_args()
    if flags.core is not None:
        os.sched_setaffinity(0, {flags.core})
    answer = ByModel(flags.latency_ms / 1000, flags.mix_rate, flags.mix_seed)
    try:
        asyncio.run(_serve_for_ever(Server(answer), flags.port))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
