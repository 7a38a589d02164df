"""The embedded model: a small real one, run in this process, without a key or a network.

Embedded.send ── Embedded.stream ── encode          what is asked, refused here if it cannot be
                                    _held           to a schema: of an answer, or of a call
                                    _generate       in a thread: load once, generate, deliver
                                    ChunkDecoder    chunks as on OpenAI's wire -> deltas
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import ChatReply, ChatRequest, Delta, fold, unfold
from flowrun.digest import JsonValue, canonical
from flowrun.errors import NotInstalled, ProviderError, Unavailable, Unsupported
from flowrun.providers.engine import Engine
from flowrun.providers.local_request import CONTEXT_TOKENS, MODEL, Asked, encode
from flowrun.providers.local_tools import heard, offered
from flowrun.providers.openai_chunks import ChunkDecoder
from flowrun.providers.weights import SMOLLM2, Progress, Weights, fetch

CAPABILITIES = Capabilities(
    images_in=False,
    images_out=False,
    text_out=True,
    json_schema=True,
    json_object=False,
    tools=True,
)
Load: TypeAlias = Callable[[Progress], Engine]
"""Makes the engine, fetching its weights if need be; blocks meanwhile and reports progress."""

SLOTS = 2


def missing() -> str | None:
    """What keeps the embedded model from running here and how to mend it, None if nothing does."""
    if find_spec("xllamacpp") is not None:
        return None
    return (
        'the embedded model needs the package "xllamacpp", which is not installed; run '
        "`pip install '.[local]'` in a checkout of this project, "
        "or `pip install xllamacpp==2026.10.11549 pillow`"
    )


def loader(folder: Path, *, weights: Weights = SMOLLM2) -> Load:
    """What loads the embedded model with its weights in `folder`, fetched on first use.

    The result raises NotInstalled if the package, the weights or the system do not allow it.
    """

    def load(progress: Progress) -> Engine:
        if problem := missing():
            raise NotInstalled(problem)
        path = fetch(weights, folder, progress=progress)
        try:
            # Costs a hundred milliseconds, and the package belongs to an extra.
            from flowrun.providers.llama import Llama
        except ImportError as error:
            raise NotInstalled(
                f"the embedded model cannot run on this system ({sys.platform}): {error}; "
                "use a model of another provider"
            ) from error
        return Llama(path, alias=MODEL, slots=SLOTS, context_tokens=CONTEXT_TOKENS)

    return load


class Embedded:
    """A Provider whose model is loaded once, in a thread, when it is first asked.

    `progress` is called in that thread while weights are fetched.
    """

    def __init__(self, load: Load, *, slots: int = SLOTS, progress: Progress | None = None) -> None:
        self._load = load
        self._progress = progress
        self._lock = threading.Lock()  # the first requests would each load the model
        self._engine: Engine | None = None
        self._failure: ProviderError | None = None
        self._closed = threading.Event()
        self._refused: set[bytes] = set()
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="embedded")

    async def send(self, request: ChatRequest) -> ChatReply:
        """The whole reply; a cancelled one stops being generated."""
        return fold([delta async for delta in self.stream(request)])

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The reply in pieces, as they are generated; one that may call tools comes whole."""
        asked = encode(request)
        async with aclosing(self._held(asked)) as deltas:
            if offered(request):
                yield unfold(heard(fold([delta async for delta in deltas]), request))
                return
            async for delta in deltas:
                yield delta

    async def _held(self, asked: Asked) -> AsyncGenerator[Delta, None]:
        """The reply, held to the first schema that the engine takes."""
        for schema in asked.schemas or (None,):
            if schema is not None and canonical(schema) in self._refused:
                continue
            try:
                async with aclosing(self._attempt(asked, schema)) as deltas:
                    async for delta in deltas:
                        yield delta
                return
            except _GrammarRefused:
                self._refused.add(canonical(schema))
        raise Unsupported(
            f'"{MODEL}" cannot be held to "{asked.name}"; simplify the schema '
            "(look-arounds or counted repeats in a pattern, or bounds that contradict each other)"
        )

    async def _attempt(self, asked: Asked, schema: _Schema | None) -> AsyncGenerator[Delta, None]:
        """The reply under one schema. Raises: _GrammarRefused before anything was said."""
        chunks: asyncio.Queue[_Chunk] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        abandoned = threading.Event()

        def deliver(chunk: _Chunk) -> bool:
            if not abandoned.is_set():
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            return abandoned.is_set() or self._closed.is_set()

        self._threads.submit(self._generate, asked, schema, deliver)
        decoder, said = ChunkDecoder(), ""
        start = _start(schema or {})
        try:
            while (chunk := await chunks.get()) is not None:
                for delta in _read(chunk, decoder):
                    # The engine says nothing of a grammar that it did not take, and goes on to
                    # the end of its window; the first letter gives it away.
                    if start and not said and delta.text and not delta.text.startswith(start):
                        raise _GrammarRefused
                    said += delta.text
                    yield delta
        finally:
            abandoned.set()

    async def aclose(self) -> None:
        """Ends what is being generated or fetched, and gives the memory back."""
        self._closed.set()
        await asyncio.to_thread(self._threads.shutdown)
        self._engine = None

    def _generate(
        self, asked: Asked, schema: _Schema | None, deliver: Callable[[_Chunk], bool]
    ) -> None:
        """Generates one reply, in a thread; ends with None, whatever happens."""
        try:
            engine = self._loaded()
            body = dict(asked.body)
            if schema is not None:
                body["grammar"] = engine.grammar(schema)
            engine.chat(body, deliver)
        except ProviderError as error:
            deliver(error)
        finally:
            deliver(None)

    def _loaded(self) -> Engine:
        """The engine, loaded by whoever comes first; what failed once is not tried again."""
        with self._lock:
            self._report(0, None)
            if self._failure is not None:
                raise self._failure
            if self._engine is None:
                try:
                    self._engine = self._load(self._report)
                except ProviderError as error:
                    self._failure = error
                    raise
            return self._engine

    def _report(self, done: int, total: int | None) -> None:
        """Passes progress on; ends a fetch that nobody waits for any more."""
        if self._closed.is_set():
            raise Unavailable("the embedded model was closed")
        if self._progress is not None and total is not None:
            self._progress(done, total)


_Chunk: TypeAlias = Mapping[str, JsonValue] | ProviderError | None
"""A piece of a reply, why there is none, or its end."""


_Schema: TypeAlias = Mapping[str, JsonValue]
_STARTS = {"object": "{", "array": "[", "string": '"'}


def _start(schema: _Schema) -> str:
    """The letter that everything that fits begins with, "" if there are several."""
    branches = schema.get("anyOf")
    found = {
        _STARTS.get(str(each.get("type")), "") if isinstance(each, Mapping) else ""
        for each in (branches if isinstance(branches, list) else [schema])
    }
    return found.pop() if len(found) == 1 else ""


class _GrammarRefused(Exception):
    """The engine did not take the grammar of a schema."""


def _read(chunk: Mapping[str, JsonValue] | ProviderError, decoder: ChunkDecoder) -> list[Delta]:
    """A chunk as deltas. Raises: ProviderError for one that reports an error."""
    if isinstance(chunk, ProviderError):
        raise chunk
    error = chunk.get("error")
    if not isinstance(error, Mapping):
        return decoder.read(chunk, is_whole=False)
    if error.get("type") == "exceed_context_size_error":
        raise Unsupported(
            f'the prompt has {error.get("n_prompt_tokens")} tokens, and the window of "{MODEL}" '
            f"{error.get('n_ctx')}; shorten it, or cut the document with the filter chunk"
        )
    raise ProviderError(f'"{MODEL}" gave no answer: {error.get("message")}')
