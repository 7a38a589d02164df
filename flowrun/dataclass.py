"""The standard library's `dataclass` for classes with slots, made in a third of its time.

    @dataclass(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 0

The standard library compiles six methods for each frozen class; for the classes that the
smallest run imports, that takes longer than the run's request. Here only `__init__` is compiled,
and the others are closures: see docs/decisions/dataclasses.md. The standard library's `field`,
`fields`, `replace` and `is_dataclass` hold for these classes as for its own.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as dataclass  # which a type checker knows
else:

    def dataclass(*, slots, frozen=False, eq=True):
        """A decorator that gives a class its slots and its methods."""
        if not slots:
            raise TypeError("a class without slots is the standard library's work")

        def made(plain):
            plain.__doc__ = plain.__doc__ or plain.__name__  # or its signature would be spelled out
            cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(plain)
            _complete(cls, is_frozen=frozen, is_equal=eq)
            return cls

        return made


_LATER = object()
"""Stands for an argument that was not given, and whose default is made at each call."""


def _complete(cls: type, *, is_frozen: bool, is_equal: bool) -> None:
    """Puts in each method that the class does not have of its own."""
    fields = dataclasses.fields(cls)
    methods = {"__init__": _init(cls, fields), "__repr__": _repr(fields)}
    if is_equal:
        compared = _reader([each.name for each in fields if each.compare])
        methods["__eq__"] = _eq(compared)
        methods["__hash__"] = _hash(compared) if is_frozen else None
    if is_frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        methods |= _state(cls, fields)
    for name, method in methods.items():
        if cls.__dict__.get(name) is None:
            setattr(cls, name, method)


def _init(cls: type, fields: tuple[dataclasses.Field[object], ...]) -> object:
    """Puts each value into its slot, past what refuses to set anything."""
    names: dict[str, object] = {"_later": _LATER}
    arguments, lines = ["self"], []
    for name, field in ((each.name, each) for each in fields if each.init):
        argument, value = name, name
        if field.default is not dataclasses.MISSING:
            names[f"_default_{name}"] = field.default
            argument = f"{name}=_default_{name}"
        elif field.default_factory is not dataclasses.MISSING:
            names[f"_make_{name}"] = field.default_factory
            argument = f"{name}=_later"
            value = f"_make_{name}() if {name} is _later else {name}"
        names[f"_put_{name}"] = getattr(cls, name).__set__
        arguments.append(argument)
        lines.append(f"_put_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    text = f"def __init__({', '.join(arguments)}):\n " + "\n ".join(lines or ["pass"])
    exec(text, names)  # of names alone, which are those of a class's own fields
    init: Any = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {each.name: each.type for each in fields if each.init}
    return init


def _repr(fields: tuple[dataclasses.Field[object], ...]) -> object:
    names = [each.name for each in fields if each.repr]

    def spelled(self: object) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({values})"

    return spelled


def _reader(names: list[str]) -> Callable[[object], object]:
    """Gives the values of these fields, to be compared."""
    return attrgetter(*names) if names else lambda _: None


def _eq(compared: Callable[[object], object]) -> object:
    def is_equal(self: object, other: object) -> object:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compared(self) == compared(other)

    return is_equal


def _hash(compared: Callable[[object], object]) -> object:
    return lambda self: hash(compared(self))


def _refuse_to_set(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(cls: type, fields: tuple[dataclasses.Field[object], ...]) -> dict[str, object]:
    """What copies and pickles go through, for a frozen class cannot be filled otherwise."""

    def get(self: object) -> list[object]:
        return [getattr(self, each.name) for each in fields]

    def put(self: object, state: list[object]) -> None:
        for each, value in zip(fields, state, strict=True):
            getattr(cls, each.name).__set__(self, value)

    return {"__getstate__": get, "__setstate__": put}
