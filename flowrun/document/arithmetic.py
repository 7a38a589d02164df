"""What the operators of a template do: each checks kinds and sizes before it computes."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping

from flowrun.document.budget import POINTER, Budget, weigh
from flowrun.document.faults import FAILURES, Refusal, TemplateError, explained, kind_of
from flowrun.document.printing import as_text, refusal, scalar_key

LARGEST_INT_BITS = 4096
_TOO_LARGE = "the template computes a number of more than 1,200 digits"
_WIDEST_FIELD = 1000
_FIELD = re.compile(r"%(?:\((\w*)\))?([#0\- +]*)(\*|\d*)(?:\.(\*|\d*))?[hlL]?(.?)", re.DOTALL)
_Operation = Callable[[Budget, object, object], object]


def binary(budget: Budget, sign: str, left: object, right: object) -> object:
    """What `left sign right` gives.

    Raises: Refusal for kinds that do not go together, TemplateError for what is too large.
    """
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        budget.spend(POINTER)
        return _of_numbers(sign, left, right)
    operation = _OPERATIONS.get(sign)
    result = NotImplemented if operation is None else operation(budget, left, right)
    if result is NotImplemented:
        hint = "; ~ joins them as text" if sign == "+" else ""
        raise refusal(f'cannot do {kind_of(left)} "{sign}" {kind_of(right)}{hint}', left, right)
    return result


def unary(sign: str, value: object) -> object:
    """What `+value` or `-value` gives."""
    if isinstance(value, (int, float)):
        return -value if sign == "-" else +value
    raise refusal(f'cannot put "{sign}" before {kind_of(value)}', value)


def concat(budget: Budget, values: tuple[object, ...]) -> str:
    """What `a ~ b ~ c` gives."""
    texts = [as_text(budget, value) for value in values]
    budget.text(sum(map(len, texts)))
    return "".join(texts)


def compare(budget: Budget, left: object, *rest: object) -> bool:
    """What `a < b <= c` gives: `rest` holds operators and operands in turn."""
    for name, right in zip(rest[::2], rest[1::2], strict=True):
        if not compare_two(budget, str(name), left, right):
            return False
        left = right
    return True


def compare_two(budget: Budget, name: str, left: object, right: object) -> bool:
    """What one comparison gives, by Jinja's name of the operator."""
    if name in ("in", "notin"):
        return contains(budget, right, left) is (name == "in")
    weigh_if_large(budget, left, right)
    try:
        return bool(_COMPARISONS[name](left, right))
    except TypeError:
        message = f"cannot compare {kind_of(left)} with {kind_of(right)}"
        raise refusal(message, left, right) from None


def contains(budget: Budget, container: object, item: object) -> bool:
    """What `item in container` gives."""
    budget.spend(POINTER)
    if isinstance(container, str):
        if not isinstance(item, str):
            raise refusal(f"cannot look for {kind_of(item)} in text", item)
        budget.spend(len(container))
        return item in container
    if isinstance(container, Mapping):
        return scalar_key(item) in container
    if isinstance(container, (list, tuple, range)):
        budget.spend(POINTER * len(container))
        if isinstance(item, str):
            budget.spend(len(container) * (len(item) // 16))
        elif isinstance(item, (list, tuple, Mapping)):
            weigh(budget, item, container)
        return item in container
    raise refusal(f"cannot look into {kind_of(container)}", container, item)


def cut(budget: Budget, value: object, start: object, stop: object, step: object) -> object:
    """What `value[start:stop:step]` gives."""
    if not isinstance(value, (str, list, tuple, range)):
        raise refusal(f"cannot cut a piece out of {kind_of(value)}", value)
    if step == 0:
        raise Refusal("cannot cut with a step of 0")
    part = slice(_bound(start), _bound(stop), _bound(step))
    budget.spend(POINTER * len(range(*part.indices(len(value)))))
    return value[part]


def _bound(value: object) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise refusal(f"cannot cut a piece at {kind_of(value)}", value)


def weigh_if_large(budget: Budget, *values: object) -> None:
    """Pays for looking at texts and at all that lists and objects hold."""
    budget.spend(POINTER)
    for value in values:
        if isinstance(value, str):
            budget.spend(len(value) // 16)
        elif isinstance(value, (list, tuple, Mapping)):
            weigh(budget, value)


def _of_numbers(sign: str, left: float, right: float) -> object:
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() + right.bit_length()
        if sign == "**":
            bits = left.bit_length() * abs(right)
        if sign in ("*", "**") and bits > LARGEST_INT_BITS:
            raise TemplateError(_TOO_LARGE)
    try:
        result: object = _ARITHMETIC[sign](left, right)
    except ArithmeticError as error:
        raise TemplateError(explained(error)) from None
    if isinstance(result, complex):
        raise Refusal("takes a root of a negative number")
    if isinstance(result, int) and result.bit_length() > LARGEST_INT_BITS:
        raise TemplateError(_TOO_LARGE)
    return result


def _add(budget: Budget, left: object, right: object) -> object:
    if isinstance(left, str) and isinstance(right, str):
        budget.text(len(left) + len(right))
        return str(left) + str(right)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        budget.many(len(left) + len(right))
        return [*left, *right]
    return NotImplemented


def _times(budget: Budget, left: object, right: object) -> object:
    if isinstance(left, int):
        left, right = right, left
    if not isinstance(right, int):
        return NotImplemented
    if isinstance(left, str):
        budget.text(len(left) * max(0, right))
        return str(left) * right
    if isinstance(left, (list, tuple)):
        budget.many(len(left) * max(0, right))
        return list(left) * right
    return NotImplemented


def formatted(budget: Budget, template: object, value: object) -> object:
    """What `"%s: %d" % (name, count)` gives, with values as text prints them."""
    if not isinstance(template, str):
        return NotImplemented
    values = iter(value if isinstance(value, (list, tuple)) else [value])

    def field(match: re.Match[str]) -> str:
        return _field(budget, match, value, values)

    budget.text(len(template))
    result = _FIELD.sub(field, template)
    if not isinstance(value, Mapping) and next(values, field) is not field:
        raise Refusal("has more values than places in its format")
    budget.text(len(result))
    return result


def _field(budget: Budget, match: re.Match[str], whole: object, values: Iterator[object]) -> str:
    name, flags, width, precision, kind = match.groups()
    if kind == "%":
        return "%"
    for size in (width, precision):
        if size and (size == "*" or len(size) > 4 or int(size) > _WIDEST_FIELD):
            raise Refusal(f"has a format whose width is not a number up to {_WIDEST_FIELD}")
        budget.spend(int(size or 0))
    if name is None:
        value = next(values, values)
        if value is values:
            raise Refusal("has fewer values than places in its format")
    elif isinstance(whole, Mapping) and name in whole:
        value = whole[name]
    else:
        raise Refusal(f'has no value for "{name}" of its format')
    form = f"%{flags}{width}" + ("" if precision is None else f".{precision}")
    if kind == "s":
        text = as_text(budget, value)
        budget.text(len(text))
        return (form + "s") % text
    if kind not in tuple("diouxXeEfFgG") or not isinstance(value, (int, float)):
        raise Refusal(f'cannot format {kind_of(value)} as "%{kind}"')
    try:
        return str((form + kind) % value)
    except FAILURES as error:
        raise Refusal(f"cannot format a number: {explained(error)}") from None


_ARITHMETIC: Mapping[str, Callable[[float, float], object]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
_OPERATIONS: Mapping[str, _Operation] = {"+": _add, "*": _times, "%": formatted}
_COMPARISONS: Mapping[str, Callable[..., object]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
