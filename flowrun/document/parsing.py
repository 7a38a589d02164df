"""A template's text as a syntax tree; refuses what could not run or would not end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NoReturn, cast

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.parser import Parser

from flowrun.document.compiling import SANDBOX
from flowrun.document.costs import Native
from flowrun.document.faults import Fault, TemplateFault
from flowrun.document.functions import TESTS
from flowrun.document.positions import Position, fault_at, offset_of, plain_words
from flowrun.document.sandbox import RAW_FILTERS
from flowrun.errors import did_you_mean

MAX_CHARACTERS = 1024 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 80
MAX_LOOPS = 16
_TAGS = (
    *("for", "if", "set", "macro", "call", "filter", "with", "block", "include", "import"),
    *("from", "extends", "raw", "else", "elif", "endfor", "endif", "endset", "endmacro"),
    *("endcall", "endfilter", "endwith", "endblock"),
)


def tree_of(source: str) -> nodes.Template:
    """The tree of a text with tags in it.

    Raises: TemplateFault.
    """
    return _read(source, None, lambda parser: parser.parse())


def expression_of(source: str) -> nodes.Template:
    """The tree of a bare expression, as if it stood alone between braces.

    Raises: TemplateFault.
    """
    text = source.lstrip()
    if text.startswith(("{{", "{%")):
        at = len(source) - len(text)
        mend = f"write {source.strip().strip('{}%').strip()}"
        raise TemplateFault(
            Fault(at, 2, "an expression stands here without braces", "braces", mend=mend)
        )
    if not text:
        raise TemplateFault(Fault(0, 1, "an expression is missing", "template-syntax"))
    return _read(source, "variable", _ExpressionParser.parse_alone)


def _read(
    source: str, state: str | None, parse: Callable[[_ExpressionParser], nodes.Template]
) -> nodes.Template:
    if len(source) > MAX_CHARACTERS:
        raise TemplateFault(Fault(0, 1, "the template is too large", "template-too-large"))
    try:
        tree = parse(_ExpressionParser(SANDBOX, source, state=state))
    except TemplateSyntaxError as error:
        message = plain_words(error.message or "the template cannot be read")
        offset = offset_of(error.lineno)
        raise TemplateFault(fault_at(source, offset, message, "template-syntax")) from None
    except RecursionError:
        raise TemplateFault(
            Fault(0, 1, "the template is nested too deeply", "template-too-deep")
        ) from None
    return tree


class _ExpressionParser(Parser):
    """Jinja's parser; says of a tag that is unknown or not closed which one it is."""

    def __init__(self, environment: object, source: str, *, state: str | None) -> None:
        self._source = source
        self._opened: list[Position | int] = []
        super().__init__(SANDBOX, source, state=state)

    def parse_alone(self) -> nodes.Template:
        """The one expression that the text is."""
        start = self.stream.current.lineno
        expression = self.parse_expression()
        if not self.stream.eos:
            at = offset_of(self.stream.current.lineno)
            raise TemplateFault(
                fault_at(self._source, at, "the expression ends before this", "template-syntax")
            )
        return nodes.Template([nodes.Output([expression], lineno=start)], lineno=start)

    def parse_statement(self) -> nodes.Node | list[nodes.Node]:
        """One tag and all that belongs to it; remembers where it is while it is open."""
        self._opened.append(self.stream.current.lineno)
        node = super().parse_statement()
        self._opened.pop()
        return node

    def fail_unknown_tag(self, name: str, lineno: int | None = None) -> NoReturn:
        """A tag that is none, or that closes what is not open."""
        mend = did_you_mean(name, [tag for tag in _TAGS if tag != name])
        message = f'the tag "{name}" closes nothing here'
        if name not in _TAGS:
            message = f'unknown tag "{name}"'
        elif len(self._opened) == 1:
            mend = "delete it, or write the tag that it is to close"
        else:
            mend = f"close the tag {self._name_at(self._opened[-2])} first"
        at = offset_of(lineno)
        raise TemplateFault(Fault(at, len(name), message, "unknown-tag", mend=mend))

    def fail_eof(
        self, end_tokens: tuple[str, ...] | None = None, lineno: int | None = None
    ) -> NoReturn:
        """A tag that is not closed."""
        at = offset_of(self._opened[-1])
        name = self._name_at(self._opened[-1])
        message = f'the tag "{name}" is not closed'
        mend = f"write {{% end{name} %}} where it ends"
        raise TemplateFault(Fault(at, len(name), message, "unclosed-tag", mend=mend))

    def _name_at(self, line: int) -> str:
        at = offset_of(line)
        end = at
        while end < len(self._source) and self._source[end].isalpha():
            end += 1
        return self._source[at:end]


def check(source: str, tree: nodes.Template) -> None:
    """Refuses what no sandbox should run: see the faults below.

    Raises: TemplateFault for the first one in the text.
    """
    faults: list[Fault] = []
    for node, depth, loops in _walk(tree):
        at = offset_of(node.lineno)
        if depth > MAX_DEPTH or loops > MAX_LOOPS:
            message = "the template is nested too deeply"
            raise TemplateFault(fault_at(source, at, message, "template-too-deep"))
        found = _CHECKS.get(type(node), _nothing)(node)
        if found:
            faults.append(_placed(source, node, *found))
    if faults:
        raise TemplateFault(min(faults, key=lambda fault: fault.offset))


def _walk(tree: nodes.Template) -> Iterator[tuple[nodes.Node, int, int]]:
    """Every node, how deep it stands, and in how many loops."""
    waiting: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    count = 0
    while waiting:
        node, depth, loops = waiting.pop()
        yield node, depth, loops
        count += 1
        if count > MAX_NODES:
            fault = Fault(0, 1, "the template is too large", "template-too-large")
            raise TemplateFault(fault)
        inner = loops + isinstance(node, nodes.For)
        waiting.extend((each, depth + 1, inner) for each in node.iter_child_nodes())


_Found = tuple[str, str, str, str]
"""Message, code, mend and the word at fault."""


def _placed(source: str, node: nodes.Node, message: str, code: str, mend: str, word: str) -> Fault:
    """The fault at the word, which stands at the node's place or behind it."""
    at = offset_of(node.lineno)
    found = source.find(word, at, at + len(word) + 40) if word else at
    if found < 0:
        return fault_at(source, at, message, code, mend=mend)
    return Fault(found, len(word) or 1, message, code, mend=mend)


def _nothing(_node: nodes.Node) -> _Found | None:
    return None


def _of_name(node: nodes.Name) -> _Found | None:
    return _of_hidden(node.name)


def _of_hidden(name: str) -> _Found | None:
    if not name.startswith("__"):
        return None
    message = f'a template cannot name "{name}"'
    return message, "hidden-name", "use a name that does not begin with two underscores", name


def _of_attribute(node: nodes.Getattr) -> _Found | None:
    if not node.attr.startswith("_"):
        return None
    message = f'a template cannot reach "{node.attr}"'
    return message, "hidden-name", f'a field of that name is read as ["{node.attr}"]', node.attr


def _of_constant(node: nodes.Const) -> _Found | None:
    if isinstance(node.value, str) and any("\ud800" <= char <= "\udfff" for char in node.value):
        return "half a character cannot stand alone in text", "template-syntax", "", ""
    return None


def _of_filter(node: nodes.Filter) -> _Found | None:
    if node.name not in RAW_FILTERS:
        mend = did_you_mean(node.name, RAW_FILTERS)
        return f'unknown filter "{node.name}"', "unknown-filter", mend, node.name
    return _of_inner(node) or _of_arguments(
        node, f"filter {node.name}", *_parameters(RAW_FILTERS[node.name])
    )


def _of_test(node: nodes.Test) -> _Found | None:
    if node.name not in TESTS:
        mend = did_you_mean(node.name, TESTS)
        return f'unknown test "{node.name}"', "unknown-test", mend, node.name
    return _of_arguments(node, f"test {node.name}", TESTS[node.name], 2)


def _parameters(function: Callable[..., object]) -> tuple[Callable[..., object], int]:
    """The function whose parameters the arguments must fit, and how many are given anyway."""
    if isinstance(function, Native):
        return function.filter, 2 if function.passes else 1
    return function, 2


_INNER = {"map": (0, "filter"), "select": (0, "test"), "reject": (0, "test")}
_INNER |= {"selectattr": (1, "test"), "rejectattr": (1, "test")}


def _of_inner(node: nodes.Filter) -> _Found | None:
    """The filter or test that `map`, `select` and the like are told by name."""
    place, kind = _INNER.get(node.name, (0, ""))
    if not kind or len(node.args) <= place:
        return None
    inner = node.args[place]
    known: Iterable[str] = RAW_FILTERS if kind == "filter" else TESTS
    if not isinstance(inner, nodes.Const) or inner.value in known:
        return None
    name = str(inner.value)
    return f'unknown {kind} "{name}"', f"unknown-{kind}", did_you_mean(name, known), name


def _of_arguments(
    node: nodes.Filter | nodes.Test, what: str, function: Callable[..., object], given: int
) -> _Found | None:
    """Arguments that the function does not take, or lacks."""
    twice = _of_keywords(node.kwargs)
    if twice or node.dyn_args is not None or node.dyn_kwargs is not None:
        return twice
    try:
        by_place = (None,) * (given + len(node.args))
        by_name = {str(each.key): None for each in node.kwargs}
        inspect.signature(function).bind(*by_place, **by_name)
    except TypeError as error:
        message = plain_words(f"{what}: {error}")
        return message, "wrong-arguments", "", node.name.split(".")[-1]
    return None


def _of_call(node: nodes.Call) -> _Found | None:
    return _of_keywords(node.kwargs)


def _of_keywords(keywords: Sequence[nodes.Node]) -> _Found | None:
    seen = set()
    for each in cast("Sequence[nodes.Keyword]", keywords):
        if each.key in seen or each.key.startswith("_"):
            word = "given twice" if each.key in seen else "not an argument"
            return f'"{each.key}" is {word}', "wrong-arguments", "", each.key
        seen.add(each.key)
    return None


def _of_autoescape(_node: nodes.Node) -> _Found | None:
    mend = "use the filter escape where HTML needs it"
    return "text is never escaped by itself", "unknown-tag", mend, "autoescape"


_CHECKS: dict[type[nodes.Node], Callable[..., _Found | None]] = {
    nodes.Call: _of_call,
    nodes.Const: _of_constant,
    nodes.Filter: _of_filter,
    nodes.Getattr: _of_attribute,
    nodes.Name: _of_name,
    nodes.ScopedEvalContextModifier: _of_autoescape,
    nodes.Test: _of_test,
}
