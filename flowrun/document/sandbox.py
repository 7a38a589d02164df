"""The environment that templates run in: data in, data out, and every operation paid for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from jinja2.environment import TemplateModule
from jinja2.exceptions import FilterArgumentError
from jinja2.lexer import TokenStream
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, TemplateReference, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace, pass_context

from flowrun.chat.images import Image
from flowrun.document import arithmetic, filters, functions, jinja_filters
from flowrun.document.attributes import IMAGE_FIELDS, Method, image_field, method_of
from flowrun.document.budget import STEP, Budget, Each, weigh
from flowrun.document.costs import Filter
from flowrun.document.faults import FAILURES, Refusal, TemplateError, explained, kind_of
from flowrun.document.functions import GlobalFunction
from flowrun.document.positions import positioned
from flowrun.document.printing import refusal, scalar_key
from flowrun.document.scope import BoundedContext, Missing, SkippedValue, together

RAW_FILTERS: Mapping[str, Filter] = {**jinja_filters.FILTERS, **filters.FILTERS}
"""Every filter, without the guard round it."""


def _guarded_filter(name: str, function: Filter) -> Callable[..., object]:
    """The filter as Jinja calls it: paid for, its errors named, its result plain."""
    takes_missing = function is jinja_filters.default

    @pass_context
    def run(context: BoundedContext, value: object, *args: object, **kwargs: object) -> object:
        budget = context.budget
        budget.spend(STEP)
        if isinstance(value, Undefined) and not takes_missing:
            raise refusal("", value)
        try:
            result = function(context, value, *args, **kwargs)
            if isinstance(result, Iterator):
                result = budget.collected(result)
        except Refusal as error:
            raise TemplateError(f"filter {name} {error}") from None
        except (*FAILURES, FilterArgumentError) as error:
            raise TemplateError(f"filter {name} failed: {explained(error)}") from error
        return str(result) if isinstance(result, str) else result

    return run


def _guarded_test(name: str, function: functions.Function) -> Callable[..., object]:
    """The test as Jinja calls it."""
    takes_missing = name in functions.TOLERANT_TESTS

    @pass_context
    def run(context: BoundedContext, value: object, *args: object, **kwargs: object) -> object:
        context.budget.spend(STEP)
        if isinstance(value, Undefined) and not takes_missing:
            raise refusal("", value)
        try:
            return function(context.budget, value, *args, **kwargs)
        except Refusal as error:
            raise TemplateError(f"test {name} {error}") from None
        except FAILURES as error:
            raise TemplateError(f"test {name} failed: {explained(error)}") from error

    return run


_LOOP_FIELDS = frozenset(
    (
        *("index", "index0", "revindex", "revindex0", "first", "last", "length"),
        *("depth", "depth0", "previtem", "nextitem"),
    )
)


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja with nothing reachable but data, and with nothing for free."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))
    intercepted_unops = frozenset(("+", "-"))
    context_class = BoundedContext

    def __init__(self) -> None:
        super().__init__(
            undefined=Missing,
            optimized=False,
            keep_trailing_newline=True,
            autoescape=False,
            cache_size=0,
        )
        self.filters = {name: _guarded_filter(name, each) for name, each in RAW_FILTERS.items()}
        self.tests = {name: _guarded_test(name, each) for name, each in functions.TESTS.items()}
        self.globals = dict(functions.GLOBALS)
        self.library: Mapping[str, object] = {}

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        tokens = positioned(self.lexer, source, state)
        return TokenStream(self.lexer.wrap(tokens, name, filename), name, filename)

    concat = staticmethod(together)  # type: ignore[assignment]  # text may have images in it

    def get_template(self, name: object, *_args: object, **_kwargs: object) -> object:  # type: ignore[override]  # the file as it was read when the template was parsed
        """An imported or extended file."""
        return self.library[str(name)]

    def getattr(self, obj: object, attribute: str) -> object:
        """A field or a method of a value; what is not there fails when it is used."""
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
        elif isinstance(obj, Undefined):
            return self._of_missing(obj)
        elif isinstance(obj, Image):
            if attribute in IMAGE_FIELDS:
                return image_field(obj, attribute)
        elif not attribute.startswith("_"):
            found = _of_tool(obj, attribute)
            if found is not _NOTHING:
                return found
        return method_of(obj, attribute) or Missing(obj=obj, name=attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """What stands under a key or at a number."""
        if isinstance(obj, Mapping):
            found = obj.get(scalar_key(argument), self)
            return Missing(obj=obj, name=str(argument)) if found is self else found
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        if isinstance(obj, Undefined):
            return self._of_missing(obj)
        if isinstance(obj, (list, tuple, str, range)) and isinstance(argument, int):
            if -len(obj) <= argument < len(obj):
                return obj[argument]
            return Missing(f"there is no item {argument} in {kind_of(obj)} of {len(obj)}")
        raise refusal(f"cannot take item {kind_of(argument)} of {kind_of(obj)}", argument)

    @staticmethod
    def _of_missing(value: Undefined) -> object:
        """A field of a skipped step's output is skipped likewise; all else fails."""
        if not isinstance(value, SkippedValue):
            raise refusal("", value)
        return value

    def _filter_test_common(self, name: object, *args: Any, **kwargs: Any) -> object:
        """Applies a filter or test that a template names by a text, as `map` does."""
        if not isinstance(name, str):
            raise refusal(f"takes the name of a filter or test, not {kind_of(name)}", name)
        return cast(object, super()._filter_test_common(name, *args, **kwargs))

    # What follows is what the generated code calls to compute.

    @staticmethod
    def nothing(_hint: str) -> str:
        """What `"a" if b` gives where `b` does not hold."""
        return ""

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """What an operator gives."""
        return arithmetic.binary(_budget(context), operator, left, right)

    def call_unop(self, context: Context, operator: str, arg: object) -> object:
        """What a sign before a value gives."""
        return arithmetic.unary(operator, arg)

    def concatenated(self, context: Context, *values: object) -> str:
        """What `a ~ b` gives."""
        return arithmetic.concat(_budget(context), values)

    def compared(self, context: Context, *values: object) -> bool:
        """What a comparison gives."""
        return arithmetic.compare(_budget(context), *values)

    def cut(self, context: Context, value: object, *bounds: object) -> object:
        """What `a[1:2]` gives."""
        start, stop, step = bounds
        return arithmetic.cut(_budget(context), value, start, stop, step)

    def key(self, value: object) -> object:
        """A key of an object that is written out."""
        return scalar_key(value)

    def each(self, context: Context, value: object, cost: int) -> Each:
        """The items of a loop, which pays `cost` for each round."""
        if not isinstance(value, (str, list, tuple, range, Mapping)):
            raise refusal(f"cannot loop over {kind_of(value)}", value)
        budget = _budget(context)
        budget.spend(STEP)
        return Each(budget, value, cost)

    def call(self, context: Context, obj: object, /, *args: object, **kwargs: object) -> object:
        """Calls a function, a method or a macro, and nothing else."""
        budget = _budget(context)
        budget.spend(STEP)
        if isinstance(obj, (Method, GlobalFunction)):
            kwargs.pop("_loop_vars", None)
            kwargs.pop("_block_vars", None)
            return _called(budget, obj, args, kwargs)
        if isinstance(obj, LoopContext):
            args = tuple(self.each(context, each, budget.recursion_cost) for each in args)
        elif not isinstance(obj, (Macro, BlockReference, Joiner)):
            raise refusal(f"cannot call {kind_of(obj)}", obj)
        budget.enter()
        try:
            return context.call(obj, *args, **kwargs)
        finally:
            budget.depth -= 1


def _budget(context: Context) -> Budget:
    return cast(BoundedContext, context).budget


def _called(
    budget: Budget,
    function: Method | GlobalFunction,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> object:
    for each in (*args, *kwargs.values()):
        if isinstance(each, Undefined):
            raise refusal("", each)
    try:
        return function.call(budget, *args, **kwargs)
    except Refusal as error:
        raise TemplateError(f"{function.name}() {error}") from None
    except FAILURES as error:
        raise TemplateError(f"{function.name}() failed: {explained(error)}") from error


_NOTHING = object()


def _of_tool(obj: object, name: str) -> object:
    """What may be read of Jinja's own objects, `_NOTHING` where nothing is."""
    match obj:
        case LoopContext() if name in _LOOP_FIELDS:
            return cast(object, getattr(obj, name))
        case LoopContext() if name in ("cycle", "changed"):
            return Method(name, _of_loop, (obj, name))
        case Namespace() | TemplateModule():
            return cast(object, getattr(obj, name, _NOTHING))
        case BlockReference() if name == "super":
            return cast(object, obj.super)
        case TemplateReference():
            return _block(obj, name)
        case Cycler() if name == "current":
            return cast(object, obj.current)
        case Cycler() if name in ("next", "reset"):
            return Method(name, _of_cycler, (obj, name))
        case tuple() if name in ("grouper", "list"):
            return cast(object, getattr(obj, name, _NOTHING))
    return _NOTHING


def _block(reference: TemplateReference, name: str) -> object:
    try:
        return cast(object, reference[name])
    except LookupError:
        return _NOTHING


def _of_loop(budget: Budget, loop: tuple[LoopContext, str], *values: object) -> object:
    weigh(budget, *values)
    return cast(object, getattr(loop[0], loop[1])(*values))


def _of_cycler(_budget: Budget, cycler: tuple[Cycler, str]) -> object:
    return cast(object, getattr(cycler[0], cycler[1])())
