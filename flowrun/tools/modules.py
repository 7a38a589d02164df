"""Modules of a pipeline's folder, imported without a trace on the search path.

While a module of a folder is imported, or one of its functions runs, names are looked for in that
folder first, but for those of the standard library. Two folders may have modules of one name:
those of the folder that was used before are then set aside.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from flowrun.document.python_names import parsed

_HERE: ContextVar[str] = ContextVar("flowrun_folder", default="")
_MOST_FILES = 500


def load(folder: Path, module: str) -> ModuleType:
    """The module, from the folder if it is there; what it raises while it is imported goes on.

    A module of the folder that has changed since it was imported is imported anew.
    """
    finder = _finder()
    with finder.lock, inside(folder):
        importlib.invalidate_caches()
        finder.bring(str(folder))
        try:
            return importlib.import_module(module)
        finally:
            finder.note(str(folder))


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Lets imports find the modules of the folder, in this thread and in no other."""
    token = _HERE.set(str(folder))
    try:
        yield
    finally:
        _HERE.reset(token)


class Finder:
    """Finds top-level modules in the folder that is set for this thread."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # sys.modules is one for all folders
        self._found: dict[str, set[str]] = {}
        self._kept: dict[str, dict[str, tuple[ModuleType, bytes]]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What Python asks when it imports a name."""
        folder = _HERE.get()
        if not folder or path is not None or name in sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(name, [folder], target)
        if spec is None or (spec.origin is None and PathFinder.find_spec(name) is not None):
            return None  # a folder without __init__.py stands behind an installed package
        self._found.setdefault(folder, set()).add(name)
        return spec

    def bring(self, folder: str) -> None:
        """Makes the folder's modules the known ones, if they are as they were imported."""
        kept = self._kept.pop(folder, {})
        if any(_stamp(module) != stamp for module, stamp in kept.values()):
            for name in kept:
                sys.modules.pop(name, None)
            kept = {}
        for other in self._kept.values():
            for name, (module, _) in other.items():
                top = name.partition(".")[0]
                if sys.modules.get(name) is module and PathFinder.find_spec(top, [folder]):
                    del sys.modules[name]
        sys.modules.update({name: module for name, (module, _) in kept.items()})
        self._kept[folder] = kept

    def note(self, folder: str) -> None:
        """Remembers what has been imported from the folder."""
        found = self._found.get(folder, set())
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in found and name not in self._kept[folder]:
                self._kept[folder][name] = module, _stamp(module)


def _finder() -> Finder:
    """The one finder of this process, put before all others when it is first needed."""
    for each in sys.meta_path:
        if isinstance(each, Finder):
            return each
    found = Finder()
    sys.meta_path.insert(0, found)
    return found


def _stamp(module: ModuleType) -> bytes:
    return digest_of(Path(file)) if (file := getattr(module, "__file__", None)) else b""


def digest_of(path: Path) -> bytes:
    """The sha256 of a file, nothing if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b""


def sources(folder: Path, module: str) -> Mapping[str, str]:
    """The files of the folder that a module consists of, with the digest of each.

    It and what it imports, directly or not, read off without importing anything.
    """
    waiting, seen, found = [module], set[str](), dict[str, str]()
    while waiting and len(found) < _MOST_FILES:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += [name.rpartition(".")[0]] if "." in name else []
        path = file_of(folder, name)
        if path is not None:
            found[path.relative_to(folder).as_posix()] = digest_of(path).hex()
            waiting += _imported(path, name)
    return found


def file_of(folder: Path, module: str) -> Path | None:
    """Where the module's source stands in the folder, None if it is not there."""
    base = folder.joinpath(*module.split("."))
    for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
        if path.is_file():
            return path
    return None


def _imported(path: Path, module: str) -> Iterator[str]:
    try:
        tree = parsed(path.read_bytes())
    except (OSError, SyntaxError):
        return
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join((*parts, base)).strip(".")
            yield from (base, *(f"{base}.{each.name}" for each in node.names))
