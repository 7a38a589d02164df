"""Sandboxed Jinja: the names that a template uses; rendering into text, values and image parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

from jinja2 import nodes
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.exceptions import TemplateSyntaxError

from flowrun.chat.images import Image
from flowrun.chat.messages import Text
from flowrun.document import functions, parsing, sandbox
from flowrun.document.compiling import Code, compiled
from flowrun.document.direct import Direct
from flowrun.document.faults import (
    FAILURES,
    Fault,
    Refusal,
    TemplateError,
    TemplateFault,
    explained,
)
from flowrun.document.library import Library
from flowrun.document.positions import Position, fault_at, offset_of, plain_words
from flowrun.document.printing import Mixed, plain
from flowrun.document.references import Reference, references
from flowrun.document.scope import SKIPPED, Skipped

__all__ = [
    "FILTERS",
    "GLOBALS",
    "SKIPPED",
    "TESTS",
    "Fault",
    "Position",
    "Reference",
    "Skipped",
    "Template",
    "TemplateError",
    "TemplateFault",
    "escaped",
    "parse",
    "parse_expression",
    "parts",
    "text",
    "value",
]

GLOBALS = frozenset((*functions.GLOBALS, "self"))
"""Names that every template knows, so that no step may have them."""
FILTERS = frozenset(sandbox.RAW_FILTERS)
"""Every filter that a template may use."""
TESTS = frozenset(functions.TESTS)
"""Every test that a template may use."""

_Result = TypeVar("_Result")
_SIGNS = ("{{", "{%", "{#")


@dataclass(frozen=True, eq=False)
class Template:
    """A parsed template; compiled when it is first rendered.

    `is_expression`: it is one expression and nothing else, so that its value can be had.
    `is_constant`: it is text without any Jinja in it.
    """

    source: str
    tree: nodes.Template
    is_expression: bool
    references: tuple[Reference, ...]
    is_constant: bool
    library: Mapping[str, nodes.Template]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names that it reads, each once."""
        return tuple(dict.fromkeys(each.name for each in self.references))

    @cached_property
    def code(self) -> Code | Direct:
        """What runs when it is rendered."""
        return compiled(self.tree, self.library, is_expression=self.is_expression)


def parse(source: str, *, files: Callable[[str], str] | None = None) -> Template:
    """A string of the file as a template; `files` reads what it includes.

    Raises: TemplateFault.
    """
    if not any(sign in source for sign in _SIGNS):
        return _constant(source)
    tree = parsing.tree_of(source)
    library = Library(files)
    library.resolve(tree)
    parsing.check(source, tree)
    is_expression = _is_expression(tree)
    template = Template(
        source, tree, is_expression, references(tree, library.trees), False, library.trees
    )
    _check_imports(template)
    if any(not isinstance(node, nodes.Output) for node in tree.body):
        _check_compiles(template)
    return template


def parse_expression(source: str) -> Template:
    """A bare expression, as `if` and `foreach` take it.

    Raises: TemplateFault.
    """
    tree = parsing.expression_of(source)
    parsing.check(source, tree)
    return Template(source, tree, True, references(tree), False, {})


def value(template: Template, scope: Mapping[str, object]) -> object:
    """The value of a lone expression, the text of any other template.

    Raises: TemplateError.
    """
    if not template.is_expression:
        return text(template, scope)

    def evaluate() -> object:
        context = template.code.context(scope, template.names, takes_images=False)
        return plain(context.budget, next(template.code.root(context)))

    return _translated(template, evaluate)


def text(template: Template, scope: Mapping[str, object]) -> str:
    """The template as text.

    Raises: TemplateError, also where an image would have to be text.
    """
    return "".join(
        each for each in _pieces(template, scope, takes_images=False) if isinstance(each, str)
    )


def escaped(template: Template, scope: Mapping[str, object], escape: Callable[[str], str]) -> str:
    """The template as text in which each value, and nothing that the file says, was escaped.

    A template that includes or imports files is none of these: there it could not be told apart.

    Raises: TemplateError.
    """
    assert not template.library
    if template.is_constant:
        return template.source

    def render() -> str:
        context = template.code.context(scope, template.names, takes_images=False)
        printed = context.chunk

        def chunk(value: object) -> str:
            return escape(str(printed(value)))

        context.chunk = chunk  # type: ignore[method-assign]  # for this one rendering
        chunks = template.code.root(context)
        if template.is_expression:
            chunks = map(chunk, chunks)
        return str(context.concat(cast("Iterator[str | Mixed]", chunks)))

    return _translated(template, render)


def parts(template: Template, scope: Mapping[str, object]) -> tuple[Text | Image, ...]:
    """The template as text and images, each at its place.

    Raises: TemplateError.
    """
    return tuple(_merged(_pieces(template, scope, takes_images=True)))


def _merged(pieces: tuple[str | Image, ...]) -> Iterator[Text | Image]:
    """Text that stands together as one part, and no empty one."""
    waiting: list[str] = []
    for piece in (*pieces, None):
        if isinstance(piece, str):
            waiting.append(piece)
            continue
        if joined := "".join(waiting):
            yield Text(joined)
        waiting.clear()
        if piece is not None:
            yield piece


def _pieces(
    template: Template, scope: Mapping[str, object], *, takes_images: bool
) -> tuple[str | Image, ...]:
    if template.is_constant:
        return (template.source,)

    def render() -> tuple[str | Image, ...]:
        context = template.code.context(scope, template.names, takes_images=takes_images)
        chunks = template.code.root(context)
        if template.is_expression:
            chunks = map(context.chunk, chunks)
        found = context.concat(cast("Iterator[str | Mixed]", chunks))
        return found.pieces if isinstance(found, Mixed) else (found,)

    return _translated(template, render)


def _translated(template: Template, render: Callable[[], _Result]) -> _Result:
    """Turns whatever rendering raises into a TemplateError with its place."""
    try:
        return render()
    except TemplateError as error:
        raise TemplateError(error.message, _offset(template, error)) from error
    except Refusal as error:
        raise TemplateError(f"the template {error}", _offset(template, error)) from error
    except (JinjaError, *FAILURES) as error:
        raise TemplateError(explained(error), _offset(template, error)) from error


def _offset(template: Template, error: BaseException) -> int | None:
    found = template.code.offset(error.__traceback__)
    if found is None and template.is_expression:
        return offset_of(template.tree.body[0].lineno)
    return found


def _constant(source: str) -> Template:
    at = Position(1, 0)
    data = nodes.Output([nodes.TemplateData(source, lineno=at)], lineno=at)
    return Template(source, nodes.Template([data], lineno=at), False, (), True, {})


def _is_expression(tree: nodes.Template) -> bool:
    match tree.body:
        case [nodes.Output(nodes=[only])]:
            return not isinstance(only, nodes.TemplateData)
    return False


def _check_imports(template: Template) -> None:
    """A file that is imported without the names around it may not read any."""
    for tree in (template.tree, *template.library.values()):
        imports: list[nodes.Import | nodes.FromImport] = [
            *tree.find_all(nodes.Import),
            *tree.find_all(nodes.FromImport),
        ]
        for node in imports:
            name = str(node.template.as_const())
            read = references(template.library[name], template.library)
            if read and not node.with_context:
                message = f'{name} reads "{read[0].name}", which an imported file does not see'
                mend = 'add "with context" behind the import'
                at = offset_of(node.lineno) if tree is template.tree else 0
                raise TemplateFault(fault_at(template.source, at, message, "import", mend=mend))


def _check_compiles(template: Template) -> None:
    """Finds what only the compiler sees, such as two blocks of one name."""
    try:
        template.code  # noqa: B018  # compiled, and kept
    except TemplateSyntaxError as error:
        at, message = offset_of(error.lineno), plain_words(error.message or "")
    except FAILURES as error:
        at, message = 0, f"the template cannot be compiled: {explained(error)}"
    else:
        return
    raise TemplateFault(fault_at(template.source, at, message, "template-syntax"))
