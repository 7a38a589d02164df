"""Runs a model's weights in this process by xllamacpp, which is llama.cpp with its server."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import xllamacpp

from flowrun.digest import JsonValue
from flowrun.errors import NotInstalled, ProviderError
from flowrun.providers.engine import OnChunk


class Llama:
    """Loaded weights; `slots` replies are generated side by side, each in its own window.

    Raises: NotInstalled if the library refuses the weights.
    """

    def __init__(self, weights: Path, *, alias: str, slots: int, context_tokens: int) -> None:
        settings = xllamacpp.CommonParams()
        settings.model.path = str(weights)
        settings.model_alias = {alias}
        settings.n_parallel = slots
        settings.n_ctx = slots * context_tokens  # shared out among the slots
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads()
        settings.warmup = False
        settings.verbosity = 0
        settings.ui = False
        # The library opens an HTTP server on a loopback port as well; nobody is told its key.
        settings.api_keys = [secrets.token_urlsafe(32)]
        try:
            self._server = xllamacpp.Server(settings)
        except RuntimeError as error:
            raise NotInstalled(f'the weights "{weights}" cannot be loaded: {error}') from error

    @property
    def address(self) -> str:
        """Where its HTTP server listens, on the loopback, for those who know its key."""
        return str(self._server.listening_address)

    def chat(self, body: Mapping[str, JsonValue], on_chunk: OnChunk) -> None:
        """Generates one reply. Raises: ProviderError if the request is malformed."""
        try:
            self._server.handle_chat_completions(dict(body), on_chunk)
        except (ValueError, RuntimeError) as error:
            raise ProviderError(f"cannot read the request: {error}") from error

    def grammar(self, schema: Mapping[str, JsonValue]) -> str:
        """The grammar that holds a reply to a finite schema."""
        compact = {"whitespace_flexible": False}  # a key that the library does not know undoes all
        return str(xllamacpp.json_schema_to_grammar({**schema, "x-guidance": compact}))


_MOST_THREADS = 8


def threads() -> int:
    """How many threads generate: one busy core slows all of them, so one is left free."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 2
    return min(_MOST_THREADS, max(1, cores - 1))
