"""Load and execute: what Python and the command line both call.

execute_async
├── load                config.load → source.load → check → Pipeline
├── inputs.bind         what is given, against the declared inputs
├── Outlet.check        paths that lead out are refused before anything is run
└── Execution.run       the schedule over one set of providers and tools, and one store
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import field
from pathlib import Path

from flowrun import config as configuration
from flowrun.config import Config
from flowrun.dataclass import dataclass
from flowrun.document.check import Checked, check
from flowrun.document.plan import Plan
from flowrun.document.source import Loaded
from flowrun.document.source import load as load_source
from flowrun.errors import Diagnostic, UsageError, did_you_mean
from flowrun.folder import Folder, file_name, read_regular
from flowrun.masking import Masker
from flowrun.proofs import FullProofs, Notes
from flowrun.providers.router import Providers, known_capabilities
from flowrun.reports.base import Reporter
from flowrun.run.ask import Asker
from flowrun.run.calls import Caller
from flowrun.run.events import Event
from flowrun.run.execution import Execution, RunResult
from flowrun.run.inputs import bind
from flowrun.run.outputs import Outlet
from flowrun.run.perform import Performer
from flowrun.run.subruns import SubRuns
from flowrun.run.unfinished import Unfinished, begin
from flowrun.store.base import Policy, Store
from flowrun.store.folder import prepare
from flowrun.store.memory import MemoryStore
from flowrun.store.sqlite import SqliteStore
from flowrun.tools.toolbox import Toolbox

_LIMIT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A checked file, ready to be executed; `warnings` are worth reading.

    `unnoted` is where its soundness is to be noted for later runs, None if it is.
    """

    plan: Plan
    folder: Folder
    config: Config
    warnings: tuple[Diagnostic, ...] = ()
    unnoted: Notes | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How a pipeline is executed.

    `concurrency` bounds calls under way, None takes the configuration's. `out` is the folder of
    output files. `cache` false neither reads nor keeps answers. `select` runs only these steps
    and what they need. `models` maps a step (`recipes.picture` inside another) to the model asked
    in its file's stead.
    `keep_going` tries every item of a foreach although one has failed. `may_execute` lets tools
    run code on this machine. `redo` names tools that may be called again although nobody knows
    whether an earlier call took effect. `is_watched` asks for streamed replies. `may_read` lets
    inputs name files; without it they are contents. `providers` are used, and left open, instead of
    the run's own. `report` hears the events; `on_start` is handed the execution, which can be
    stopped; `on_fetch`, in another thread, the bytes of the embedded model done and to come.
    """

    concurrency: int | None = None
    out: str | None = None
    cache: bool = True
    select: Sequence[str] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    keep_going: bool = False
    may_execute: bool = True
    redo: Sequence[str] = ()
    is_watched: bool = False
    may_read: bool = True
    providers: Providers | None = None
    report: Reporter | None = None
    on_start: Callable[[Execution], None] | None = None
    on_warning: Callable[[str], None] | None = None
    on_fetch: Callable[[int, int | None], None] | None = None
    run_id: str = ""


def load(path: str | Path, *, config: Config | None = None) -> Pipeline:
    """Reads and checks a pipeline file.

    Raises: PipelineError with every fault of the file; UsageError if there is no such file or
    flowrun.toml is wrong.
    """
    shown = str(path)
    config = config or configuration.load(Path(path).parent, os.environ)
    source = read_source(shown)
    folder = Folder(Path(path).resolve().parent)
    notes = Notes(config.state, source.text, folder.read_text)
    proofs = notes.known() or FullProofs()
    checked = check(
        source, read_file=notes.reading, proofs=proofs, models=known_capabilities(config)
    )
    is_new = isinstance(proofs, FullProofs) and not checked.diagnostics
    return Pipeline(
        checked.sound_plan(), folder, config, checked.diagnostics, notes if is_new else None
    )


def examine(path: str | Path) -> Checked:
    """Checks a pipeline file in full, whatever is known of it, and writes nothing.

    Raises: UsageError if there is no such file; PipelineError if it is not even YAML.
    """
    source = read_source(str(path))
    folder = Folder(Path(path).resolve().parent)
    config = configuration.load(Path(path).parent, os.environ)
    return check(
        source,
        read_file=folder.read_text,
        proofs=FullProofs(),
        models=known_capabilities(config),
    )


def read_source(path: str) -> Loaded:
    """The file's data with its places.

    Raises: UsageError if it cannot be read; PipelineError if it is no YAML that a pipeline can be.
    """
    if not path:
        raise UsageError('"" is no file name')
    return load_source(read_regular(Path(path), limit_bytes=_LIMIT_BYTES), path)


def execute(
    pipeline: str | Path | Pipeline,
    inputs: Mapping[str, object] | None = None,
    options: Options | None = None,
) -> RunResult:
    """Runs a pipeline to its end. See `execute_async`."""
    return asyncio.run(execute_async(pipeline, inputs, options))


async def execute_async(
    pipeline: str | Path | Pipeline,
    inputs: Mapping[str, object] | None = None,
    options: Options | None = None,
) -> RunResult:
    """Runs a pipeline to its end; a step's failure is in the result, never raised.

    `inputs` holds plain values, images (flowrun.Image) and, for inputs of type image or file,
    paths.

    Raises: PipelineError, UsageError before anything is sent.
    """
    options = options or Options()
    if not isinstance(pipeline, Pipeline):
        pipeline = load(pipeline)
    plan, config = pipeline.plan, pipeline.config
    if options.select:
        plan = plan.select(options.select)
    _check_overrides(plan, options.models)
    reading = {} if options.may_read else {"read_given": None}
    values = bind(plan.inputs, inputs or {}, read_default=_reader(pipeline.folder), **reading)
    outlet = Outlet(_out(plan, config, options), options.report or _ignore)
    outlet.check(plan, values)
    _make_state(pipeline)
    in_flight = options.concurrency or config.concurrency
    with _store(config, options) as store:
        async with (
            _providers(config, in_flight, options) as providers,
            _toolbox(pipeline, options, providers.masker) as toolbox,
        ):
            providers.require(constant_models(plan, options.models))
            unfinished = _unfinished(pipeline, values, store, options)
            means = _Means(pipeline.folder, options, in_flight, store, providers, toolbox)
            execution = means.execution(plan, values, outlet, unfinished.token)
            if options.on_start is not None:
                options.on_start(execution)
            result = await execution.run()
            if result.is_done:
                unfinished.close()
            return result


@dataclass(frozen=True, slots=True)
class _Means:
    """What one run works with; `folder` is its pipeline's."""

    folder: Folder
    options: Options
    in_flight: int
    store: Store
    providers: Providers
    toolbox: Toolbox

    def execution(
        self, plan: Plan, values: Mapping[str, object], outlet: Outlet, token: str
    ) -> Execution:
        """The run; `token` is its own, and that of the unfinished ones that it goes on from."""
        read_file, options = _reader(self.folder), self.options
        sub_runs = SubRuns(read_file)
        caller = self._caller(sub_runs, token)
        asker = self._asker(caller)
        execution = Execution(
            plan,
            values,
            Performer(asker, asker.emit, options.models, caller, read_file),
            outlet,
            keep_going=options.keep_going,
            run_id=options.run_id,
        )
        sub_runs.schedule = execution.schedule
        return execution

    def _caller(self, sub_runs: SubRuns, token: str) -> Caller:
        return Caller(
            self.toolbox,
            self.store,
            self._policy,
            self._emit,
            sub_runs=sub_runs,
            token=token,
            redo=frozenset(self.options.redo),
            masker=self._masker,
        )

    def _asker(self, caller: Caller) -> Asker:
        return Asker(
            models=self.providers,
            store=self.store,
            policy=self._policy,
            emit=self._emit,
            concurrency=self.in_flight,
            is_watched=self.options.is_watched,
            masker=self._masker,
            calls=caller,
        )

    @property
    def _policy(self) -> Policy:
        return Policy.USE if self.options.cache else Policy.OFF

    @property
    def _emit(self) -> Reporter:
        return self.options.report or _ignore

    @property
    def _masker(self) -> Masker | None:
        masker = self.providers.masker
        return masker if masker.has_secrets else None


@asynccontextmanager
async def _providers(config: Config, in_flight: int, options: Options) -> AsyncIterator[Providers]:
    """The run's own providers, closed at its end, or those that it was given."""
    if options.providers is not None:
        yield options.providers
        return
    async with Providers(config, in_flight=in_flight, progress=options.on_fetch) as providers:
        yield providers


def _toolbox(pipeline: Pipeline, options: Options, masker: Masker) -> Toolbox:
    return Toolbox(
        pipeline.folder,
        environ=os.environ,
        settings=pipeline.config.tools,
        may_execute=options.may_execute,
        masker=masker,
    )


def _unfinished(
    pipeline: Pipeline, values: Mapping[str, object], store: Store, options: Options
) -> Unfinished:
    """The run that this one goes on with, if there is one."""
    path = pipeline.folder.root.resolve() / Path(pipeline.plan.path).name
    return begin(pipeline.plan, str(path), values, store if options.cache else None)


def _base(config: Config) -> Path:
    """The project's own folder: that of flowrun.toml, or the current one."""
    return Path.cwd() if config.path is None else config.path.parent


def _out(plan: Plan, config: Config, options: Options) -> Folder:
    """The folder of the outputs; one that nobody named must not lead out of the project."""
    if options.out:
        return Folder(Path(options.out))
    folder = Folder(config.out / _folder_name(plan.name))
    folder.require_within(_base(config))
    return folder


def _make_state(pipeline: Pipeline) -> None:
    """Makes the folder in which answers, records and notes are kept, and notes what is sound."""
    config = pipeline.config
    Folder(config.state).require_within(_base(config))
    try:
        prepare(config.state)
    except OSError as error:
        raise UsageError(
            f'"{config.state}" cannot be made: {error.strerror}; '
            "name another folder in FLOWRUN_STORE"
        ) from error
    if pipeline.unnoted is not None:
        pipeline.unnoted.keep(pipeline.plan.orders())


def constant_models(plan: Plan, overrides: Mapping[str, str]) -> list[str]:
    """The models that are known before anything is run."""
    found: list[str] = []
    for way, ask in plan.asks():
        asked = (overrides.get(way, ask.model), *ask.fallback)
        found += [name for name in asked if isinstance(name, str)]
    return found


_PLAIN_NAME = re.compile(r"\w[\w .-]{0,78}\w|\w")


def _folder_name(pipeline: str) -> str:
    """The pipeline's name where it can be a folder's, else what stands for it."""
    return pipeline if _PLAIN_NAME.fullmatch(pipeline) else file_name(pipeline)


def _reader(folder: Folder) -> Callable[[str], bytes]:
    """Reads files under the pipeline's folder, for inputs whose default names one."""

    def read(name: str) -> bytes:
        return folder.read_bytes(name, limit_bytes=_LIMIT_BYTES)

    return read


def _ignore(_event: Event) -> None:
    """Hears nothing."""


def _check_overrides(plan: Plan, models: Mapping[str, str]) -> None:
    asking = [way for way, _ask in plan.asks()]
    for step in models:
        if step not in asking:
            mend = did_you_mean(step, asking) or f"steps that ask one: {', '.join(asking)}"
            raise UsageError(f'no step "{step}" asks a model; {mend}')


@contextmanager
def _store(config: Config, options: Options) -> Iterator[Store]:
    """The store under the state folder; one that forgets, where answers are not to be kept."""
    if options.cache:
        store: Store = SqliteStore(config.state, warnings=options.on_warning or _say_nothing)
    else:
        store = MemoryStore()
    try:
        yield store
    finally:
        store.close()


def _say_nothing(_text: str) -> None:
    """Takes a warning that nobody asked for."""
