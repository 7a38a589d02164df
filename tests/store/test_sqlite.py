"""See test_base for what it shares with every store, and test_damage and test_crash beside this."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from flowrun.errors import StoreError
from flowrun.store.sqlite import SqliteStore

PICTURE = b"a picture, say"
NAME = hashlib.sha256(PICTURE).hexdigest()


def database(state: Path) -> Path:
    return state / "store" / "answers.sqlite3"


def test_answers_outlive_the_process_that_asked(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        store.put("a", {"text": "one"}, {NAME: PICTURE})
    with closing(SqliteStore(tmp_path)) as store:
        assert store.get("a") == {"text": "one"}
        assert store.blob(NAME) == PICTURE


def test_an_answer_is_seen_by_others_while_the_store_is_open(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as first, closing(SqliteStore(tmp_path)) as second:
        assert second.get("a") is None
        first.put("a", {"text": "one"})
        assert second.get("a") == {"text": "one"}


def test_nothing_is_on_disk_before_the_first_put(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / ".flowrun")
    assert store.get("a") is None
    assert store.blob(NAME) is None
    store.close()
    assert not (tmp_path / ".flowrun").exists()


def test_a_store_opens_again_after_it_was_closed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.put("a", {"text": "one"})
    store.close()
    assert store.get("a") == {"text": "one"}
    store.close()


def test_what_it_writes_is_private_and_ignored_by_git(tmp_path: Path) -> None:
    state = tmp_path / ".flowrun"
    with closing(SqliteStore(state)) as store:
        store.put("a", {"text": "one"}, {NAME: PICTURE})
        modes = {
            str(each.relative_to(tmp_path)): oct(each.stat().st_mode & 0o777)
            for each in [state, *state.rglob("*")]
        }
    assert modes == {
        ".flowrun": "0o700",
        ".flowrun/.gitignore": "0o600",
        ".flowrun/blobs": "0o700",
        ".flowrun/blobs/tmp": "0o700",
        f".flowrun/blobs/{NAME[:2]}": "0o700",
        f".flowrun/blobs/{NAME[:2]}/{NAME[2:]}": "0o600",
        ".flowrun/store": "0o700",
        ".flowrun/store/answers.sqlite3": "0o600",
        ".flowrun/store/answers.sqlite3-shm": "0o600",
        ".flowrun/store/answers.sqlite3-wal": "0o600",
    }


def test_a_newer_format_is_refused_in_one_line(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        store.put("a", {"text": "one"})
    with closing(sqlite3.connect(database(tmp_path))) as connection:
        connection.execute("PRAGMA user_version = 2")
    message = (
        f'"{database(tmp_path)}" has format 2, and this flowrun knows 1: '
        "use a newer flowrun, or remove it"
    )
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreError) as caught:
        store.get("a")
    assert str(caught.value) == message
    with pytest.raises(StoreError) as caught:
        store.put("a", {"text": "two"})
    assert str(caught.value) == message


def test_a_database_left_empty_by_a_kill_is_completed(tmp_path: Path) -> None:
    database(tmp_path).parent.mkdir()
    database(tmp_path).touch()
    with closing(SqliteStore(tmp_path)) as store:
        assert store.get("a") is None
        store.put("a", {"text": "one"})
        assert store.get("a") == {"text": "one"}


def test_a_writer_that_does_not_end_is_waited_for_and_then_named(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path, patience_s=0.05)) as store:
        store.put("a", {"text": "one"})
        with closing(sqlite3.connect(database(tmp_path), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError) as caught:
                store.put("b", {"text": "two"})
            assert store.get("a") == {"text": "one"}
        assert str(caught.value) == f'"{database(tmp_path)}" was in use elsewhere for 0.05 s'
        store.put("b", {"text": "two"})


def test_a_writer_that_holds_a_new_database_is_waited_for_and_then_named(tmp_path: Path) -> None:
    database(tmp_path).parent.mkdir()
    with closing(sqlite3.connect(database(tmp_path), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"was in use elsewhere for 0\.05 s$"):
            SqliteStore(tmp_path, patience_s=0.05).put("a", {"text": "one"})


@pytest.mark.parametrize("state", ["file", "file/.flowrun"])
def test_a_file_in_the_folders_place_is_named(tmp_path: Path, state: str) -> None:
    (tmp_path / "file").touch()
    store = SqliteStore(tmp_path / state)
    assert store.get("a") is None
    assert store.blob(NAME) is None
    with pytest.raises(StoreError) as caught:
        store.put("a", {"text": "one"})
    why = "File exists" if state == "file" else "Not a directory"
    assert str(caught.value) == f'"{database(tmp_path / state)}" cannot be used: {why}'


def test_a_folder_in_the_databases_place_is_named(tmp_path: Path) -> None:
    database(tmp_path).mkdir(parents=True)
    store = SqliteStore(tmp_path)
    message = f'"{database(tmp_path)}" cannot be used: unable to open database file'
    with pytest.raises(StoreError) as caught:
        store.get("a")
    assert str(caught.value) == message
    with pytest.raises(StoreError) as caught:
        store.put("a", {"text": "one"})
    assert str(caught.value) == message


def test_a_path_that_the_disk_refuses_is_named(tmp_path: Path) -> None:
    state = tmp_path / ("x" * 300)
    store = SqliteStore(state)
    with pytest.raises(StoreError) as caught:
        store.get("a")
    assert str(caught.value) == f'"{database(state)}" cannot be used: File name too long'


def test_a_read_only_database_gives_its_answers_and_refuses_new_ones(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        store.put("a", {"text": "one"})
    # The header's own word, as file modes do not hold back the superuser.
    data = bytearray(database(tmp_path).read_bytes())
    data[18] = 3
    database(tmp_path).write_bytes(data)
    with closing(SqliteStore(tmp_path)) as store:
        assert store.get("a") == {"text": "one"}
        with pytest.raises(StoreError) as caught:
            store.put("b", {"text": "two"})
    assert str(caught.value) == (
        f'"{database(tmp_path)}" cannot be used: attempt to write a readonly database'
    )


FILL_THE_DISK = """
import hashlib, resource, sys
from pathlib import Path
from flowrun.errors import StoreError
from flowrun.store.sqlite import SqliteStore

resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
store, picture = SqliteStore(Path(sys.argv[1])), b"x" * 300_000
kept = 0
try:
    store.put("picture", {}, {hashlib.sha256(picture).hexdigest(): picture})
except StoreError as error:
    print(error)
try:
    for number in range(1000):
        store.put(f"key {number}", {"text": "y" * 1000})
        kept = number + 1
except StoreError as error:
    print(error)
assert store.get("picture") is None
assert all(store.get(f"key {number}") for number in range(kept)), kept
assert kept > 10, kept
"""


def test_a_full_disk_is_an_error_and_costs_nothing_that_was_kept(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, tmp_path], capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    refused, full = ended.stdout.splitlines()
    digest = hashlib.sha256(b"x" * 300_000).hexdigest()
    place = tmp_path / "blobs" / digest[:2] / digest[2:]
    assert refused == f'cannot keep "{place}": File too large'
    assert full.startswith(f'"{database(tmp_path)}" cannot be used: ')
    assert [each for each in (tmp_path / "blobs").rglob("*") if each.is_file()] == []
    with closing(SqliteStore(tmp_path)) as store:
        assert store.get("key 10") == {"text": "y" * 1000}
        store.put("more", {"text": "space again"})


CONTEND = """
import hashlib, sys
from pathlib import Path
from flowrun.store.sqlite import SqliteStore

state, me = Path(sys.argv[1]), sys.argv[2]
store = SqliteStore(state, warnings=print)
sys.stdin.readline()
for number in range(40):
    data = f"picture {number}".encode()
    digest = hashlib.sha256(data).hexdigest()
    store.put(f"{me} {number}", {"me": me, "number": number}, {digest: data})
    store.put(f"shared {number}", {"number": number})
    assert store.get(f"{me} {number}") == {"me": me, "number": number}
    assert store.blob(digest) == data
    if number % 10 == 9:
        store.close()
store.close()
"""


def test_eight_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    contenders = [
        subprocess.Popen(
            [sys.executable, "-c", CONTEND, tmp_path, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(8)
    ]
    for each in contenders:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    assert [each.communicate()[0] for each in contenders] == [""] * 8
    with closing(SqliteStore(tmp_path)) as store:
        for number in range(40):
            assert store.get(f"shared {number}") == {"number": number}
            for me in map(str, range(8)):
                assert store.get(f"{me} {number}") == {"me": me, "number": number}
    assert list((tmp_path / "blobs" / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "text", [b"[]", b"5", b"{{", b"[" * 100_000, b"\xff", b"null"],
    ids=["list", "number", "broken", "deep", "bytes", "null"],
)  # fmt: skip
def test_a_row_that_is_no_answer_is_a_miss_whatever_its_checksum(
    text: bytes, tmp_path: Path
) -> None:
    warnings: list[str] = []
    with closing(SqliteStore(tmp_path, warnings=warnings.append)) as store:
        store.put("a", {"text": "one"})
        with closing(sqlite3.connect(database(tmp_path))) as connection, connection:
            row = (text, hashlib.sha256(b"a\0" + text).digest())
            connection.execute("UPDATE answers SET answer = ?, checksum = ?", row)
        assert store.get("a") is None
        store.put("a", {"text": "two"})
        assert store.get("a") == {"text": "two"}
    assert len(warnings) == 1
    assert "a damaged answer was found" in warnings[0]
