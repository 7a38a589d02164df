"""What filters and tests take and give: Jinja's own and those of the language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TypeAlias

from flowrun.dataclass import dataclass
from flowrun.document.access import (
    PROVIDED,
    Reading,
    Subject,
    Trouble,
    read_field,
    read_item,
)
from flowrun.document.agreement import agreement
from flowrun.document.types import (
    Anything,
    Array,
    Boolean,
    Integer,
    Null,
    Number,
    Object,
    Option,
    String,
    Type,
    Union,
    describe,
    elements,
    field_values,
    options,
    union,
)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one filter: their types, and the values of those that are literals.

    A positional argument is named by its number, from "0". `has_more`: some are unpacked from a
    value, so that any other may be there too.
    """

    types: Mapping[str, Type] = field(default_factory=dict)
    literals: Mapping[str, str | int] = field(default_factory=dict)
    has_more: bool = False

    def type(self, *names: str) -> Type | None:
        """The type of the argument that goes by one of `names`, or None if it is not given."""
        return next((self.types[name] for name in names if name in self.types), None)

    def literal(self, *names: str) -> str | int | None:
        """The value of that argument where it is a literal."""
        return next((self.literals[name] for name in names if name in self.literals), None)

    def after(self, count: int) -> Arguments:
        """The arguments for the filter or test that `map` and `select` apply: some taken off."""
        types = {_shifted(name, count): each for name, each in self.types.items()}
        literals = {_shifted(name, count): each for name, each in self.literals.items()}
        return Arguments(types, literals, self.has_more)


def apply_filter(name: str, type_: Type, arguments: Arguments, subject: Subject) -> Reading:
    """What `subject | name(arguments)` gives; of a filter that is not known here, `Anything`."""
    signature = FILTERS.get(name)
    if signature is None:
        return Reading(Anything())
    if trouble := signature.refusal(f'filter "{name}"', type_, subject):
        return Reading(Anything(), trouble)
    if trouble := _inner_trouble(name, type_, arguments, subject.item()):
        return Reading(Anything(), trouble)
    return Reading(signature.gives(type_, arguments))


def apply_test(name: str, type_: Type, subject: Subject) -> Reading:
    """What `subject is name` gives."""
    signature = TESTS.get(name)
    trouble = signature.refusal(f'test "{name}"', type_, subject) if signature else None
    return Reading(Boolean(), trouble)


Gives: TypeAlias = Callable[[Type, Arguments], Type]


@dataclass(frozen=True, slots=True)
class Signature:
    """What one filter takes, None for everything; `of`: what the items of a list must be."""

    gives: Gives
    takes: tuple[type[Option], ...] | None = None
    of: tuple[type[Option], ...] | None = None

    def refusal(self, what: str, type_: Type, subject: Subject) -> Trouble | None:
        """Why the value cannot go in, if no option of its type can."""
        if self.takes is None or _fits(type_, self.takes):
            return None
        message = f"{subject} is {describe(type_)}: the {what} takes {_named(self.takes)}"
        mend = _CONVERSIONS.get((self.takes, _kind(type_)), "")
        return Trouble("wrong-type", message, mend=mend)


def attribute_of(type_: Type, path: str | int, subject: Subject) -> Reading:
    """What Jinja's `attribute="a.b.0"` reads of one item."""
    reading = Reading(type_)
    for part in path.split(".") if isinstance(path, str) else [path]:
        if isinstance(part, int) or part.isdecimal():
            reading = read_item(reading.type, int(part), subject)
        else:
            reading = read_field(reading.type, part, subject)
        if reading.trouble is not None:
            return reading
    return reading


_TEXT = (String,)
_NUMERIC = (Number, Integer, Boolean)
_MANY = (Array, Object)
_SIZED = (String, Array, Object)
_LENIENT = (String, Array, Object, Null)
_LIST = (Array,)
_PRINTED = (String, Number, Integer, Boolean, Null, Array, Object)
"""What text can show: all but images."""
_MAPPING = (Object,)
_UNNAMED = Subject()
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "map": ("attribute",),
    "sort": ("attribute", "2"),
    "unique": ("attribute", "1"),
    "min": ("attribute", "1"),
    "max": ("attribute", "1"),
    "sum": ("attribute", "0"),
    "join": ("attribute", "1"),
    "groupby": ("attribute", "0"),
    "selectattr": ("0",),
    "rejectattr": ("0",),
    "group_by_key": ("0", "key"),
}
"""Where each filter is told which field of the items it reads."""
_CONVERSIONS: Mapping[tuple[tuple[type[Option], ...], type[Option] | None], str] = {
    (_TEXT, Integer): "make it text first: | string",
    (_TEXT, Number): "make it text first: | string",
    (_TEXT, Array): 'make it text first: | join(", ")',
    (_NUMERIC, String): "make it a number first: | float",
}
_PROBING_TESTS = frozenset(("defined", "undefined"))


def _shifted(name: str, count: int) -> str:
    return str(int(name) - count) if name.isdecimal() else name


def _fits(type_: Type, kinds: tuple[type[Option], ...]) -> bool:
    return any(isinstance(each, (Anything, *kinds)) for each in options(type_))


def _kind(type_: Type) -> type[Option] | None:
    kinds = {type(each) for each in options(type_)}
    return kinds.pop() if len(kinds) == 1 else None


def _named(kinds: tuple[type[Option], ...]) -> str:
    if kinds is _PRINTED:
        return "text"
    names = {String: "text", Array: "a list", Number: "a number"}
    return " or ".join(names[each] for each in kinds if each in names) or "an object"


def _inner_trouble(
    name: str, type_: Type, arguments: Arguments, subject: Subject
) -> Trouble | None:
    """What is wrong with the items of a list: their fields, or what is done to each."""
    if any(isinstance(each, Object) and not each.required for each in options(type_)):
        return None  # it may be empty, and then nothing is read
    item = elements(type_)
    inner = arguments.literal("0")
    attribute = arguments.literal(*_ATTRIBUTES.get(name, ()))
    if attribute is not None:
        if name in ("selectattr", "rejectattr") and arguments.literal("1") in _PROBING_TESTS:
            return None
        return _attribute_trouble(item, attribute, arguments, subject)
    if name == "map" and isinstance(inner, str):
        return apply_filter(inner, item, arguments.after(1), subject).trouble
    if name in ("select", "reject") and isinstance(inner, str):
        return apply_test(inner, item, subject).trouble
    of = FILTERS[name].of
    if of is None or arguments.types or arguments.has_more or _fits(item, of):
        return None
    what = f'the filter "{name}" takes a list of numbers'
    return Trouble("wrong-type", f"{subject} is {describe(item)}: {what}")


def _attribute_trouble(
    item: Type, attribute: str | int, arguments: Arguments, subject: Subject
) -> Trouble | None:
    has_default = arguments.has_more or arguments.type("default", "1") is not None
    for path in attribute.split(",") if isinstance(attribute, str) else [attribute]:
        trouble = attribute_of(item, path, subject).trouble
        if trouble is not None and not (has_default and trouble.code in PROVIDED):
            return trouble
    return None


def _always(type_: Type) -> Gives:
    return lambda _type, _arguments: type_


def _converted(type_: Type) -> Gives:
    """What cannot be converted becomes the argument, whatever that is."""
    return lambda _type, arguments: Anything() if arguments.types else type_


def _items(type_: Type, _arguments: Arguments) -> Type:
    return Array(elements(_without_text(type_)))


def _item(type_: Type, _arguments: Arguments) -> Type:
    return elements(_without_text(type_))


def _without_text(type_: Type) -> Type:
    """Text as the list of its characters, for the filters that take it so."""
    as_list = [Array(String()) if isinstance(each, String) else each for each in options(type_)]
    return union(as_list)


def _reversed(type_: Type, _arguments: Arguments) -> Type:
    found: list[Type] = []
    for each in options(type_):
        match each:
            case Anything():
                found.append(each)
            case String():
                found.append(String())
            case _:
                found.append(Array(elements(each)))
    return union(found)


def _or_default(type_: Type, arguments: Arguments) -> Type:
    fallback = arguments.type("0", "default_value")
    if arguments.has_more:
        return Anything()
    return union((type_, String() if fallback is None else fallback))


def _mapped(type_: Type, arguments: Arguments) -> Type:
    item = elements(_without_text(type_))
    attribute, inner = arguments.literal("attribute"), arguments.literal("0")
    if attribute is not None:
        found = attribute_of(item, attribute, _UNNAMED).type
        default = arguments.type("default")
        return Array(found if default is None else union((found, default)))
    if isinstance(inner, str):
        return Array(apply_filter(inner, item, arguments.after(1), _UNNAMED).type)
    return Array()


def _grouped(type_: Type, arguments: Arguments) -> Type:
    item = elements(_without_text(type_))
    attribute = arguments.literal("attribute", "0")
    key: Type = Anything()
    if attribute is not None and not arguments.type("default", "1"):
        key = attribute_of(item, attribute, _UNNAMED).type
    names = frozenset(("grouper", "list"))
    as_object = Object({"grouper": key, "list": Array(item)}, names, None)
    return Array(union((Array(Anything(), (key, Array(item)), 2), as_object)))


def _summed(type_: Type, arguments: Arguments) -> Type:
    kinds = options(elements(type_))
    if arguments.types or arguments.has_more or not all(isinstance(x, _NUMERIC) for x in kinds):
        return Anything()
    return Integer() if all(isinstance(x, Integer) for x in kinds) else Number()


def _pairs(type_: Type, _arguments: Arguments) -> Type:
    values = union(
        field_values(each) if isinstance(each, Object) else Anything() for each in options(type_)
    )
    return Array(Array(Anything(), (String(), values), 2))


def _rows(type_: Type, arguments: Arguments) -> Type:
    return Array(_items(type_, arguments) if len(arguments.types) == 1 else Array())


def _zipped(type_: Type, arguments: Arguments) -> Type:
    if arguments.has_more:
        return Array(Array())
    lists = (elements(each) for each in (type_, *arguments.types.values()))
    row = tuple(lists)
    return Array(Array(Anything(), row, len(row)))


def _commonest(type_: Type, arguments: Arguments) -> Type:
    return Array(elements(type_)) if arguments.types or arguments.has_more else elements(type_)


def _agreement(type_: Type, _arguments: Arguments) -> Type:
    return agreement(elements(type_))


def _keyed(type_: Type, arguments: Arguments) -> Type:
    return Object(extra=_items(type_, arguments))


def _flattened(type_: Type, arguments: Arguments) -> Type:
    inner = options(elements(type_))
    items = union(elements(each) if isinstance(each, Array) else each for each in inner)
    return Array(Anything() if arguments.types or _fits(items, _LIST) else items)


_STRING, _WHOLE, _NUMBER, _ANY = (
    _always(String()),
    _always(Integer()),
    _always(Number()),
    _always(Anything()),
)
_TEXTS = _always(Array(String()))
_MAKES_TEXT = (
    *("capitalize", "center", "e", "escape", "filesizeformat", "forceescape", "format", "indent"),
    *("lower", "pprint", "replace", "safe", "string", "striptags", "title", "tojson", "to_json"),
    *("trim", "truncate", "upper", "urlencode", "urlize", "wordwrap"),
)
FILTERS: Mapping[str, Signature] = {
    **dict.fromkeys(_MAKES_TEXT, Signature(_STRING, _PRINTED)),
    **dict.fromkeys(("slug", "regex_replace", "sha256", "b64encode"), Signature(_STRING, _TEXT)),
    **dict.fromkeys(("from_json", "from_yaml"), Signature(_ANY, _TEXT)),
    **dict.fromkeys(("chunk", "split"), Signature(_TEXTS, _TEXT)),
    **dict.fromkeys(("length", "count"), Signature(_WHOLE, _SIZED)),
    **dict.fromkeys(("first", "last", "min", "max"), Signature(_item, _SIZED)),
    **dict.fromkeys(("sort", "list", "unique"), Signature(_items, _SIZED)),
    **dict.fromkeys(("select", "reject", "selectattr", "rejectattr"), Signature(_items, _LENIENT)),
    **dict.fromkeys(("batch", "slice"), Signature(_rows, _SIZED)),
    **dict.fromkeys(("default", "d"), Signature(_or_default)),
    **dict.fromkeys(("dictsort", "items"), Signature(_pairs, _MAPPING)),
    **dict.fromkeys(("abs", "round"), Signature(_NUMBER, _NUMERIC)),
    "mean": Signature(_NUMBER, _LIST, _NUMERIC),
    "median": Signature(_always(Union((Number(), Boolean()))), _LIST, _NUMERIC),
    **dict.fromkeys(("zip_with", "product"), Signature(_zipped, _LIST)),
    "agreement": Signature(_agreement, _LIST),
    "attr": Signature(_ANY),
    "flatten": Signature(_flattened, _LIST),
    "float": Signature(_converted(Number())),
    "group_by_key": Signature(_keyed, _LIST),
    "groupby": Signature(_grouped, _SIZED),
    "int": Signature(_converted(Integer())),
    "join": Signature(_STRING, _MANY),
    "map": Signature(_mapped, _LENIENT),
    "most_common": Signature(_commonest, _LIST),
    "regex_search": Signature(_always(Union((String(), Null()))), _TEXT),
    "reverse": Signature(_reversed, _SIZED),
    "sum": Signature(_summed, _SIZED, _NUMERIC),
    "wordcount": Signature(_WHOLE, _PRINTED),
    "xmlattr": Signature(_STRING, _MAPPING),
}
"""Every filter that templates may use; `takes` refuses only what fails whatever the value."""
TESTS: Mapping[str, Signature] = {
    **dict.fromkeys(("odd", "even", "divisibleby"), Signature(_always(Boolean()), _NUMERIC)),
    **dict.fromkeys(("lower", "upper"), Signature(_always(Boolean()), _TEXT)),
}
"""The tests that fail on some types; all give true or false."""
