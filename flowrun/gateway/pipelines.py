"""A pipeline as a model: the one place where the gateway meets pipelines.

    the last user message            its first input that takes text, or a JSON object of inputs
    the images of that message       its image inputs, in order
    text, JSON, images of outputs    the reply
    the steps as they end            its reasoning, streamed

A request has the pipeline's own prompts: earlier turns, tools and options have no place in it and
are refused. Files that it would write are not kept, and an input is content, never a path.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from urllib.parse import urlsplit

from flowrun import api
from flowrun.chat.images import Image
from flowrun.chat.messages import ChatReply, ChatRequest, Delta, Text, fold
from flowrun.chat.usage import Usage
from flowrun.config import Config
from flowrun.digest import JsonValue
from flowrun.document.task import Input
from flowrun.errors import (
    BudgetReached,
    FlowrunError,
    StepError,
    Unsupported,
    UsageError,
    did_you_mean,
)
from flowrun.gateway.candidates import PASSED_OVER, PREFIX
from flowrun.gateway.faults import Fault
from flowrun.masking import Masker
from flowrun.providers.catalog import endpoints
from flowrun.providers.router import Providers, resolve
from flowrun.providers.wording import brief
from flowrun.reports.base import Reporter
from flowrun.reports.plain import Plain
from flowrun.run.events import Event, OutputWritten, StepFinished
from flowrun.run.execution import RunResult
from flowrun.run.outputs import plain

_MOST_KEYS = 100
"""An object of more is no set of inputs, and is not looked through for near ones."""

_SUFFIXES = (".yaml", ".yml")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


def found(paths: Iterable[Path], config: Config, providers: Providers) -> dict[str, Served]:
    """The pipelines of files and folders, by the names of their models.

    Raises: PipelineError with every fault of a file; UsageError for a path that is none, and for
        two files of one name.
    """
    served: dict[str, Served] = {}
    for path in _files(paths):
        if not _NAME.fullmatch(path.stem):
            raise UsageError(f'"{path}" cannot be a model\'s name: use letters, digits, "-", "_"')
        name = PREFIX + path.stem
        pipeline = api.load(path)
        if name in served:
            raise UsageError(f'"{path}" and "{served[name].path}" would both be {name}: rename one')
        # One with a configuration of its own asks whom that says.
        shared = providers if pipeline.config == config else None
        served[name] = Served(name, path, pipeline, shared)
    return served


def _files(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)
            if not inside:
                raise UsageError(f'"{path}" holds no pipeline: no file of it ends in .yaml or .yml')
            files += inside
        else:
            files.append(path)
    return files


class Served:
    """A pipeline file that answers as a provider does; each request is a run of its own."""

    def __init__(
        self, name: str, path: Path, pipeline: api.Pipeline, providers: Providers | None = None
    ) -> None:
        self.name = name
        self.path = path
        self._pipeline = pipeline
        self._providers = providers
        self._is_free = _is_free(pipeline)
        self._masker = Masker(_innards(pipeline.config))

    @property
    def description(self) -> str:
        """What the file says of itself."""
        return self._pipeline.plan.description

    @property
    def worst_usd(self) -> Decimal | None:
        """What a run costs at most in US dollars: its budget; None where nobody can tell."""
        said = self._pipeline.plan.budget_usd
        return Decimal(0) if said is None and self._is_free else said

    @property
    def inputs(self) -> Sequence[Mapping[str, JsonValue]]:
        """What it is given, as the list of models tells it."""
        return [_told(each) for each in self._pipeline.plan.inputs]

    @property
    def missing(self) -> str | None:
        """Which keys of its models are not set; None if it can be run as things are."""
        providers = self._providers or Providers(self._pipeline.config, in_flight=1)
        try:
            providers.require(api.constant_models(self._pipeline.plan, {}))
        except UsageError as error:
            return "; ".join(str(error).splitlines())
        return None

    async def send(self, request: ChatRequest) -> ChatReply:
        """The outputs of a run."""
        return fold([each async for each in self.stream(request)])

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The steps as they end, then the outputs.

        Raises: Fault 400 for a request that it cannot take; FlowrunError if the run fails.
        """
        inputs = inputs_of(request, self._pipeline.plan.inputs, name=self.name)
        lines: asyncio.Queue[Delta | None] = asyncio.Queue()
        run = asyncio.get_running_loop().create_task(self._run(inputs, lines))
        try:
            while (line := await lines.get()) is not None:
                yield replace(line, model=self.name)
            result = await run
            if not result.is_done:
                yield Delta(usage=_spent(result))
            yield self._reply(result, request)
        finally:
            # A caller who has gone ends the run with its calls, and waits until it has ended.
            run.cancel()
            with suppress(asyncio.CancelledError, FlowrunError):
                await run

    async def aclose(self) -> None:
        """Nothing is held open between runs."""

    async def _run(
        self, inputs: Mapping[str, object], lines: asyncio.Queue[Delta | None]
    ) -> RunResult:
        try:
            with TemporaryDirectory(prefix="flowrun-") as out:
                options = api.Options(
                    out=out,
                    may_read=False,
                    providers=self._providers,
                    report=_progress(lines, self._masker.mask),
                )
                return await api.execute_async(self._pipeline, inputs, options)
        except UsageError as error:
            if error.shown is not None:
                raise
            raise _unfit(self._masker.mask(str(error))) from error
        finally:
            lines.put_nowait(None)

    def _reply(self, result: RunResult, request: ChatRequest) -> Delta:
        if not result.is_done:
            error = _failure(self.name, result)
            raise error.shown_as(self._masker.mask(str(error)))
        text, images = _shown(result.outputs, as_json=request.response_format.kind != "text")
        return Delta(
            text=text,
            images=images,
            usage=_spent(result),
            finish_reason="stop",
            model=self.name,
        )


def _spent(result: RunResult) -> Usage:
    return replace(result.usage, cost_usd=result.cost_usd)


def _is_free(pipeline: api.Pipeline) -> bool:
    """Whether all the models that it can ask are known now, and run on this machine."""
    asks = [ask for _, ask in pipeline.plan.asks()]
    said = [name for ask in asks for name in (ask.model, *ask.fallback)]
    names = [name for name in said if isinstance(name, str)]
    if len(names) < len(said):
        return False
    found = [resolve(name, pipeline.config) for name in dict.fromkeys(names)]
    return not any(each.is_auto or each.endpoint.is_remote for each in found)


def _innards(config: Config) -> list[str]:
    """What only the owner of the server should read in a message of ours."""
    urls = [each.base_url for each in config.endpoints.values() if each.base_url]
    parts = [urlsplit(each) for each in urls]
    hosts = [text for each in parts for text in (each.netloc, each.hostname or "")]
    keys = [each.key_env for each in endpoints(config).values() if each.key_env]
    return [*urls, *hosts, *keys, *([str(config.path)] if config.path else [])]


def _told(declared: Input) -> dict[str, JsonValue]:
    kind = declared.schema.get("type", "any") if declared.kind == "data" else declared.kind
    found: dict[str, JsonValue] = {
        "name": declared.name,
        "type": kind,
        "required": declared.is_required,
    }
    if declared.kind == "data" and not declared.is_required:
        found["default"] = cast(JsonValue, plain(declared.default))
    if declared.description:
        found["description"] = declared.description
    return found


def _progress(lines: asyncio.Queue[Delta | None], mask: Callable[[str], str]) -> Reporter:
    """Tells each step that ends, and what was spent so far; not the files, which nobody finds."""
    told = _Lines(lines, mask)
    plain_lines = Plain(told)

    def report(event: Event) -> None:
        # Only what asked has a key: a block or a foreach has spent what those inside it have.
        if isinstance(event, StepFinished) and event.key is not None and event.usage is not None:
            spent = replace(event.usage, cost_usd=event.cost_usd)
            told.spent = spent if told.spent is None else told.spent + spent
        if not isinstance(event, OutputWritten):
            plain_lines(event)

    return report


class _Lines(io.StringIO):
    """A stream whose lines are put into a queue, with what is `spent` by then."""

    def __init__(self, lines: asyncio.Queue[Delta | None], mask: Callable[[str], str]) -> None:
        super().__init__()
        self._lines = lines
        self._mask = mask
        self.spent: Usage | None = None

    def write(self, text: str) -> int:
        """Passes it on."""
        self._lines.put_nowait(Delta(reasoning=self._mask(text), usage=self.spent))
        return len(text)


def inputs_of(request: ChatRequest, declared: Iterable[Input], *, name: str) -> dict[str, object]:
    """What a conversation gives a pipeline. Raises: Fault 400 for what has no place in it."""
    _refuse_foreign(request)
    message = request.messages[-1]
    inputs = tuple(declared)
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    images = [part for part in message.parts if isinstance(part, Image)]
    given = _of_json(text, inputs, name)
    if given is None:
        given = _of_text(text, inputs)
    places = [each.name for each in inputs if each.kind == "image" and each.name not in given]
    if len(images) > len(places):
        count = f"{len(places)} input{'' if len(places) == 1 else 's'}"
        raise _refused(f"it has {count} for images, not {len(images)}", "messages")
    given = {**given, **dict(zip(places, images, strict=False))}
    for each in inputs:
        if each.kind == "image" and each.is_required and each.name not in given:
            said = f'input "{each.name}" is required: send it as an image part'
            raise _unfit(said)
    return given


def _of_json(text: str, inputs: tuple[Input, ...], name: str) -> dict[str, object] | None:
    """Inputs by name, if the text is an object that has one, or nearly.

    Raises: Fault 400 for further keys.
    """
    if not text.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    names = [each.name for each in inputs if each.kind != "image"]
    if not isinstance(data, dict) or len(data) > _MOST_KEYS:
        return None
    mends = {each: did_you_mean(each, names) for each in data if each not in names}
    if len(mends) == len(data) and not any(mends.values()):
        return None
    for key, mend in mends.items():
        said = f'{name} has no input "{brief(key, limit=60)}": {mend or _has(inputs)}'
        raise _unfit(said)
    return data


def _has(inputs: tuple[Input, ...]) -> str:
    names = ", ".join(each.name for each in inputs)
    return f"it has {names}"


def _of_text(text: str, inputs: tuple[Input, ...]) -> dict[str, object]:
    first = next((each.name for each in inputs if _takes_text(each)), None)
    if first is not None:
        return {first: text} if text else {}
    if text.strip():
        names = ", ".join(each.name for each in inputs) or "none"
        said = f"it has no input for text; send a JSON object of its inputs ({names})"
        raise _refused(said, "messages")
    return {}


def _takes_text(declared: Input) -> bool:
    if declared.kind != "data":
        return declared.kind == "file"
    kind = declared.schema.get("type", "string")
    return kind == "string" or (isinstance(kind, list) and "string" in kind)


def _refuse_foreign(request: ChatRequest) -> None:
    if len(request.messages) != 1 or request.messages[0].role != "user":
        said = "it takes one user message: its prompts are its own, and it remembers nothing"
        raise _refused(said, "messages")
    if request.tools:
        raise _refused("it calls the tools of its own file", "tools")
    if request.response_format.kind == "json_schema":
        raise _refused("the form of its outputs is its own: ask for json_object", "response_format")
    if request.image_config:
        raise _refused("its file says what pictures are like", "image_config")
    for name in request.options:
        if name not in PASSED_OVER:
            # Of the dialects' own kind, so that a hint is left out and told of.
            raise Unsupported(f'a pipeline cannot take "{name}"', param=name)


def _unfit(told: str) -> Fault:
    """The fault of an input; what it is may be the caller's own text, and is not for the log."""
    fault = Fault(400, told, code="invalid_input", param="messages")
    fault.said = "an input does not fit"
    return fault


def _refused(why: str, param: str) -> Fault:
    return Fault(400, f"a pipeline cannot take this request: {why}", code="invalid", param=param)


def _failure(name: str, result: RunResult) -> FlowrunError:
    failed = {step: each.reason for step, each in result.steps.items() if each.status == "failed"}
    said = "; ".join(f"{each}: {why}" for each, why in {**failed, **result.faults}.items())
    message = f"{name} failed: {said or result.status}"
    return BudgetReached(message) if result.is_budget_reached else StepError(message)


def _shown(outputs: Mapping[str, object], *, as_json: bool) -> tuple[str, tuple[Image, ...]]:
    """The outputs as a reply: images apart, one text as it is, everything else as JSON."""
    images: list[Image] = []
    rest: dict[str, object] = {}
    for name, value in outputs.items():
        if isinstance(value, Image):
            images.append(value)
        elif (
            isinstance(value, list | tuple)
            and value
            and all(isinstance(each, Image) for each in value)
        ):
            images += value
        else:
            rest[name] = value
    if len(rest) == 1 and not as_json:
        (value,) = rest.values()
        return (value if isinstance(value, str) else _spelled(value)), tuple(images)
    return (_spelled(rest) if rest or as_json else ""), tuple(images)


def _spelled(value: object) -> str:
    return json.dumps(plain(value), ensure_ascii=False, indent=2)
