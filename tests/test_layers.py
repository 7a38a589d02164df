"""The layout held as a table: who may import whom, and the size and form of every module."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "flowrun"

LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "errors",
        "dataclass",
        "digest",
        "masking",
        "settings",
        "scripted",
        "serving",
        "config",
        "folder",
        "plugins",
    ),
    ("chat", "document"),
    (
        *("providers", "proofs", "run.events"),
        *(f"document.{name}" for name in ("check", "plan", "families", "effects")),
    ),
    ("chat.converse", "providers.router"),
    ("run", "store", "tools"),
    ("gateway", "run.batch", "run.engines", "reports"),
    ("api",),
    ("gateway.pipelines",),
    ("cli", "__main__"),
    ("__init__",),
)
"""Lowest first; a module belongs to the longest name that it begins with. Imports go down or
stay in their layer, where they may not form a ring; nothing imports the package root. What is
imported for its type alone is free of both: tasks hold plans, and plans hold tasks."""

FORBIDDEN: tuple[tuple[str, str], ...] = (
    ("document", "providers"),
    ("document", "store"),
    ("document", "run"),
    ("chat", "document"),
    ("store", "run"),
    ("gateway", "document"),
    ("gateway", "run"),
    ("reports", "store"),
)
"""The first never imports the second, whatever the layers would allow."""

JINJA = tuple(
    f"document.{name}"
    for name in (
        *("templates", "sandbox", "filters", "jinja_filters", "syntax", "refusals", "positions"),
        *("expressions", "narrowing", "paths", "printing", "scope", "infer", "references"),
        *("compiling", "direct", "functions", "library", "parsing", "route_uses"),
    )
)
"""Everything that reads templates."""

SPEC = tuple(f"document.{name}" for name in ("spec", "spec_chat", "spec_tools", "spec_values"))
"""The language as models."""

PYTHON_TOOLS = ("tools.python_arguments", "tools.python_results")

IMPORTERS: dict[str, tuple[str, ...]] = {
    "yaml": ("document.source",),
    "jinja2": JINJA,
    "markupsafe": JINJA,
    "re2": ("document.patterns",),
    "networkx": ("document.plan",),
    "pydantic": (*SPEC, "document.structure", "tools.mcp_server", *PYTHON_TOOLS),
    "pydantic_core": (*SPEC, *PYTHON_TOOLS),
    "jsonschema_rs": ("chat.schema",),
    "httpx2": (
        "providers.http",
        "providers.narrow",
        "providers.wide",
        "tools.http",
        "tools.mcp_http",
        "tools.web",
    ),
    "httpcore2": ("providers.narrow", "tools.web"),
    "aiohappyeyeballs": ("providers.narrow",),
    "aiohttp": ("providers.wide",),
    "yarl": ("providers.wide",),
    "mcp": ("tools.mcp_http", "tools.mcp_server", "tools.mcp_stdio"),
    "mcp_types": ("tools.mcp_results", "tools.mcp_server", "tools.mcp_stdio"),
    "anyio": ("tools.mcp_stdio",),
    "xllamacpp": ("providers.llama",),
    "PIL": ("providers.drawing",),
    "sqlite3": ("store.sqlite", "gateway.sqlite"),
    "psycopg": ("gateway.postgres",),
    "starlette": ("gateway.app", "gateway.stream"),
    "uvicorn": ("gateway.server",),
    "prometheus_client": ("gateway.metrics",),
    "genai_prices": ("providers.prices",),
    "rich": ("reports.console", "cli"),
    "click": ("cli",),
}
"""Who may import what is costly or not ours; a library that is not here may not be imported."""

LATE: dict[tuple[str, str], str] = {
    ("proofs", "document.structure"): "a file that was checked before goes without pydantic",
    ("proofs", "document.plan"): "a file that was checked before goes without networkx",
    ("proofs", "document.typecheck"): "a file that was checked before goes without its types",
    ("document.check", "document.tool_reader"): "most files have no tools",
    ("document.patterns", "re2"): "only who uses patterns needs it",
    ("chat.schema", "jsonschema_rs"): "only runs that ask for JSON need it",
    ("config", "serving"): "only the gateway is configured with it",
    ("config", "tomllib"): "many pipelines have no flowrun.toml",
    ("gateway.ledger", "gateway.postgres"): "the client of PostgreSQL belongs to an extra",
    ("document.plan", "networkx"): "only a cycle needs it, to be shown",
    ("providers.http", "providers.wide"): "aiohttp costs more than a small run",
    ("providers.http", "providers.narrow"): "a wide run has no need of the pool",
    ("providers.local", "providers.llama"): "the engine belongs to an extra",
    ("providers.placeholder", "providers.drawing"): "pillow belongs to an extra",
    ("providers.router", "serving"): "only the rule of auto asks for it",
    ("providers.router", "providers.auto"): "few projects have more than one model to choose from",
    ("providers.facts", "providers.listing"): "few projects have kept a list of models",
    ("providers.facts", "providers.prices"): "the list of prices is large",
    ("run.ask", "run.judging"): "few steps leave the choice of a model to a rule",
    ("providers.stacks", "providers.http"): "only a provider that is asked is imported",
    ("providers.dialects", "providers.openai"): "only a provider that is asked is imported",
    ("providers.dialects", "providers.openai_images"): "few runs draw",
    ("providers.dialects", "providers.anthropic"): "only a provider that is asked is imported",
    ("providers.dialects", "providers.gemini"): "only a provider that is asked is imported",
    ("providers.stacks", "providers.local"): "only a provider that is asked is imported",
    ("providers.stacks", "providers.weights"): "only a provider that is asked is imported",
    ("providers.stacks", "providers.placeholder"): "only a provider that is asked is imported",
    ("providers.stacks", "providers.fake"): "only a provider that is asked is imported",
    ("tools.toolbox", "tools.python"): "only a kind of tool that is used is imported",
    ("tools.toolbox", "tools.http"): "only a kind of tool that is used is imported",
    ("tools.toolbox", "tools.web"): "only a kind of tool that is used is imported",
    ("tools.toolbox", "tools.shell"): "only a kind of tool that is used is imported",
    ("tools.toolbox", "tools.mcp"): "mcp belongs to an extra, and costs more than a small run",
}
"""Imports inside functions outside `cli` and `plugins`, each with its reason."""

UNMIRRORED: dict[str, str] = {
    "providers.base": "protocols and rows of data",
    "providers.engine": "a protocol",
    "providers.resolved": "a row of facts, tested through router",
    "providers.ways": "protocols",
    "providers.anthropic_blocks": "the blocks of anthropic_events, tested through it",
    "providers.anthropic_models": "rows of data, tested through anthropic_options",
    "providers.anthropic_usage": "the usage of anthropic_events, tested through it",
    "providers.gemini_models": "rows of data, tested through gemini_options",
    "providers.gemini_parts": "the parts of gemini_events, tested through it",
    "providers.gemini_usage": "the usage of gemini_events, tested through it",
    "gateway.base": "protocols and rows of data",
    "gateway.accounts": "SQL of the ledger, tested through it on both databases",
    "gateway.database": "a protocol, and the ledger's tables",
    "gateway.entries": "SQL of the ledger, tested through it on both databases",
    "gateway.holds": "SQL of the ledger, tested through it on both databases",
    "store.base": "a protocol",
    "tools.base": "a protocol and a row of facts",
    "reports.base": "a protocol",
    "run.demands": "expect of ask and perform, tested through them",
    "run.places": "the slots of ask, tested through it",
    "document.expressions": "the body of infer, tested through it",
    "document.python_classes": "the classes of python_source, tested through it",
    "document.python_names": "the names of python_source, tested through it",
    "document.python_types": "the annotations of python_source, tested through it",
    "document.names": "the scopes of infer, tested through it",
    "document.ask_slots": "the requests of typecheck, tested through it",
    "document.parts": "a row of data",
    "document.route_uses": "what handled asks of templates, tested through it",
    "document.slot_types": "the templates of typecheck, tested through it",
    "document.task_types": "the types of typecheck, tested through it",
    "document.refusals": "wordings of tree and source, tested whole there",
}
"""Modules that need no test file of their own."""

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 40


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement of one module; names of ours are without `flowrun.`."""

    importer: str
    imported: str
    line: int
    is_ours: bool
    is_late: bool
    is_typing: bool

    def __str__(self) -> str:
        path = PACKAGE.joinpath(*self.importer.split("."))
        return f"{path.relative_to(ROOT)}.py:{self.line}: imports {self.imported}"


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1]) if len(parts) > 1 and parts[-1] == "__init__" else ".".join(parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def imports() -> tuple[Import, ...]:
    return tuple(each for name, path in MODULES.items() for each in _imports_of(name, path))


def _imports_of(name: str, path: Path) -> list[Import]:
    tree = ast.parse(path.read_text("utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    late = {id(inner) for function in functions for inner in ast.walk(function)}
    blocks = [n for n in ast.walk(tree) if isinstance(n, ast.If) and _is_typing(n.test)]
    typing = {id(inner) for block in blocks for inner in ast.walk(block)}
    found = []
    for node in ast.walk(tree):
        where = (id(node) in late, id(node) in typing)
        for imported in _imported(node):
            is_ours = imported.split(".")[0] == "flowrun"
            plain = imported.removeprefix("flowrun").removeprefix(".") if is_ours else imported
            line = getattr(node, "lineno", 0)
            found.append(Import(name, plain or "__init__", line, is_ours, *where))
    return found


def _is_typing(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, "imports are absolute"
    module = str(node.module)
    if module.split(".")[0] != "flowrun":
        return [module]
    dotted = [f"{module}.{alias.name}" for alias in node.names]
    return [each if each.removeprefix("flowrun.") in MODULES else module for each in dotted]


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def layer_of(name: str) -> int:
    fits = [(len(room), level) for level, row in enumerate(LAYERS) for room in row
            if within(name, room)]  # fmt: skip
    assert fits, f"{name} stands in no layer: enter it in LAYERS"
    return max(fits)[1]


def test_every_module_stands_in_a_layer() -> None:
    assert [layer_of(name) for name in MODULES]


def test_imports_go_down_only() -> None:
    ours = [each for each in imports() if each.is_ours and not each.is_typing]
    up = [str(each) for each in ours if layer_of(each.imported) > layer_of(each.importer)]
    assert up == []


def test_nothing_imports_the_package_root() -> None:
    ours = [each for each in imports() if each.is_ours and layer_of(each.importer) < len(LAYERS)]
    assert [str(each) for each in ours if each.imported == "__init__"] == []


def test_modules_form_no_ring() -> None:
    graph: nx.DiGraph[str] = nx.DiGraph(
        (each.importer, each.imported) for each in imports() if each.is_ours and not each.is_typing
    )
    assert list(nx.simple_cycles(graph)) == []


MEETING = "gateway.pipelines"
"""The one file in which the gateway meets pipelines."""


@pytest.mark.parametrize(("importer", "imported"), FORBIDDEN)
def test_rooms_that_do_not_know_each_other(importer: str, imported: str) -> None:
    found = [
        str(each)
        for each in imports()
        if each.is_ours
        and each.importer != MEETING
        and within(each.importer, importer)
        and within(each.imported, imported)
    ]
    assert found == []


def test_each_library_has_its_importers() -> None:
    wrong = []
    for each in imports():
        library = each.imported.split(".")[0]
        if (
            each.is_ours
            or each.is_typing
            or (library in sys.stdlib_module_names and library not in IMPORTERS)
        ):
            continue
        if not any(within(each.importer, room) for room in IMPORTERS.get(library, ())):
            wrong.append(str(each))
    assert wrong == []


def test_imports_inside_functions_have_a_reason() -> None:
    late = {
        (each.importer, each.imported)
        for each in imports()
        if each.is_late and not within(each.importer, "cli") and each.importer != "plugins"
    }
    assert late == set(LATE)


@pytest.mark.parametrize("folder", ["flowrun", "tests", "benchmarks"])
def test_files_are_short(folder: str) -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {path: size for path, size in sizes.items() if size > LINES_OF_A_FILE} == {}


def test_functions_are_short() -> None:
    long = []
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > LINES_OF_A_FUNCTION:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {size}")
    assert long == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_named_in_one_sentence(name: str) -> None:
    docstring = ast.get_docstring(ast.parse(MODULES[name].read_text("utf-8"))) or ""
    first = docstring.split("\n")[0]
    assert first.endswith((".", "?"))
    assert ". " not in first


def test_each_module_has_its_test_file() -> None:
    missing = []
    for name, path in MODULES.items():
        if path.stem in ("__init__", "__main__") or name in UNMIRRORED:
            continue
        mirror = ROOT / "tests" / path.relative_to(PACKAGE).parent / f"test_{path.stem}.py"
        if not mirror.exists():
            missing.append(str(mirror.relative_to(ROOT)))
    assert missing == []


def test_the_tables_name_only_what_there_is() -> None:
    assert [name for name in UNMIRRORED if name not in MODULES] == []
