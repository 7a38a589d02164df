"""Faults of form that no single key shows: names, and keys that do not go together."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from flowrun.digest import JsonValue
from flowrun.document.outline import Flaw, every_step, section
from flowrun.document.source import Loaded, Path
from flowrun.document.vocabulary import ASKING, BESIDE_TOOLS, IDENTIFIER, KINDS, ONLY_ASKING
from flowrun.errors import did_you_mean

_Data = Mapping[str, JsonValue]


def name_flaws(loaded: Loaded, data: _Data) -> Iterator[Flaw]:
    """Names that cannot be used, and a file or a block without steps."""
    for path, names in _named(data):
        for name in names:
            if not IDENTIFIER.match(name):
                yield _bad_name(loaded, path if path[-1] == "as" else (*path, name), name)
    for path, holder in [((), data), *every_step(data)]:
        if holder.get("steps") == {}:
            yield _no_steps(loaded, (*path, "steps"))


def _named(data: _Data) -> Iterator[tuple[Path, Iterable[str]]]:
    """The names that a file gives, and where."""
    for name in ("inputs", "schemas", "tools", "steps", "outputs"):
        yield (name,), section(data, name)
    for name, output in section(data, "outputs").items():
        if isinstance(output, Mapping):
            yield from _loop_names(("outputs", name), output)
    for path, step in every_step(data):
        yield (*path, "steps"), section(step, "steps")
        yield from _loop_names(path, step)


def _loop_names(path: Path, entry: _Data) -> Iterator[tuple[Path, Iterable[str]]]:
    if isinstance(variable := entry.get("as"), str):
        yield (*path, "as"), [variable]
    yield (*path, "foreach"), section(entry, "foreach")


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


def _no_steps(loaded: Loaded, path: Path) -> Flaw:
    diagnostic = loaded.diagnostic(
        loaded.key_mark(path), "there are no steps", "no-steps", mend="add a step", length=5
    )
    return Flaw(path, diagnostic)


def combination_flaws(loaded: Loaded, data: _Data) -> Iterator[Flaw]:
    """Keys that are missing beside others, or have no effect beside them."""
    common = section(data, "defaults")
    for path, step in every_step(data):
        yield from _kind_combinations(loaded, path, step)
        yield from _loop_combinations(loaded, path, step)
        yield from _image_combinations(loaded, path, step)
        yield from _tool_combinations(loaded, path, step, common)
    yield from _idle_budgets(loaded, data)
    for name, output in section(data, "outputs").items():
        if isinstance(output, Mapping) and "as" in output and "foreach" not in output:
            yield lost(loaded, ("outputs", name, "as"), "names a loop variable, but no foreach")


def _kind_combinations(loaded: Loaded, path: Path, step: _Data) -> Iterator[Flaw]:
    kinds = [key for key in KINDS if key in step]
    if not kinds:
        yield _does_nothing(loaded, path)
        return
    for extra in kinds[1:]:
        problem = f"cannot stand beside {kinds[0]}: a step has one kind"
        is_for_model = extra == "call" and kinds[0] in ("prompt", "messages")
        mend = "to let the model call it, list it under tools" if is_for_model else ""
        yield lost(loaded, (*path, extra), problem, mend)
    if "prompt" not in step and "messages" not in step:
        mend = "give it to the steps inside" if "steps" in step else ""
        for key in step:
            if key in ONLY_ASKING:
                problem = "has no meaning here: this step asks no model"
                yield lost(loaded, (*path, key), problem, mend)
    if "system" in step and "messages" in step:
        yield lost(loaded, (*path, "system"), "cannot stand beside messages: add a system message")
    yield from _company(loaded, path, step)


def _company(loaded: Loaded, path: Path, step: _Data) -> Iterator[Flaw]:
    """Keys that have a meaning only beside some kinds."""
    if "with" in step and not {"call", "uses"} & step.keys():
        yield lost(loaded, (*path, "with"), "has no meaning without call or uses")
    elif "call" not in step and isinstance(step.get("with"), str):
        diagnostic = loaded.diagnostic(
            loaded.mark((*path, "with")),
            '"with" must be a mapping beside uses, not text',
            "wrong-value",
            mend="name each input: {INPUT: …}",
            length=len(str(step["with"]).partition("\n")[0]),
        )
        yield Flaw((*path, "with"), diagnostic)
    if "output" in step and "steps" not in step:
        yield lost(
            loaded, (*path, "output"), "has no meaning without steps: it is what a block gives"
        )


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


def _loop_combinations(loaded: Loaded, path: Path, step: _Data) -> Iterator[Flaw]:
    if "as" not in step:
        return
    if "foreach" not in step:
        yield lost(loaded, (*path, "as"), "names a loop variable, but there is no foreach")
    elif isinstance(step["foreach"], Mapping):
        yield lost(loaded, (*path, "as"), "has no meaning here: the mapping names its variables")


def _image_combinations(loaded: Loaded, path: Path, step: _Data) -> Iterator[Flaw]:
    modalities = step.get("modalities")
    if isinstance(modalities, list) and "image" in modalities:
        if "response_format" in step:
            yield lost(loaded, (*path, "response_format"), "cannot stand beside an image modality")
    elif "image_config" in step:
        yield lost(loaded, (*path, "image_config"), "has no effect without modalities: [image]")


def _tool_combinations(loaded: Loaded, path: Path, step: _Data, common: _Data) -> Iterator[Flaw]:
    """What a step says of its tools, which may be those that `defaults` lists."""
    lonely = [key for key in BESIDE_TOOLS if step.get(key) is not None]
    is_asking = "prompt" in step or "messages" in step
    if not lonely or not is_asking or step.get("tools", common.get("tools")):
        return
    if not any(did_you_mean(key, ["tools"]) for key in step if key not in ASKING):
        for key in lonely:
            yield lost(loaded, (*path, key), "has no effect without tools")


def _idle_budgets(loaded: Loaded, data: _Data) -> Iterator[Flaw]:
    """Budgets of what is known to ask no model."""
    tools = section(data, "tools")
    for path, step in [((), data), *every_step(data)]:
        if "budget" in step and not _may_ask(step, tools):
            yield lost(loaded, (*path, "budget"), "has no effect: no model is asked here")


def _may_ask(step: _Data, tools: _Data) -> bool:
    """Whether a model may be asked, by the step itself or inside; what is faulty may."""
    match next((key for key in KINDS if key in step), ""):
        case "value":
            return False
        case "call":
            tool = tools.get(str(step["call"]).partition(".")[0])
            return not isinstance(tool, Mapping) or "uses" in tool
        case "steps":
            inner = section(step, "steps").values()
            asking = (not isinstance(each, Mapping) or _may_ask(each, tools) for each in inner)
            return not inner or any(asking)
        case _:
            return True


def lost(loaded: Loaded, path: Path, problem: str, mend: str = "") -> Flaw:
    """A key that cannot stand where it does."""
    diagnostic = loaded.diagnostic(
        loaded.key_mark(path),
        f'"{path[-1]}" {problem}',
        "wrong-combination",
        mend=mend or "leave it out",
        length=len(str(path[-1])),
    )
    return Flaw(path, diagnostic)
