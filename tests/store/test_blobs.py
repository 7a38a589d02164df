from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from flowrun.errors import StoreError
from flowrun.store.blobs import Blobs, verify

DATA = b"a picture, say"
NAME = hashlib.sha256(DATA).hexdigest()


def place(state: Path) -> Path:
    return state / "blobs" / NAME[:2] / NAME[2:]


def silent(message: str) -> None:
    raise AssertionError(message)


def test_a_blob_is_a_private_file_named_by_its_digest(tmp_path: Path) -> None:
    Blobs(tmp_path / "s", silent).keep(NAME, DATA)
    path = place(tmp_path / "s")
    assert path.read_bytes() == DATA
    assert path.stat().st_mode & 0o777 == 0o600
    assert {each.stat().st_mode & 0o777 for each in path.parents[:3]} == {0o700}
    assert list((tmp_path / "s" / "blobs" / "tmp").iterdir()) == []


def test_reading_makes_nothing(tmp_path: Path) -> None:
    assert Blobs(tmp_path / "s", silent).read(NAME) is None
    assert not (tmp_path / "s").exists()


def test_a_blob_that_is_there_is_left_alone(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path, silent)
    blobs.keep(NAME, DATA)
    before = place(tmp_path).stat()
    blobs.keep(NAME, DATA)
    Blobs(tmp_path, silent).keep(NAME, DATA)
    assert place(tmp_path).stat() == before


@pytest.mark.parametrize("damage", [b"", DATA[:-1], DATA + b"!"], ids=["empty", "cut", "grown"])
def test_a_blob_of_another_size_is_written_again(tmp_path: Path, damage: bytes) -> None:
    blobs = Blobs(tmp_path, silent)
    blobs.keep(NAME, DATA)
    place(tmp_path).write_bytes(damage)
    blobs.keep(NAME, DATA)
    assert blobs.read(NAME) == DATA


@pytest.mark.parametrize("damage", [b"", DATA[:-1], b"A" + DATA[1:]], ids=["empty", "cut", "flip"])
def test_a_damaged_blob_is_removed_and_told(tmp_path: Path, damage: bytes) -> None:
    told: list[str] = []
    blobs = Blobs(tmp_path, told.append)
    blobs.keep(NAME, DATA)
    place(tmp_path).write_bytes(damage)
    assert blobs.read(NAME) is None
    assert blobs.read(NAME) is None
    assert told == [
        f'"{place(tmp_path)}" was damaged: it is removed, and what it held is asked for again'
    ]
    blobs.keep(NAME, DATA)
    assert blobs.read(NAME) == DATA


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    Blobs(tmp_path, silent).keep(NAME, DATA)
    left = tmp_path / "blobs" / "tmp" / "0123456789abcdef"
    left.write_bytes(b"half a pict")
    other = b"another"
    Blobs(tmp_path, silent).keep(hashlib.sha256(other).hexdigest(), other)
    assert not left.exists()


def test_folders_that_vanish_are_made_again(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "s", silent)
    blobs.keep(NAME, DATA)
    (tmp_path / "s").rename(tmp_path / "elsewhere")
    blobs.keep(NAME, DATA)
    assert blobs.read(NAME) == DATA


def test_a_folder_removed_again_and_again_ends_in_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanished(_path: Path, _target: Path) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "replace", vanished)
    with pytest.raises(StoreError) as caught:
        Blobs(tmp_path, silent).keep(NAME, DATA)
    assert str(caught.value) == (
        f'cannot keep "{place(tmp_path)}": its folder is removed again and again'
    )
    assert list((tmp_path / "blobs" / "tmp").iterdir()) == []


def test_a_file_in_the_way_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "blobs").touch()
    with pytest.raises(StoreError) as caught:
        Blobs(tmp_path, silent).keep(NAME, DATA)
    assert str(caught.value) == f'cannot keep "{place(tmp_path)}": Not a directory'
    assert Blobs(tmp_path, silent).read(NAME) is None


def test_a_folder_in_the_blobs_place_is_an_error_and_leaves_no_temporary(tmp_path: Path) -> None:
    place(tmp_path).mkdir(parents=True)
    with pytest.raises(StoreError) as caught:
        Blobs(tmp_path, silent).keep(NAME, DATA)
    assert str(caught.value) == f'cannot keep "{place(tmp_path)}": Is a directory'
    assert list((tmp_path / "blobs" / "tmp").iterdir()) == []
    with pytest.raises(StoreError) as caught:
        Blobs(tmp_path, silent).read(NAME)
    assert str(caught.value) == f'cannot read "{place(tmp_path)}": Is a directory'


def test_verify_holds_bytes_to_their_digest() -> None:
    verify(NAME, DATA)
    with pytest.raises(ValueError, match="is not the digest of these 3 bytes"):
        verify(NAME, b"abc")
