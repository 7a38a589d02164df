"""What a step asks for and its model is known not to have: said before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from flowrun.chat.capabilities import Capabilities
from flowrun.document.slots import Span
from flowrun.document.source import Loaded, Path
from flowrun.document.task import Ask, Task, inner_tasks
from flowrun.errors import Diagnostic, Mark, UsageError


class Models(Protocol):
    """What is known of models by name."""

    def capabilities(self, name: str) -> Capabilities:
        """What the model can do. Raises: UsageError for a name that leads to no model."""
        ...


def capability_faults(
    loaded: Loaded,
    tasks: Iterable[Task],
    models: Models,
    pictures: Mapping[Path, Sequence[Span]],
) -> Iterator[Diagnostic]:
    """The faults of every step whose model the file states outright, those in blocks too.

    `pictures` are, by the path of a step, the places where its prompt shows an image.
    """
    for task in inner_tasks(tasks):
        for name, path in _asked(loaded, task):
            try:
                able = models.capabilities(name)
            except UsageError as error:
                mark = _mark(loaded, task, path)
                yield loaded.diagnostic(mark, str(error), "unknown-model", length=len(name))
                continue
            yield from _faults(loaded, task, name, path, able)
            shown = pictures.get(task.path)
            if shown and able.images_in is False:
                yield _unseen(loaded, task, name, shown[0])


def _asked(loaded: Loaded, task: Task) -> Iterator[tuple[str, Path]]:
    """The models that a step may ask, and where the file names them."""
    if task.ask is None:
        return
    if isinstance(task.ask.model, str):
        yield task.ask.model, _place(loaded, task, "model")
    for index, name in enumerate(task.ask.fallback):
        if isinstance(name, str):
            yield name, (*_place(loaded, task, "fallback"), index)


def _unseen(loaded: Loaded, task: Task, name: str, shown: Span) -> Diagnostic:
    message = f'step "{task.id}" shows "{name}" an image, which it cannot see'
    mend = "ask a model that takes images, or leave the image out"
    return shown.diagnostic(loaded, message, "lacks-capability", mend=mend)


def _place(loaded: Loaded, task: Task, key: str) -> Path:
    """Where the file says it: in the step, in `defaults`, or nowhere but by the step itself."""
    for path in ((*task.path, key), ("defaults", key)):
        if loaded.has(path):
            return path
    return task.path


def _faults(
    loaded: Loaded, task: Task, name: str, path: Path, able: Capabilities
) -> Iterator[Diagnostic]:
    assert task.ask is not None
    for lacking, mend in _lacking(task.ask, able):
        yield loaded.diagnostic(
            _mark(loaded, task, path),
            f'step "{task.id}" asks "{name}" for {lacking}, which it cannot give',
            "lacks-capability",
            mend=mend,
            length=len(name),
        )


def _mark(loaded: Loaded, task: Task, path: Path) -> Mark:
    """The name's place; without one the step's."""
    return loaded.key_mark(path) if path == task.path else loaded.mark(path)


def _lacking(ask: Ask, able: Capabilities) -> Iterator[tuple[str, str]]:
    if ask.wants_image:
        if able.images_out is False:
            yield "a picture", "ask a model that makes pictures: model: image"
        return
    if able.text_out is False:
        yield "text", "ask a model that writes, or add modalities: [image]"
        return
    if ask.tools and able.tools is False:
        yield "calls of tools", "ask a model that takes tools, or leave tools out"
    if ask.response_format.kind == "json_schema" and able.json_schema is False:
        yield "JSON of a schema", "ask another model"
    if ask.response_format.kind == "json_object" and able.json_object is False:
        yield "JSON without a schema", "name a schema as the response_format"
