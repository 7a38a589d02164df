"""What a run of a file would run or reach, as people read it, and what `--no-exec` refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from flowrun.api import read_source
from flowrun.document.effects import Effect, effects
from flowrun.document.plan import Plan
from flowrun.document.tool import McpServer
from flowrun.errors import Diagnostic, UsageError, did_you_mean
from flowrun.reports.text import cell_width, fit, one_line

_WHAT_AT_MOST = 60


def listed(plan: Plan) -> list[str]:
    """A line for each tool that a step uses: what is run or reached, and for which tool."""
    used = [each for each in effects(plan) if each.is_used]
    whats = [one_line(_what(each)) for each in used]
    width = min(max(map(cell_width, whats), default=0), _WHAT_AT_MOST)
    found = []
    for each, what in zip(used, whats, strict=True):
        shown = fit(what, width) if cell_width(what) <= width else what
        tool = f'tool "{each.tool}"' + (f" of {each.origin}" if each.origin != plan.path else "")
        given = f", gets {', '.join(each.env)}" if each.env else ""
        found.append(f"{_verb(each):<7} {shown}  {one_line(tool + given)}")
    return found


def refusals(plan: Plan) -> tuple[Diagnostic, ...]:
    """A fault for each tool that a step uses and that runs code on this machine."""
    return tuple(_refusal(each) for each in effects(plan) if each.is_used and each.runs_code)


def require_tools(plan: Plan, names: Collection[str]) -> None:
    """Sees that tools are called so, in the file or in one that it uses. Raises: UsageError."""
    known = list(dict.fromkeys(_names(plan)))
    for name in names:
        server = name.partition(".")[0]
        if name not in known and f"{server}." not in known:
            shown = [each for each in known if not each.endswith(".")]
            mend = did_you_mean(name, shown)
            if not mend:
                mend = f"tools: {', '.join(shown)}" if shown else "the file has no tools"
            raise UsageError(f'"--redo {name}": no tool is called "{name}"; {mend}')


def _names(plan: Plan) -> Iterator[str]:
    """The names of all tools; that of a server's own tools begins with the server's and a dot."""
    for each in plan.plans():
        for tool in each.tools:
            yield tool.name
            if isinstance(tool.action, McpServer):
                yield f"{tool.name}."


def _verb(effect: Effect) -> str:
    match effect.kind:
        case "http":
            return "fetches" if effect.what.startswith("GET ") else "sends"
        case "mcp":
            return "starts" if effect.runs_code else "reaches"
        case _:
            return "runs"


def _what(effect: Effect) -> str:
    if effect.kind == "python":
        return f"python {effect.what}"
    return effect.what.removeprefix("GET ") if effect.kind == "http" else effect.what


def _refusal(effect: Effect) -> Diagnostic:
    doing = {"python": "runs Python code", "mcp": "starts a server"}.get(
        effect.kind, "runs a program"
    )
    loaded = read_source(effect.origin)
    return loaded.diagnostic(
        loaded.key_mark(("tools", effect.tool)),
        f'tool "{effect.tool}" {doing} on this machine: {effect.what}',
        "no-exec",
        why="--no-exec allows no tool that does",
        mend="read what it runs, then leave --no-exec out",
        length=len(effect.tool),
    )
