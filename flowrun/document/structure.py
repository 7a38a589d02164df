"""Everything wrong with the form of a file: what pydantic finds, and what it cannot see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import ValidationError

from flowrun.digest import JsonValue
from flowrun.document.combinations import combination_flaws, name_flaws
from flowrun.document.complaints import KIND_ERRORS, Problem, explained, inside
from flowrun.document.inputs import input_flaws
from flowrun.document.outline import Flaw, step_path, without_free_keys
from flowrun.document.source import Loaded, Path
from flowrun.document.spec import Pipeline
from flowrun.document.tool_combinations import tool_flaws
from flowrun.document.vocabulary import KINDS
from flowrun.errors import did_you_mean


def flaws(loaded: Loaded) -> list[Flaw]:
    """Every fault of form, in the file's order."""
    data = without_free_keys(loaded.data)
    found = [
        *_pydantic_flaws(loaded, data),
        *name_flaws(loaded, data),
        *combination_flaws(loaded, data),
        *tool_flaws(loaded, data),
        *input_flaws(loaded, data),
    ]
    misspelt = {flaw.path[:-1] for flaw in found if flaw.path and _is_misspelt_kind(flaw)}
    found = [
        flaw for flaw in found if not (flaw.diagnostic.code == "no-kind" and flaw.path in misspelt)
    ]
    found.sort(key=lambda flaw: flaw.diagnostic.mark)
    return found


def _is_misspelt_kind(flaw: Flaw) -> bool:
    """Whether this is a key that was meant to say what the step does."""
    if not flaw.path or flaw.diagnostic.code != "unknown-key":
        return False
    is_of_step = step_path(flaw.path) == flaw.path[:-1]
    return is_of_step and bool(did_you_mean(str(flaw.path[-1]), KINDS))


def _pydantic_flaws(loaded: Loaded, data: dict[str, JsonValue]) -> Iterator[Flaw]:
    try:
        Pipeline.model_validate(data)
    except ValidationError as error:
        problems: dict[Path, list[Problem]] = {}
        for each in error.errors(include_url=False, include_input=False):
            path, branch = _path_in(data, each["loc"])
            context = each.get("ctx", {})
            problems.setdefault(path, []).append(Problem(each["type"], branch, context))
        inner = _inner_paths(problems)
        for path, found in problems.items():
            unknown = [
                str(each[-1])
                for each in inner.get(path, ())
                if problems[each][0].kind == "extra_forbidden"
            ]
            if telling := _telling(found, unknown, is_outer=path in inner):
                yield Flaw(path, explained(loaded, data, path, telling))


def _path_in(data: JsonValue, location: tuple[int | str, ...]) -> tuple[Path, str]:
    """The path in the data that a pydantic location means, and the last branch it names.

    A location also names the branches of unions, which the data does not have; a key that is
    missing or not allowed stands at its end.
    """
    path: Path = ()
    branch = ""
    here: JsonValue = data
    for part in location:
        if _holds(here, part):
            here = inside(here, part)
            path = (*path, part)
        else:
            branch = str(part)
    return path, branch


def _holds(data: JsonValue, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _inner_paths(problems: Iterable[Path]) -> Mapping[Path, Sequence[Path]]:
    """For each place the places of problems below it."""
    found: dict[Path, list[Path]] = {}
    for path in problems:
        for length in range(len(path)):
            found.setdefault(path[:length], []).append(path)
    return found


def _telling(
    found: Sequence[Problem], unknown: Sequence[str], *, is_outer: bool
) -> Sequence[Problem]:
    """The problems of a place that are no mere echo of a fault below.

    Such are the wrong kind of a union's other branch, and a missing key that is there misspelt.
    """
    told = [
        each for each in found if each.kind != "missing" or not did_you_mean(each.branch, unknown)
    ]
    is_of_kinds_only = all(each.kind in KIND_ERRORS for each in told)
    return () if is_outer and is_of_kinds_only else told
