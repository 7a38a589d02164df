"""The embedded model: a small real one, run in this process, without a key or a network.

Embedded.send ── Embedded.stream ── _encode         what is asked, refused here if it cannot be
                                    _generate       in a thread: load once, generate, deliver
                                    ChunkDecoder    chunks as on OpenAI's wire -> deltas
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import ChatReply, ChatRequest, Delta, Message, Text, fold
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unavailable, Unsupported
from flowrun.providers.bounded import bounded, longest
from flowrun.providers.engine import Engine
from flowrun.providers.openai import ChunkDecoder
from flowrun.providers.weights import SMOLLM2, Progress, Weights, fetch

MODEL = "smollm2-135m-instruct"
CAPABILITIES = Capabilities(
    images_in=False, images_out=False, text_out=True, json_schema=True, json_object=False
)
Load: TypeAlias = Callable[[Progress], Engine]
"""Makes the engine, fetching its weights if need be; blocks meanwhile and reports progress."""

SLOTS = 2
CONTEXT_TOKENS = 4096


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

    The result raises Unsupported if the package, the weights or the system do not allow it.
    """

    def load(progress: Progress) -> Engine:
        if problem := missing():
            raise Unsupported(problem)
        path = fetch(weights, folder, progress=progress)
        try:
            # Costs a hundred milliseconds, and the package belongs to an extra.
            from flowrun.providers.llama import Llama
        except ImportError as error:
            raise Unsupported(
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
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="embedded")

    async def send(self, request: ChatRequest) -> ChatReply:
        """The whole reply; a cancelled one stops being generated."""
        return fold([delta async for delta in self.stream(request)])

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The reply in pieces, as they are generated."""
        asked = _encode(request)
        chunks: asyncio.Queue[_Chunk] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        abandoned = threading.Event()

        def deliver(chunk: _Chunk) -> bool:
            if not abandoned.is_set():
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            return abandoned.is_set() or self._closed.is_set()

        self._threads.submit(self._generate, asked, deliver)
        decoder, said = ChunkDecoder(), ""
        try:
            while (chunk := await chunks.get()) is not None:
                for delta in _read(chunk, decoder):
                    said += delta.text
                    if asked.schema is not None:
                        _require_json(said, asked.schema, is_whole=delta.finish_reason == "stop")
                    yield delta
        finally:
            abandoned.set()

    async def aclose(self) -> None:
        """Ends what is being generated or fetched, and gives the memory back."""
        self._closed.set()
        await asyncio.to_thread(self._threads.shutdown)
        self._engine = None

    def _generate(self, asked: _Asked, deliver: Callable[[_Chunk], bool]) -> None:
        """Generates one reply, in a thread; ends with None, whatever happens."""
        try:
            engine = self._loaded()
            body = dict(asked.body)
            if asked.schema is not None:
                body["grammar"] = engine.grammar(asked.schema)
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


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as the engine reads it; `schema` is finite, and becomes its grammar."""

    body: Mapping[str, JsonValue]
    schema: Mapping[str, JsonValue] | None


_SYSTEM = "You are a helpful assistant."
"""Sent where a conversation has no system message: the model's own default answers worse."""

_CHARACTERS_PER_TOKEN = 2.5
"""At least, in the languages that this model writes; a JSON reply must fit by this measure."""

_MARGIN = 32
"""Tokens beyond one for each character of the longest reply: more than it can ever take."""

_TEXT_TOKENS = 1024
"""The longest reply in text, where a request names no other: a small model may not find an end."""


def _encode(request: ChatRequest) -> _Asked:
    """The request as the engine reads it. Raises: Unsupported for what this model cannot do."""
    if request.model != MODEL:
        raise Unsupported(f'the embedded provider has one model, "{MODEL}", not "{request.model}"')
    if request.wants_image:
        raise Unsupported(f'"{MODEL}" writes text only; for a picture use local/placeholder')
    messages: list[JsonValue] = [_message(each) for each in request.messages]
    if all(each.role != "system" for each in request.messages):
        messages.insert(0, {"role": "system", "content": _SYSTEM})
    options = _options(request)
    most = options.pop("max_tokens", None)
    body: dict[str, JsonValue] = {
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "repeat_penalty": 1.1,
    }
    if request.response_format.kind == "text":
        return _Asked({**body, "max_tokens": most or _TEXT_TOKENS, **options}, None)
    window = CONTEXT_TOKENS - int(len(json.dumps(messages)) / _CHARACTERS_PER_TOKEN)
    tokens = min(most, window) if isinstance(most, int) else window
    schema = _finite(request, characters=int(max(64, tokens) * _CHARACTERS_PER_TOKEN))
    # A penalty on repeats would fall on quotes and braces.
    body |= {"repeat_penalty": 1.0, "max_tokens": most or longest(schema) + _MARGIN}
    return _Asked({**body, **options}, schema)


def _message(message: Message) -> dict[str, JsonValue]:
    texts = [part.text for part in message.parts if isinstance(part, Text)]
    if len(texts) < len(message.parts):
        raise Unsupported(f'"{MODEL}" cannot see: it takes text only, and was sent a picture')
    return {"role": message.role, "content": "".join(texts)}


_NUMBERS = frozenset(
    ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")
) | {"repetition_penalty"}
_COUNTS = frozenset(("max_completion_tokens", "max_tokens"))
_FOR_OTHERS = frozenset(("metadata", "prompt_cache_key", "service_tier", "user"))
"""They do not bear on the answer, and whoever runs a file offline need not take them out."""


def _options(request: ChatRequest) -> dict[str, JsonValue]:
    """The options under the engine's names. Raises: Unsupported for one that it does not take."""
    given: dict[str, JsonValue] = {
        name: value
        for name, value in request.options.items()
        if value is not None and name not in _FOR_OTHERS
    }
    _check_options(given)
    older = given.pop("max_tokens", None)
    most = given.pop("max_completion_tokens", older)
    penalty = given.pop("repetition_penalty", None)
    if most is not None:
        given["max_tokens"] = most
    if penalty is not None:
        given["repeat_penalty"] = penalty
    return given


def _check_options(options: Mapping[str, JsonValue]) -> None:
    for name, value in options.items():
        if name in _NUMBERS:
            is_right = isinstance(value, int | float) and not isinstance(value, bool)
            wanted = "a number"
        elif name in _COUNTS:
            is_right = isinstance(value, int) and not isinstance(value, bool) and value > 0
            wanted = "a whole number above 0"
        elif name == "stop":
            texts = value if isinstance(value, list) else [value]
            is_right = all(isinstance(each, str) and each for each in texts)
            wanted = "a text or a list of texts"
        else:
            known = ", ".join(sorted(_NUMBERS | _COUNTS | {"stop"}))
            raise Unsupported(f'"{MODEL}" does not take the option "{name}"; it takes {known}')
        if not is_right:
            raise Unsupported(f'"{MODEL}" takes {wanted} for "{name}", not {json.dumps(value)}')


def _finite(request: ChatRequest, *, characters: int) -> Mapping[str, JsonValue]:
    wanted = request.response_format
    if wanted.schema is None:
        raise Unsupported(
            f'"{MODEL}" writes JSON only to a schema; use a response_format of type '
            "json_schema, or the name of an entry of schemas"
        )
    try:
        return bounded(wanted.schema, characters=characters)
    except ValueError as error:
        raise Unsupported(f'"{MODEL}" cannot keep to "{wanted.name}": {error}') from error


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


_STARTS = {"object": "{", "array": "[", "string": '"'}


def _require_json(text: str, schema: Mapping[str, JsonValue], *, is_whole: bool) -> None:
    """Raises: Unsupported if a reply is no JSON: then the engine did not take the grammar.

    It says nothing of that, and would go on to the end of its window, so the start is looked at.
    """
    start = _STARTS.get(str(schema.get("type")), "")
    is_sound = not start or text[:1] in ("", start)
    if is_whole:
        try:
            json.loads(text)
        except ValueError:
            is_sound = False
    if not is_sound:
        raise Unsupported(
            f'"{MODEL}" cannot be held to this schema; simplify it (look-arounds or counted '
            "repeats in a pattern, or bounds that contradict each other)"
        )
