"""The JSON Schemas that a file names or holds, read and checked once each."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator, Mapping

from flowrun.chat.messages import ResponseFormat
from flowrun.chat.schema import InvalidSchema, SchemaFault, compile_schema
from flowrun.digest import JsonValue
from flowrun.document.slots import SlotReader
from flowrun.document.source import Loaded, Path, load_value
from flowrun.document.vocabulary import SCHEMA_WORDS
from flowrun.errors import Diagnostic, Mark, PipelineError, did_you_mean

_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")


class Schemas:
    """The entries of `schemas`; faults are noted among the slots' diagnostics.

    A schema that is faulty, or of which only the name is left, allows everything, so that
    nobody hears of its consequences.
    """

    def __init__(
        self, slots: SlotReader, entries: Mapping[str, JsonValue], names: Collection[str]
    ) -> None:
        self.slots = slots
        self._entries = entries
        self._names = names
        self._read: dict[str, Mapping[str, JsonValue]] = {}

    def check_all(self) -> None:
        """Reads and checks every entry, used or not."""
        for name in self._entries:
            self._entry(name)

    def named(self, path: Path, name: str) -> ResponseFormat:
        """A strict `json_schema` of that name."""
        if name in self._entries:
            return ResponseFormat("json_schema", name, self._entry(name))
        if name not in self._names:
            mend = did_you_mean(name, self._names) or f'add "{name}" under schemas'
            if name in ("text", "json_object"):
                mend = f"write {{type: {name}}}"
            message = f'"{name}" is no entry of schemas'
            self._note(path, message, "unknown-schema", mend=mend, length=len(name))
        return ResponseFormat("json_schema", name, {})

    def plain(self, path: Path, source: JsonValue) -> Mapping[str, JsonValue]:
        """The schema that stands at `path`, or that is named there."""
        if isinstance(source, str):
            return self.named(path, source).schema or {}
        assert isinstance(source, Mapping)
        return source if self.check(path, source) else {}

    def wire(self, path: Path, source: Mapping[str, JsonValue]) -> ResponseFormat:
        """The wire's own object."""
        kind, inner = source["type"], source.get("json_schema")
        if kind == "text":
            return ResponseFormat()
        if kind == "json_object":
            return ResponseFormat("json_object")
        if not isinstance(inner, Mapping):
            message = '"response_format" has no "json_schema"'
            mend = "write {type: json_schema, json_schema: {name: …, schema: …}}"
            self._note(path, message, "missing-key", mend=mend)
            return ResponseFormat("json_schema", "", {})
        schema = inner["schema"]
        assert isinstance(schema, Mapping)
        if not self.check((*path, "json_schema", "schema"), schema):
            schema = {}
        strict = inner.get("strict") is not False
        return ResponseFormat("json_schema", str(inner["name"]), schema, strict)

    def check(self, path: Path, schema: Mapping[str, JsonValue]) -> bool:
        """Whether this is a JSON Schema at all; notes why not."""
        return self._is_sound(self.slots.loaded, path, schema)

    def fits(self, path: Path, schema: Mapping[str, JsonValue], value: JsonValue) -> None:
        """Notes how a value that stands in the file breaks its schema."""
        for problem in compile_schema(schema).problems(value):
            message = f"the default does not fit: {problem}"
            self._note(path, message, "wrong-default", length=len(str(value).partition("\n")[0]))

    def _entry(self, name: str) -> Mapping[str, JsonValue]:
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def _load(self, name: str) -> Mapping[str, JsonValue]:
        path: Path = ("schemas", name)
        entry = self._entries[name]
        assert isinstance(entry, Mapping)
        if "file" not in entry:
            return entry if self.check(path, entry) else {}
        path = (*path, "file")
        file = str(entry["file"])
        text = self.slots.file(path, file)
        loaded = None if text is None else self._loaded(text, self.slots.shown(file))
        if loaded is None:
            return {}
        if not isinstance(loaded.data, Mapping):
            self._note(path, f'"{file}" holds no JSON Schema', "bad-schema", length=len(file))
            return {}
        return loaded.data if self._is_sound(loaded, (), loaded.data) else {}

    def _loaded(self, text: str, file: str) -> Loaded | None:
        """A schema's file, which is YAML, or JSON if its name says so; None if it is not."""
        try:
            again = json.dumps(json.loads(text), indent=2) if file.endswith(".json") else ""
        except json.JSONDecodeError as error:
            mark = Mark(file, error.lineno, error.colno)
            message = f"this is not JSON: {error.msg[0].lower()}{error.msg[1:]}"
            excerpt = text.split("\n")[error.lineno - 1]
            self.slots.diagnostics.append(Diagnostic(mark, message, "bad-schema", excerpt=excerpt))
            return None
        except (ValueError, RecursionError) as error:
            is_deep = isinstance(error, RecursionError)
            message = "nested too deep" if is_deep else f"this is not JSON: {error}"
            self.slots.diagnostics.append(Diagnostic(Mark(file, 1, 1), message, "bad-schema"))
            return None
        # YAML knows no tabs where JSON does; a text written anew has none.
        for each in (text, again) if again else (text,):
            try:
                return load_value(each, file)
            except PipelineError as error:
                faults = error.diagnostics
        self.slots.diagnostics += faults
        return None

    def _is_sound(self, loaded: Loaded, path: Path, schema: Mapping[str, JsonValue]) -> bool:
        try:
            compile_schema(schema)
        except InvalidSchema as error:
            self.slots.diagnostics += [_diagnostic(loaded, path, each) for each in error.faults]
            return False
        self.slots.diagnostics += _misspelt(loaded, path, schema)
        return True

    def _note(
        self, path: Path, message: str, code: str, *, mend: str = "", length: int = 1
    ) -> None:
        self.slots.note(path, message, code, mend=mend, length=length)


def _diagnostic(loaded: Loaded, path: Path, fault: SchemaFault) -> Diagnostic:
    """The fault at its place in the file that holds the schema."""
    place: Path = (*path, *fault.path)
    value = _at(loaded.data, place)
    message, why, mend = f"not a JSON Schema: {fault.problem}", "", ""
    if fault.path and fault.path[-1] == "type":
        if isinstance(value, list):
            wrong = [index for index, each in enumerate(value) if each not in _TYPES]
            place = (*place, *wrong[:1])
            value = _at(loaded.data, place)
        if not isinstance(value, Mapping | list):
            message = f"{json.dumps(value, ensure_ascii=False)} is no type of JSON Schema"
            mend = did_you_mean(str(value), _TYPES)
            why = "" if mend else f"types are {', '.join(_TYPES)}"
    elif fault.path:
        word = next(part for part in reversed(fault.path) if isinstance(part, str))
        entry = f"entry {int(fault.path[-1]) + 1} of " if fault.path[-1] != word else ""
        message = f'{entry}"{word}" is not as JSON Schema has it: {fault.problem}'
    length = len(value.partition("\n")[0]) if isinstance(value, str) else 1
    mark = loaded.mark(place)
    return loaded.diagnostic(mark, message, "bad-schema", why=why, mend=mend, length=length)


def _misspelt(loaded: Loaded, path: Path, schema: Mapping[str, JsonValue]) -> Iterator[Diagnostic]:
    """Warns of words that JSON Schema does not have but nearly has: it takes them, silently."""
    for place, each in _schemas_in(path, schema):
        for word in each.keys() - SCHEMA_WORDS:
            near = difflib.get_close_matches(word, SCHEMA_WORDS, n=1, cutoff=0.75)
            if near and word != "example":
                yield loaded.diagnostic(
                    loaded.key_mark((*place, word)),
                    f'"{word}" is no word of JSON Schema, and has no effect',
                    "unknown-word",
                    mend=f"did you mean {near[0]}?",
                    length=len(word),
                    severity="warning",
                )


def _schemas_in(path: Path, schema: JsonValue) -> Iterator[tuple[Path, Mapping[str, JsonValue]]]:
    """Every schema inside of a sound schema, and itself."""
    waiting: list[tuple[Path, JsonValue]] = [(path, schema)]
    while waiting:
        place, each = waiting.pop()
        if not isinstance(each, Mapping):
            continue
        yield place, each
        for word in ("properties", "patternProperties", "$defs", "definitions"):
            if isinstance(inner := each.get(word), Mapping):
                waiting += [((*place, word, name), one) for name, one in inner.items()]
        for word in ("anyOf", "allOf", "oneOf", "prefixItems"):
            if isinstance(several := each.get(word), list):
                waiting += [((*place, word, index), one) for index, one in enumerate(several)]
        for word in ("items", "additionalProperties", "not", "contains"):
            waiting.append(((*place, word), each.get(word)))


def _at(data: JsonValue, path: Path) -> JsonValue:
    for part in path:
        if isinstance(data, Mapping):
            data = data[str(part)]
        else:
            assert isinstance(data, list)
            data = data[int(part)]
    return data
