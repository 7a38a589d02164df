"""The clients that callers have, real ones, each behind the same three verbs.

What they read is given as plain data, without what they make of it themselves; what they raise
as `Refused`. None asks a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

import gumloop
import openai
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

Body: TypeAlias = dict[str, Any]
T = TypeVar("T")
_SAID = CompletionCreateParamsBase.__annotations__.keys() | {"stream", "extra_headers"}


class Refused(Exception):
    """An answer with an error's status, as a client tells it; None where it does not tell."""

    def __init__(self, error: Any, retry_after: str | None = None) -> None:
        super().__init__(str(error))
        self.status: int = error.status_code
        self.code: str | None = error.code
        self.kind: str | None = error.type
        self.param: str | None = error.param
        self.retry_after = retry_after


@dataclass(slots=True)
class Heard:
    """A stream as it was heard to its end; `error` is what it broke off with."""

    chunks: list[Body] = field(default_factory=list)
    error: Body | None = None

    @property
    def deltas(self) -> list[Body]:
        return [each["choices"][0]["delta"] for each in self.chunks if each["choices"]]

    @property
    def text(self) -> str:
        return "".join(each.get("content") or "" for each in self.deltas)

    @property
    def finish(self) -> str | None:
        found = [each["choices"][0].get("finish_reason") for each in self.chunks if each["choices"]]
        return next((each for each in reversed(found) if each), None)

    @property
    def calls(self) -> list[Body]:
        """The calls of tools that the pieces make."""
        calls: dict[int, Body] = {}
        for piece in (each for delta in self.deltas for each in delta.get("tool_calls") or ()):
            said = piece.get("function") or {}
            if piece["index"] not in calls:
                named = {"name": said["name"], "arguments": ""}
                calls[piece["index"]] = {"id": piece["id"], "type": "function", "function": named}
            call = calls[piece["index"]]
            call["function"]["arguments"] += said.get("arguments") or ""
            call |= {name: piece[name] for name in ("extra_content",) if name in piece}
        return [calls[index] for index in sorted(calls)]

    @property
    def images(self) -> list[str]:
        return [
            image["image_url"]["url"] for each in self.deltas for image in each.get("images") or ()
        ]


class Client(Protocol):
    """Somebody who asks at one address with one key."""

    name: str

    def whole(self, **body: Any) -> Body:
        """The answer to a request. Raises: Refused."""
        ...

    def stream(self, **body: Any) -> Heard:
        """The pieces of the answer. Raises: Refused before the first one."""
        ...

    def models(self) -> list[str]:
        """The names that can be asked for."""
        ...


def _dumped(found: Any) -> Body:
    data: Body = found.model_dump(exclude_unset=True, by_alias=True)
    return data


def _spread(body: Body) -> Body:
    """The arguments of `create`: what OpenAI's client does not know goes beside."""
    known = {name: value for name, value in body.items() if name in _SAID}
    return {**known, "extra_body": {name: body[name] for name in body if name not in _SAID}}


@contextmanager
def _openai_errors() -> Iterator[None]:
    try:
        yield
    except openai.APIStatusError as error:
        raise Refused(error, error.response.headers.get("retry-after")) from None


@contextmanager
def _gumloop_errors() -> Iterator[None]:
    try:
        yield
    except gumloop.APIStatusError as error:
        raise Refused(error) from None


def _note_broken(heard: Heard, error: openai.APIError) -> None:
    if isinstance(error, openai.APIStatusError):
        raise Refused(error, error.response.headers.get("retry-after")) from None
    assert isinstance(error.body, dict)
    heard.error = error.body


def _note_chunk(heard: Heard, chunk: Body) -> None:
    heard.chunks.append(chunk)
    heard.error = chunk.get("error") or heard.error


class OpenAI:
    """The client `openai`."""

    name = "openai"

    def __init__(self, url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)

    def whole(self, **body: Any) -> Body:
        with _openai_errors():
            return _dumped(self.client.chat.completions.create(**_spread(body)))

    def stream(self, **body: Any) -> Heard:
        heard = Heard()
        try:
            for each in self.client.chat.completions.create(**_spread(body), stream=True):
                heard.chunks.append(_dumped(each))
        except openai.APIError as error:
            _note_broken(heard, error)
        return heard

    def models(self) -> list[str]:
        return [each.id for each in self.client.models.list()]

    def close(self) -> None:
        self.client.close()


class Gumloop:
    """The client `gumloop`."""

    name = "gumloop"

    def __init__(self, url: str, key: str) -> None:
        self.client = gumloop.Gumloop(key, base_url=f"{url}/api/v1")

    def whole(self, **body: Any) -> Body:
        with _gumloop_errors():
            return _dumped(self.client.chat.completions.create(body))

    def stream(self, **body: Any) -> Heard:
        heard = Heard()
        with _gumloop_errors():
            for each in self.client.chat.completions.create(body, stream=True):
                _note_chunk(heard, _dumped(each))
        return heard

    def models(self) -> list[str]:
        groups = self.client.models.list().model_groups
        return [option["value"] for each in groups for option in each["options"]]

    def close(self) -> None:
        self.client.close()


class AsyncOpenAI:
    """The client `openai` in its asynchronous form; it is opened anew for each question."""

    name = "openai-async"

    def __init__(self, url: str, key: str) -> None:
        self._open = lambda: openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)

    def whole(self, **body: Any) -> Body:
        async def asked(client: openai.AsyncOpenAI) -> Body:
            with _openai_errors():
                return _dumped(await client.chat.completions.create(**_spread(body)))

        return _run(self._open, asked)

    def stream(self, **body: Any) -> Heard:
        async def asked(client: openai.AsyncOpenAI) -> Heard:
            heard = Heard()
            try:
                async for each in await client.chat.completions.create(
                    **_spread(body), stream=True
                ):
                    heard.chunks.append(_dumped(each))
            except openai.APIError as error:
                _note_broken(heard, error)
            return heard

        return _run(self._open, asked)

    def models(self) -> list[str]:
        async def asked(client: openai.AsyncOpenAI) -> list[str]:
            return [each.id async for each in client.models.list()]

        return _run(self._open, asked)

    def close(self) -> None:
        """Nothing is held open."""


class AsyncGumloop:
    """The client `gumloop` in its asynchronous form; it is opened anew for each question."""

    name = "gumloop-async"

    def __init__(self, url: str, key: str) -> None:
        self._open = lambda: gumloop.AsyncGumloop(key, base_url=f"{url}/api/v1")

    def whole(self, **body: Any) -> Body:
        async def asked(client: gumloop.AsyncGumloop) -> Body:
            with _gumloop_errors():
                return _dumped(await client.chat.completions.create(body))

        return _run(self._open, asked)

    def stream(self, **body: Any) -> Heard:
        async def asked(client: gumloop.AsyncGumloop) -> Heard:
            heard = Heard()
            with _gumloop_errors():
                async for each in await client.chat.completions.create(body, stream=True):
                    _note_chunk(heard, _dumped(each))
            return heard

        return _run(self._open, asked)

    def models(self) -> list[str]:
        async def asked(client: gumloop.AsyncGumloop) -> list[str]:
            groups = (await client.models.list()).model_groups
            return [option["value"] for each in groups for option in each["options"]]

        return _run(self._open, asked)

    def close(self) -> None:
        """Nothing is held open."""


CLIENTS = (OpenAI, AsyncOpenAI, Gumloop, AsyncGumloop)

C = TypeVar("C", bound=AbstractAsyncContextManager[Any])


def _run(open_: Callable[[], C], ask: Callable[[C], Coroutine[Any, Any, T]]) -> T:
    async def asked() -> T:
        client = open_()
        async with client:
            return await ask(client)

    return asyncio.run(asked())
