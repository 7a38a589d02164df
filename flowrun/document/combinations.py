"""Faults of form that no single key shows: names, and keys that do not go together."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from flowrun.digest import JsonValue
from flowrun.document.outline import Flaw
from flowrun.document.source import Loaded, Path
from flowrun.document.vocabulary import IDENTIFIER, KINDS, NOT_YET, ONLY_ASKING


def name_flaws(loaded: Loaded, data: Mapping[str, JsonValue]) -> Iterator[Flaw]:
    """Names that cannot be used, and a file without steps."""
    for section in ("inputs", "schemas", "steps", "outputs"):
        entries = data.get(section)
        for name in entries if isinstance(entries, Mapping) else ():
            if not IDENTIFIER.match(name):
                yield _bad_name(loaded, (section, name), name)
    for path, names in _loop_names(data):
        for name in names:
            if not IDENTIFIER.match(name):
                yield _bad_name(loaded, path if path[-1] == "as" else (*path, name), name)
    steps = data.get("steps")
    if isinstance(steps, Mapping) and not steps:
        diagnostic = loaded.diagnostic(
            loaded.key_mark(("steps",)), "there are no steps", "no-steps", mend="add a step"
        )
        yield Flaw(("steps",), diagnostic)


def _loop_names(data: Mapping[str, JsonValue]) -> Iterator[tuple[Path, Iterable[str]]]:
    """The loop variables that steps and outputs name, and where."""
    for section in ("steps", "outputs"):
        entries = data.get(section)
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            if isinstance(entry, Mapping) and isinstance(variable := entry.get("as"), str):
                yield (section, name, "as"), [variable]
            if isinstance(entry, Mapping) and isinstance(loops := entry.get("foreach"), Mapping):
                yield (section, name, "foreach"), loops


def _bad_name(loaded: Loaded, path: Path, name: str) -> Flaw:
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    kept = (char if char.isalnum() else "_" for char in plain if not unicodedata.combining(char))
    better = "".join(kept).strip("_")
    better = f"_{better}" if better[:1].isdigit() else better
    is_value = path[-1] == "as"
    diagnostic = loaded.diagnostic(
        loaded.mark(path) if is_value else loaded.key_mark(path),
        f'"{name}" cannot be a name',
        "bad-name",
        why="names are made of letters from a to z, digits and _, and begin with no digit",
        mend=f"call it {better}" if IDENTIFIER.match(better) else "choose another name",
        length=len(name),
    )
    return Flaw(None, diagnostic)


def combination_flaws(loaded: Loaded, data: Mapping[str, JsonValue]) -> Iterator[Flaw]:
    """Keys that are missing beside others, or have no effect beside them."""
    steps = data.get("steps")
    for name, step in steps.items() if isinstance(steps, Mapping) else ():
        if isinstance(step, Mapping):
            yield from _step_combinations(loaded, ("steps", name), step)
    outputs = data.get("outputs")
    for name, output in outputs.items() if isinstance(outputs, Mapping) else ():
        if isinstance(output, Mapping) and "as" in output and "foreach" not in output:
            yield _lost(loaded, ("outputs", name, "as"), "names a loop variable, but no foreach")


def _step_combinations(loaded: Loaded, path: Path, step: Mapping[str, JsonValue]) -> Iterator[Flaw]:
    kinds = [key for key in KINDS if key in step]
    if not kinds and not NOT_YET & step.keys():
        yield _does_nothing(loaded, path)
    for extra in kinds[1:]:
        yield _lost(loaded, (*path, extra), f"cannot stand beside {kinds[0]}: a step has one kind")
    if kinds == ["value"]:
        for key in step:
            if key in ONLY_ASKING:
                yield _lost(loaded, (*path, key), "has no meaning here: this step asks no model")
    if "system" in step and "messages" in step:
        yield _lost(loaded, (*path, "system"), "cannot stand beside messages: add a system message")
    yield from _loop_combinations(loaded, path, step)
    yield from _image_combinations(loaded, path, step)


def _does_nothing(loaded: Loaded, path: Path) -> Flaw:
    diagnostic = loaded.diagnostic(
        loaded.key_mark(path),
        f'step "{path[-1]}" does nothing',
        "no-kind",
        why=f"a step has exactly one of {', '.join(KINDS)}",
        mend="add a prompt, or a value",
        length=len(str(path[-1])),
    )
    return Flaw(path, diagnostic)


def _loop_combinations(loaded: Loaded, path: Path, step: Mapping[str, JsonValue]) -> Iterator[Flaw]:
    if "as" not in step:
        return
    if "foreach" not in step:
        yield _lost(loaded, (*path, "as"), "names a loop variable, but there is no foreach")
    elif isinstance(step["foreach"], Mapping):
        yield _lost(loaded, (*path, "as"), "has no meaning here: the mapping names its variables")


def _image_combinations(
    loaded: Loaded, path: Path, step: Mapping[str, JsonValue]
) -> Iterator[Flaw]:
    modalities = step.get("modalities")
    if isinstance(modalities, list) and "image" in modalities:
        if "response_format" in step:
            yield _lost(loaded, (*path, "response_format"), "cannot stand beside an image modality")
    elif "image_config" in step:
        yield _lost(loaded, (*path, "image_config"), "has no effect without modalities: [image]")


def _lost(loaded: Loaded, path: Path, problem: str) -> Flaw:
    diagnostic = loaded.diagnostic(
        loaded.key_mark(path),
        f'"{path[-1]}" {problem}',
        "wrong-combination",
        mend="leave it out",
        length=len(str(path[-1])),
    )
    return Flaw(path, diagnostic)
