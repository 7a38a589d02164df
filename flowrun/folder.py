"""Files that a pipeline may name: those under one folder, read whole and written whole."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from flowrun.dataclass import dataclass
from flowrun.errors import UsageError

LIMIT_BYTES = 16 * 1024 * 1024
"""How much of a file is read when nothing else is said."""


class FolderError(UsageError):
    """A file may not be touched, or cannot be; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that no name leads out of, whoever made up the name.

    Names are relative and separated by `/`. Links inside the folder are followed as long as
    they stay in it. Every method raises FolderError.
    """

    root: Path

    def resolve(self, name: str) -> Path:
        """The path that a name stands for, without links; nothing need be there yet."""
        return self._inside(name, self.root / _relative(name))

    def read_bytes(self, name: str, *, limit_bytes: int = LIMIT_BYTES) -> bytes:
        """The content of a regular file of at most `limit_bytes`."""
        path = self.resolve(name)
        with _reported(name), _opened(self._real_root(), path.parent) as folder:
            flags = _READ | os.O_NOFOLLOW
            return _read(os.open(path.name, flags, dir_fd=folder), limit_bytes, name)

    def read_text(self, name: str, *, limit_bytes: int = LIMIT_BYTES) -> str:
        """The same as text, which is UTF-8; a byte order mark is left out."""
        try:
            return self.read_bytes(name, limit_bytes=limit_bytes).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise FolderError(f"{_shown(name)} is not UTF-8 text") from error

    def require(self) -> None:
        """Sees, without making anything, that files can be put there."""
        above = (each for each in (self.root, *self.root.parents) if each.exists())
        found = next(above, self.root)
        if not found.is_dir():
            raise FolderError(f"{_shown(str(found))} is a file, and no folder for outputs")
        if not os.access(found, os.W_OK | os.X_OK):
            raise FolderError(f"the folder {_shown(str(found))} may not be written")

    def write(self, name: str, data: bytes, *, mode: int = 0o666) -> Path:
        """Puts a file there, whole or not at all, with the folders it needs.

        What is there already is replaced: a link itself, not what it leads to.
        """
        relative = _relative(name)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderError(
                f"the folder {_shown(str(self.root))} cannot be made: {_cause(error)}"
            ) from error
        parent = self._inside(name, self.root / relative.parent)
        with _reported(name), _opened(self._real_root(), parent, is_made=True) as folder:
            _write(relative.name, data, folder, mode)
        return parent / relative.name

    def sweep(self, name: str) -> None:
        """Removes what killed processes left half written beside `name`.

        It may hit a file that another process is writing right now, which then writes it again.
        """
        parent = self._inside(name, self.root / _relative(name).parent)
        with _reported(name), _opened(self._real_root(), parent) as folder:
            left_there = os.listdir(folder)  # noqa: PTH208 - a descriptor follows no link
            for left in filter(_TEMPORARY.fullmatch, left_there):
                with suppress(FileNotFoundError):
                    os.unlink(left, dir_fd=folder)

    def require_within(self, base: Path) -> None:
        """Sees that no link leads the folder itself out of `base`, if by its name it lies there."""
        here, top = Path(os.path.abspath(self.root)), Path(os.path.abspath(base))  # noqa: PTH100
        if here.is_relative_to(top) and not here.resolve().is_relative_to(top.resolve()):
            raise FolderError(
                f'the folder {_shown(str(self.root))} leads out of "{base}" by a link; '
                "name where it leads to, if that is what you want"
            )

    def _real_root(self) -> Path:
        return self.root.resolve()

    def _inside(self, name: str, path: Path) -> Path:
        try:
            found = path.resolve()
            is_inside = found.is_relative_to(self._real_root())
        except (OSError, RuntimeError) as error:
            raise FolderError(f"{_shown(name)}: {_cause(error)}") from error
        if not is_inside:
            raise FolderError(f'{_shown(name)} leads out of the folder "{self.root}" by a link')
        return found


def read_regular(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """The content of a regular file that the user named, wherever it is.

    A pipe or a device is refused at once, where reading it might never end.

    Raises: FolderError.
    """
    if "\0" in str(path):
        raise FolderError(f"{_shown(str(path))} is no file name: it holds a control character")
    with _reported(str(path)):
        return _read(os.open(path, _READ), limit_bytes, str(path))


def file_name(text: str) -> str:
    """A name for a file, safe in every folder of every system, and no other text's name.

    Small letters, digits, `-`, `_` and `.` stay as they are. Any other text becomes a slug with
    a digest behind it, so that names differ even where case and accents do not count. At most
    120 bytes.
    """
    is_safe = _SAFE.fullmatch(text) and not _TAKEN.match(text) and not _DIGESTED.search(text)
    if is_safe and len(text) <= _LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    slug = "-".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()))
    room = _LONGEST - len(digest) - 1
    slug = slug.encode(errors="ignore")[:room].decode(errors="ignore").strip("-_")
    return f"{slug}-{digest}" if slug else digest


_LONGEST = 120
_SAFE = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9_-])?")
# Names that Windows keeps for devices, whatever their ending.
_TAKEN = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")
_DIGESTED = re.compile(r"(?:^|-)[0-9a-f]{16}$")
_DRIVE = re.compile(r"[A-Za-z]:")
_TEMPORARY = re.compile(r"\.flowrun-[0-9a-f]{16}\.tmp")
_ATTEMPTS = 4
_MOST_PARTS = 32
_LONGEST_PATH = 1024
_READ = os.O_RDONLY | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_FOLDER = os.O_RDONLY | os.O_DIRECTORY


def _relative(name: str) -> PurePosixPath:
    """The name as a path, once it is plain that it stays below the folder."""
    problem = problem_of(name)
    if problem:
        raise FolderError(f"{_shown(name)} is no file name here: {problem}")
    return PurePosixPath(name)


def problem_of(name: str) -> str:
    """Why no folder takes the name, seen from the name alone; nothing if one may."""
    parts = name.split("/")
    rules = (
        (not name.strip(), "it is empty"),
        (_has_control_character(name), "it holds a control character"),
        ("\\" in name, 'it holds a backslash; folders are separated by "/"'),
        (name.startswith("/"), "it is absolute, and names start at the folder itself"),
        (_DRIVE.match(name), "it names a drive, and names start at the folder itself"),
        (".." in parts, 'it has "..", which leads out of the folder'),
        (parts[-1] in ("", "."), "it names a folder"),
        (len(parts) > _MOST_PARTS, f"it has more than {_MOST_PARTS} parts"),
        (len(name.encode(errors="replace")) > _LONGEST_PATH, "it is too long"),
        (_TEMPORARY.fullmatch(parts[-1]), "such names are for files that are being written"),
    )
    return next((problem for is_so, problem in rules if is_so), "")


def _has_control_character(name: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Cs") for char in name)


def _shown(name: str) -> str:
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in name[:200])
    return f'"{"".join(shown)}"'


@contextmanager
def _reported(name: str) -> Iterator[None]:
    """Turns what the system says into a FolderError about `name`."""
    try:
        yield
    except FileNotFoundError as error:
        raise FolderError(f"there is no file {_shown(name)}") from error
    except OSError as error:
        raise FolderError(f"{_shown(name)}: {_cause(error)}") from error


def _cause(error: OSError | RuntimeError) -> str:
    said = error.strerror if isinstance(error, OSError) else None
    return (said or str(error)).lower()


@contextmanager
def _opened(root: Path, folder: Path, *, is_made: bool = False) -> Iterator[int]:
    """A descriptor of a folder, reached from the root step by step without any link.

    The paths are resolved; a link that takes a folder's place afterwards is not followed.
    """
    at = os.open(root, _FOLDER)
    try:
        for part in folder.relative_to(root).parts:
            if is_made:
                _make(part, at)
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        yield at
    finally:
        os.close(at)


def _make(name: str, folder: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
        os.fsync(folder)


def _read(descriptor: int, limit_bytes: int, name: str) -> bytes:
    """Reads what was opened without waiting, and closes it."""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FolderError(f"{_shown(name)} is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit_bytes:
        size = max(status.st_size, len(data))
        raise FolderError(f"{_shown(name)} has {size:,} bytes; {limit_bytes:,} are allowed")
    return data


def _write(name: str, data: bytes, folder: int, mode: int) -> None:
    """Writes beside the name first, so that the name never stands for half a file."""
    for attempt in range(_ATTEMPTS):
        try:
            _publish(name, data, folder, mode)
            break
        except FileNotFoundError:
            # Somebody swept the folder meanwhile.
            if attempt == _ATTEMPTS - 1:
                raise
    os.fsync(folder)


def _publish(name: str, data: bytes, folder: int, mode: int) -> None:
    beside = f".flowrun-{secrets.token_hex(8)}.tmp"
    try:
        with os.fdopen(os.open(beside, _WRITE, mode, dir_fd=folder), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=folder)
