"""What a run gives: outputs rendered from the steps' values, and written under one folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from functools import partial
from pathlib import Path, PurePosixPath

from flowrun.chat.images import Image
from flowrun.dataclass import dataclass
from flowrun.document import templates
from flowrun.document.plan import Plan
from flowrun.document.slots import Scope, fill
from flowrun.document.task import Output
from flowrun.errors import FlowrunError, StepError, UsageError
from flowrun.folder import Folder, FolderError
from flowrun.run.events import Event, OutputWritten
from flowrun.run.fan import elements, loop_facts
from flowrun.run.job import Outcome

_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}


@dataclass(slots=True)
class Delivered:
    """Values by output, paths of the files written, and why an output was not given.

    `absent` holds outputs whose steps were skipped or failed, `faults` those that could not be
    made of the values there are.
    """

    values: dict[str, object] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where outputs go: `folder`, and `emit` for each one delivered."""

    folder: Folder
    emit: Callable[[Event], None]

    def check(self, plan: Plan, inputs: Mapping[str, object]) -> None:
        """Refuses, before anything is run, paths that are known by now and cannot be written.

        Raises: FolderError for one that leads out, or if there can be no folder for them;
        UsageError for one that stands twice.
        """
        asks_images = any(ask.wants_image for _, ask in plan.asks())
        if asks_images or any(output.file is not None for output in plan.outputs):
            self.folder.require()
        owners: dict[Path, str] = {}
        for output in plan.outputs:
            for name in _known_files(output, {"inputs": inputs}):
                path = self.folder.resolve(name)
                if path in owners:
                    raise UsageError(_twice(name, output.name, owners[path]))
                owners[path] = output.name

    def deliver(
        self,
        plan: Plan,
        outcomes: Mapping[str, Outcome],
        scope_of: Callable[[Mapping[str, bool]], Scope],
    ) -> Delivered:
        """Gives every output whose steps have values; `scope_of` is what a template may see.

        A plan without outputs gives the values of the steps that no other step needs.
        """
        delivery = _Delivery(self.folder, self.emit)
        for output in plan.outputs:
            needs = plan.output_needs[output.name]
            delivery.give(output.name, outcomes, needs, partial(_given, output, needs, scope_of))
        for name in () if plan.outputs else plan.sinks():
            delivery.give(name, outcomes, {name: True}, partial(_outcome, outcomes[name]))
        delivery.sweep()
        return delivery.delivered


@dataclass(frozen=True, slots=True)
class _Given:
    """An output's value, and the files that the pipeline wants of it; `absent` says why none."""

    value: object
    files: Sequence[tuple[str, object]] = ()
    absent: str = ""


def _given(
    output: Output, needs: Mapping[str, bool], scope_of: Callable[[Mapping[str, bool]], Scope]
) -> _Given:
    """An output's templates, rendered."""
    scopes, values = _rendered(output, scope_of(needs))
    value = values if output.loop else values[0]
    if output.file is None:
        return _Given(value)
    # Null is the value of what was skipped or ignored: no file, and none of a run before, is it.
    files = [
        (templates.text(output.file.template, each), found)
        for each, found in zip(scopes, values, strict=True)
        if found is not None
    ]
    return _Given(value, files, absent="" if files or not values else "its value is null")


def _rendered(output: Output, scope: Scope) -> tuple[list[Scope], list[object]]:
    """What an output's templates see, and the values they give: one, or one for each item."""
    scopes = [scope]
    if output.loop is not None:
        scopes = [{**scope, **item} for item in _items(output, scope)]
    return scopes, [fill(output.value, each) for each in scopes]


def values_of(
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    scope_of: Callable[[Mapping[str, bool]], Scope],
) -> dict[str, object]:
    """The values of a plan's outputs, none written; null for those whose steps were skipped.

    Raises: StepError for one that cannot be given.
    """
    if not plan.outputs:
        return {name: outcomes[name].value for name in plan.sinks()}
    found: dict[str, object] = {}
    for output in plan.outputs:
        needs = plan.output_needs[output.name]
        found[output.name] = None
        if not _absent(needs, outcomes):
            try:
                _, values = _rendered(output, scope_of(needs))
            except FlowrunError as error:
                raise StepError(f'output "{output.name}": {error}') from error
            found[output.name] = values if output.loop else values[0]
    return found


def _outcome(outcome: Outcome) -> _Given:
    return _Given(outcome.value)


class _Delivery:
    """The outputs of one run, as they are given one after the other."""

    def __init__(self, folder: Folder, emit: Callable[[Event], None]) -> None:
        self.delivered = Delivered()
        self._folder = folder
        self._emit = emit
        self._written: dict[tuple[int, int], tuple[str, Path]] = {}
        self._folders: dict[Path, str] = {}

    def give(
        self,
        name: str,
        outcomes: Mapping[str, Outcome],
        needs: Mapping[str, bool],
        render: Callable[[], _Given],
    ) -> None:
        """Gives one output, or notes why it is not given."""
        absent = _absent(needs, outcomes)
        if absent:
            self.delivered.absent[name] = absent
            return
        try:
            given = render()
            if given.absent:
                self.delivered.absent[name] = given.absent
                return
            files = given.files or _pictures(name, given.value)
            if not files:
                self._emit(OutputWritten(name, None, len(as_bytes(given.value))))
            for file, value in files:
                self._write(name, file, as_bytes(value))
            self.delivered.values[name] = given.value
        except FlowrunError as error:
            self.delivered.faults[name] = str(error)

    def sweep(self) -> None:
        """Removes what killed runs left beside the files that were written."""
        for name in self._folders.values():
            with suppress(FolderError):
                self._folder.sweep(name)

    def _write(self, output: str, name: str, data: bytes) -> None:
        before = _identity(self._folder.resolve(name).parent / PurePosixPath(name).name)
        owner, written = self._written.get(before, ("", Path()))
        # A file of ours that another run has replaced since has left its identity to others.
        if owner and _identity(written) == before:
            raise StepError(_twice(name, output, owner))
        path = self._folder.write(name, data)
        self._written[_identity(path)] = output, path
        self._folders.setdefault(path.parent, name)
        self.delivered.files.setdefault(output, []).append(str(path))
        self._emit(OutputWritten(output, str(path), len(data)))


def _identity(path: Path) -> tuple[int, int]:
    """What makes two names one file, in whatever way a file system takes case and accents."""
    try:
        status = path.lstat()
    except OSError:
        return (0, 0)
    return (status.st_dev, status.st_ino)


def _twice(name: str, output: str, owner: str) -> str:
    how = " twice" if owner == output else f', which output "{owner}" has written'
    return f'output "{output}" writes "{name}"{how}: each file needs a path of its own'


def _pictures(name: str, value: object) -> Sequence[tuple[str, object]]:
    """The files of pictures that were given no path; those of a list are numbered from 1."""
    if isinstance(value, Image):
        return [(f"{name}.{_SUFFIXES[value.mime_type]}", value)]
    if not isinstance(value, list) or not all(isinstance(each, Image | None) for each in value):
        return ()
    return [
        (f"{name}/{number}.{_SUFFIXES[each.mime_type]}", each)
        for number, each in enumerate(value, 1)
        if each is not None
    ]


def _known_files(output: Output, scope: Scope) -> list[str]:
    """The paths that an output will be written to, as far as inputs alone decide them."""
    if output.file is None:
        return []
    known, loop = {"inputs"}, output.loop
    if loop is not None:
        if not set(loop.items.template.names) <= known:
            return []
        known |= {loop.name, "loop"}
    if not set(output.file.template.names) <= known:
        return []
    try:
        scopes = [{**scope, **item} for item in _items(output, scope)] if loop else [scope]
        return [templates.text(output.file.template, each) for each in scopes]
    except StepError as error:
        raise UsageError(f'output "{output.name}": {error}') from error


def _absent(needs: Mapping[str, bool], outcomes: Mapping[str, Outcome]) -> str:
    """Why the steps give no value for an output; nothing if they do."""
    for name, is_required in needs.items():
        outcome = outcomes[name]
        if outcome.status in ("failed", "cancelled") or outcome.blocked:
            return f'step "{name}" failed' if outcome.status == "failed" else outcome.reason
        if outcome.status == "skipped" and is_required:
            return f'step "{name}" was skipped: {outcome.reason}'
    return ""


def _items(output: Output, scope: Scope) -> list[dict[str, object]]:
    assert output.loop is not None
    found = elements((output.loop,), scope)
    return [{**item, "loop": loop_facts(index, len(found))} for index, item in enumerate(found)]


def as_bytes(value: object) -> bytes:
    """An output as a file holds it: an image's bytes, text as it is, anything else as JSON.

    Raises: StepError for what neither UTF-8 nor JSON can say.
    """
    try:
        match value:
            case Image():
                return value.data
            case str():
                return value.encode()
            case _:
                text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
                return f"{text}\n".encode()
    except UnicodeEncodeError as error:
        raise StepError("its text holds half of a character") from error
    except ValueError as error:
        raise StepError("it holds a number that JSON cannot say: NaN or infinity") from error


def plain(value: object) -> object:
    """A value as JSON can say it: an image by its facts, without its bytes."""
    match value:
        case Image():
            return value.facts()
        case Mapping():
            return {str(name): plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case _:
            return value
