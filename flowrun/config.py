"""What is configured: flowrun.toml, then the environment, which goes before it.

    [models]                       # presets and names of your own
    recommended = "openrouter/vendor/model"
    [endpoints.mine]               # a further provider, or changes to a known one
    dialect = "openai"             # what it speaks: "openai" (completions), "anthropic", "gemini"
    base_url = "https://llm.example.org/v1"
    key_env = "MINE_API_KEY"       # keys stand in the environment only, never here
    [prices."mine/model"]          # US dollars for a million tokens
    input = 0.25
    output = 2
    [run]
    concurrency = 16
    [tools]
    env = ["WEATHER_KEY"]          # variables of the environment that tools may be given
    private = ["127.0.0.1:8080", "wiki.intern"]  # what HTTP tools may reach, though not public
    [fake.greeter]                 # the model fake/greeter, which says these in turn
    replies = ["Hello.", "Goodbye."]
    [[fake.clerk.rules]]           # the model fake/clerk, by rule; a reply may call a tool
    contains = "refund"
    reply = {tool = "search", arguments = {query = "refunds"}}
    [[fake.clerk.rules]]
    after = "search"               # right after that tool's result
    reply = "Within thirty days."
    [serve]                        # and [credits], [auto]: see serving.py

The file is the one in the pipeline's folder or in the nearest folder above it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from flowrun import scripted
from flowrun.dataclass import dataclass
from flowrun.errors import UsageError
from flowrun.settings import Table

if TYPE_CHECKING:
    from flowrun.serving import Serving

NAME = "flowrun.toml"
CONCURRENCY = 16
_MOST_IN_FLIGHT = 4096
_LARGEST_BYTES = 2**20
ENVIRONMENT = {
    "FLOWRUN_CONCURRENCY": "how many calls may be under way at once",
    "FLOWRUN_OUT": "the folder of outputs",
    "FLOWRUN_STORE": "the folder of kept answers and records",
    "FLOWRUN_LEDGER": "where the accounts of flowrun serve are",
    "FLOWRUN_KEY_PEPPER": "what its keys are hashed with",
    "FLOWRUN_METRICS_TOKEN": "the bearer token of its /metrics",
}
"""The variables that go before the file, or have no place in it, and what each is."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = re.compile(r"(?:[^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_TIMEOUTS = ("connect", "idle", "total")
_CAPABILITIES = ("images_in", "images_out", "text_out", "json_schema", "json_object", "tools")
Dialect: TypeAlias = Literal["openai", "anthropic", "gemini"]
"""What an endpoint over HTTP may speak."""
_SERVING = ("serve", "credits", "auto")
_BEHIND_THE_BASE = ("/chat/completions", "/messages")
_BUCKETS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """A table `[endpoints.NAME]`; what is None or empty was not said.

    `models` are slugs that it serves, so that they can be named without it. `timeouts` holds
    seconds for `connect`, `idle` and `total`.
    """

    base_url: str | None = None
    dialect: Dialect | None = None
    models_url: str | None = None
    key_env: str | None = None
    max_in_flight: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    header_env: Mapping[str, str] = field(default_factory=dict)
    timeouts: Mapping[str, float] = field(default_factory=dict)
    capabilities: Mapping[str, bool] = field(default_factory=dict)
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """The table `[tools]`: what tools may have beyond what every one may.

    `env` are environment variables that a pipeline's tools may name. `private` are hosts, or
    host:port, that its HTTP tools may reach though their address is not a public one.
    """

    env: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that is configured; `path` is the file, None if there is none.

    `out` is where outputs are written, `state` where answers and records are kept. `prices`
    holds US dollars for a million tokens of each bucket. `serving` is None where the file says
    nothing of it. `variables` are the names of the
    environment variables that are set, never their values.
    """

    path: Path | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    endpoints: Mapping[str, EndpointSettings] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    fakes: Mapping[str, scripted.FakeSettings] = field(default_factory=dict)
    tools: ToolSettings = field(default_factory=ToolSettings)
    serving: Serving | None = None
    concurrency: int = CONCURRENCY
    out: Path = Path("out")
    state: Path = Path(".flowrun")
    variables: frozenset[str] = field(default_factory=frozenset, repr=False)


def load(folder: Path, environ: Mapping[str, str]) -> Config:
    """The configuration for pipelines in `folder`.

    Raises: UsageError with every fault of the file, or of the environment.
    """
    path = find(folder)
    config = Config() if path is None else read(_text(path), path)
    return _with_environment(config, environ)


def find(folder: Path) -> Path | None:
    """The flowrun.toml that holds in `folder`, None if there is none."""
    here = folder.resolve()
    for each in (here, *here.parents):
        if (each / NAME).is_file():
            return each / NAME
    return None


def read(text: str, path: Path) -> Config:
    """The text of a flowrun.toml. Raises: UsageError with every fault of it."""
    # Few projects have the file; without it the parser need not be loaded.
    import tomllib

    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: {error or 'is nested too deeply'}") from error
    faults: list[str] = []
    known = ("models", "endpoints", "prices", "run", "tools", "fake", *_SERVING)
    root = Table(data, "", faults, known=known)
    run = root.table("run", known=("concurrency", "out", "store"))
    config = Config(
        path=path,
        models=root.texts("models"),
        endpoints={name: _endpoint(each) for name, each in root.tables("endpoints", _ENDPOINT)},
        prices={name: _price(each) for name, each in root.tables("prices", _BUCKETS)},
        fakes={
            name: scripted.read_fake(each) for name, each in root.tables("fake", scripted.KNOWN)
        },
        tools=_tools(root.table("tools", known=("env", "private"))),
        serving=_serving(root),
        concurrency=run.whole("concurrency", 1, _MOST_IN_FLIGHT) or CONCURRENCY,
        out=path.parent / (_inner(run, "out") or "out"),
        state=path.parent / (_inner(run, "store") or ".flowrun"),
    )
    if faults:
        raise UsageError("\n".join(f"{path}: {each}" for each in faults))
    return config


def _serving(root: Table) -> Serving | None:
    if not any(root.value(name) is not None for name in _SERVING):
        return None
    # Imported here, for only `flowrun serve` has a use for it.
    from flowrun.serving import read_serving

    return read_serving(root)


def _inner(run: Table, name: str) -> str | None:
    """A folder below the file's own: a project that was fetched may not choose another place."""
    found = run.text(name)
    if found is not None and (Path(found).is_absolute() or ".." in Path(found).parts):
        variable = f"FLOWRUN_{name.upper()}"
        run.fault(f'{name} "{found}" leads out of this folder', mend=f"set {variable} instead")
    return found


_ENDPOINT = (
    *("base_url", "models_url", "key_env", "dialect", "max_in_flight", "headers", "header_env"),
    *("timeouts", "capabilities", "models"),
)


def _endpoint(table: Table) -> EndpointSettings:
    said = table.text("dialect")
    dialect = next((each for each in get_args(Dialect) if each == said), None)
    if said is not None and dialect is None:
        table.fault(
            f'dialect "{said}" is not known', mend=f"known are {', '.join(get_args(Dialect))}"
        )
    base_url = table.text("base_url")
    for end in _BEHIND_THE_BASE:
        if base_url is not None and base_url.rstrip("/").endswith(end):
            table.fault("base_url goes on too far", mend=f"it ends before {end}")
    timeouts = table.table("timeouts", known=_TIMEOUTS)
    capabilities = table.table("capabilities", known=_CAPABILITIES)
    return EndpointSettings(
        base_url=base_url,
        dialect=dialect,
        models_url=table.text("models_url"),
        key_env=table.text("key_env"),
        max_in_flight=table.whole("max_in_flight", 1, _MOST_IN_FLIGHT),
        headers=table.texts("headers"),
        header_env=table.texts("header_env"),
        timeouts={name: float(each) for name, each in timeouts.numbers(_TIMEOUTS, above=0)},
        capabilities=dict(capabilities.truths(_CAPABILITIES)),
        models=table.list_of_texts("models"),
    )


def _price(table: Table) -> Mapping[str, Decimal]:
    table.require("input", "output")
    return dict(table.numbers(_BUCKETS))


def _tools(table: Table) -> ToolSettings:
    found = ToolSettings(table.list_of_texts("env"), table.list_of_texts("private"))
    for name in found.env:
        if not _VARIABLE.fullmatch(name):
            table.fault(f'env: "{name}" is no name of an environment variable')
    for host in found.private:
        if not _HOST.fullmatch(host):
            wanted = 'write a host, or host:port, such as "wiki.intern" or "[::1]:8080"'
            table.fault(f'private: "{host}" is no host', mend=wanted)
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST_BYTES:
        raise UsageError(f"{path}: is larger than {_LARGEST_BYTES // 2**20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 at byte {error.start}") from error


def _with_environment(config: Config, environ: Mapping[str, str]) -> Config:
    said = {name: environ[name] for name in ENVIRONMENT if environ.get(name)}
    return replace(
        config,
        concurrency=_concurrency(said.get("FLOWRUN_CONCURRENCY", str(config.concurrency))),
        out=Path(said.get("FLOWRUN_OUT", config.out)),
        state=Path(said.get("FLOWRUN_STORE", config.state)),
        variables=frozenset(name for name, value in environ.items() if value),
    )


def _concurrency(said: str) -> int:
    is_number = said.isascii() and said.isdigit() and len(said) <= 4
    if not is_number or not 1 <= int(said) <= _MOST_IN_FLIGHT:
        wanted = f"a whole number from 1 to {_MOST_IN_FLIGHT}"
        raise UsageError(f'FLOWRUN_CONCURRENCY must be {wanted}, not "{said}"')
    return int(said)
