"""What the gateway counts, in Prometheus' own form.

Labels are names that this server knows, never a caller's text; past a bound they are "other".
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from flowrun.chat.usage import Usage
from flowrun.gateway.base import UNITS

_MOST_MODELS = 200
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series beside each one, which nobody asks for
        self._registry = CollectorRegistry()
        self._models: set[str] = set()
        self._requests = Counter(
            "flowrun_requests",
            "Completions that were asked for, by model and HTTP status.",
            ("model", "status"),
            registry=self._registry,
        )
        self._in_flight = Gauge(
            "flowrun_in_flight", "Completions under way.", registry=self._registry
        )
        tasks = Gauge("flowrun_tasks", "Tasks of the event loop.", registry=self._registry)
        tasks.set_function(_tasks)
        self._seconds = Histogram(
            "flowrun_request_seconds",
            "From a request's arrival to its answer's end.",
            ("model",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._tokens = Counter(
            "flowrun_tokens",
            "Tokens by model and kind: prompt, or output.",
            ("model", "kind"),
            registry=self._registry,
        )
        self._credits = Counter(
            "flowrun_credits", "Credits charged, by model.", ("model",), registry=self._registry
        )

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Counts a completion as under way."""
        self._in_flight.inc()
        try:
            yield
        finally:
            self._in_flight.dec()

    def ended(
        self, model: str, status: int, seconds: float, *, usage: Usage | None = None, units: int = 0
    ) -> None:
        """Counts a completion; `model` is the one that served it, empty if none did."""
        label = self._label(model)
        self._requests.labels(label, str(status)).inc()
        self._seconds.labels(label).observe(seconds)
        if usage is not None:
            self._tokens.labels(label, "prompt").inc(usage.prompt_tokens)
            self._tokens.labels(label, "output").inc(usage.output_tokens)
        if units:
            self._credits.labels(label).inc(units / UNITS)

    def body(self) -> bytes:
        """All of it, as a scraper reads it."""
        return generate_latest(self._registry)

    def _label(self, model: str) -> str:
        if model and model not in self._models and len(self._models) >= _MOST_MODELS:
            return "other"
        self._models.add(model)
        return model or "none"


def _tasks() -> int:
    """How many tasks there are, as the loop that is asked for them counts them."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # no loop runs
        return 0
