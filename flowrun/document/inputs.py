"""Faults of form of inputs: words that are no JSON Schema's, and defaults of the wrong kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flowrun.digest import JsonValue
from flowrun.document.outline import Flaw
from flowrun.document.source import Loaded, Path
from flowrun.document.vocabulary import PATH_WORDS, SCHEMA_WORDS
from flowrun.errors import did_you_mean
from flowrun.folder import problem_of


def input_flaws(loaded: Loaded, data: Mapping[str, JsonValue]) -> Iterator[Flaw]:
    """The faults that each input's declaration shows by itself."""
    inputs = data.get("inputs")
    for name, spec in inputs.items() if isinstance(inputs, Mapping) else ():
        if isinstance(spec, Mapping):
            takes_path = spec.get("type") in ("image", "file")
            for key in spec:
                yield from _word(loaded, ("inputs", name, key), takes_path=takes_path)
            if takes_path and "default" in spec:
                yield from _path(loaded, ("inputs", name, "default"), spec["default"])


def _word(loaded: Loaded, path: Path, *, takes_path: bool) -> Iterator[Flaw]:
    key = str(path[-1])
    if key not in SCHEMA_WORDS:
        message = f'unknown key "{key}"'
        why = "an input takes the words of JSON Schema, and default"
        mend = did_you_mean(key, SCHEMA_WORDS) or "leave it out; keys of your own start with x-"
    elif takes_path and key not in PATH_WORDS:
        message = f'"{key}" has no meaning here'
        why = "this input takes a path, whose content is not described"
        mend = "leave it out"
    else:
        return
    diagnostic = loaded.diagnostic(
        loaded.key_mark(path), message, "unknown-key", why=why, mend=mend, length=len(key)
    )
    yield Flaw(path, diagnostic)


def _path(loaded: Loaded, path: Path, default: JsonValue) -> Iterator[Flaw]:
    """The default of an input that takes a path, which stands under the pipeline's folder."""
    if not isinstance(default, str):
        message, code = "the default must be a path under the pipeline's folder", "wrong-value"
    elif problem := problem_of(default):
        message, code = f'"{default}" is no file name here: {problem}', "unreadable-file"
    else:
        return
    length = len(default) if isinstance(default, str) else 1
    diagnostic = loaded.diagnostic(loaded.mark(path), message, code, length=length)
    yield Flaw(path, diagnostic)
