"""What holds for every test: no network but the loopback, no keys, a home of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_LOOPBACK = {"127.0.0.1", "::1", "localhost", "", None}
_KEY_ENDINGS = ("_API_KEY", "_ACCESS_TOKEN", "_AUTH_TOKEN")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
_MODELS = Path(os.environ.get("FLOWRUN_MODELS") or _CACHE / "flowrun" / "models")
_PIP_CONFIG = Path.home() / ".config" / "pip" / "pip.conf"


class NetworkForbiddenError(AssertionError):
    """A test reached for something beyond the loopback."""


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Only the loopback answers; child processes, such as pip, are not held back."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    look_up = socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_beyond_loopback(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_beyond_loopback(self, address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in _LOOPBACK:
            raise NetworkForbiddenError(f'a test looked up "{name}"')
        return look_up(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


def _refuse_beyond_loopback(endpoint: socket.socket, address: Any) -> None:
    is_internet = endpoint.family in (socket.AF_INET, socket.AF_INET6)
    if is_internet and address[0] not in _LOOPBACK:
        raise NetworkForbiddenError(f'a test connected to "{address[0]}"')


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that nobody else uses; the embedded model's weights stay where they are."""
    home = tmp_path / "home"
    for name in list(os.environ):
        if name.endswith(_KEY_ENDINGS) or name.startswith("FLOWRUN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("FLOWRUN_MODELS", str(_MODELS))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    if "PIP_CONFIG_FILE" not in os.environ and _PIP_CONFIG.exists():
        monkeypatch.setenv("PIP_CONFIG_FILE", str(_PIP_CONFIG))
