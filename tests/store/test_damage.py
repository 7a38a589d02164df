"""What a damaged database or blob may cost: answers are asked for again, and no more than that."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flowrun.digest import JsonValue
from flowrun.errors import StoreError
from flowrun.store.sqlite import SqliteStore

ANSWERS: dict[str, dict[str, JsonValue]] = {
    hashlib.sha256(str(number).encode()).hexdigest(): {"text": f"{number} " * (number * 9)}
    for number in range(60)
}
PICTURES = {hashlib.sha256(each).hexdigest(): each for each in (b"x" * 500, b"picture", b"")}
HEADER_BYTES = 100


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with answers in the database and, after those, in its log."""
    live, copy = tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("copy")
    keys = list(ANSWERS)
    with closing(SqliteStore(live)) as store:
        for key in keys[:40]:
            store.put(key, ANSWERS[key], PICTURES)
    with closing(SqliteStore(live)) as store:
        for key in keys[40:]:
            store.put(key, ANSWERS[key])
        shutil.copytree(live, copy, dirs_exist_ok=True)
    (copy / "store" / "answers.sqlite3-shm").unlink()
    return copy


def never_wrong(state: Path) -> list[str]:
    """Reads all; then keeps one more, or says why not. The warnings and the errors come back."""
    told: list[str] = []
    with closing(SqliteStore(state, warnings=told.append)) as store:
        for key, answer in ANSWERS.items():
            try:
                assert store.get(key) in (answer, None)
            except StoreError as error:
                told.append(str(error))
        for name, data in PICTURES.items():
            assert store.blob(name) in (data, None)
        try:
            store.put("new", {"text": "new"}, PICTURES)
            assert store.get("new") == {"text": "new"}
            assert [store.blob(name) for name in PICTURES] == list(PICTURES.values())
        except StoreError as error:
            told.append(str(error))
    return told


def test_the_sound_folder_tells_nothing(sound: Path, tmp_path: Path) -> None:
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    with closing(SqliteStore(tmp_path)) as store:
        assert all(store.get(key) == answer for key, answer in ANSWERS.items())
    assert never_wrong(tmp_path) == []


def damaged(sound: Path, state: Path, file: Path, data: bytes) -> list[str]:
    shutil.copytree(sound, state, dirs_exist_ok=True, copy_function=shutil.copyfile)
    (state / file.relative_to(sound)).write_bytes(data)
    return never_wrong(state)


def test_a_flipped_byte_gives_no_wrong_answer(sound: Path, tmp_path: Path) -> None:
    luck = random.Random(7)
    files = [each for each in sound.rglob("*") if each.is_file() and each.name != ".gitignore"]
    files = [each for each in files if each.stat().st_size]
    database = sound / "store" / "answers.sqlite3"
    places = [(database, offset) for offset in range(HEADER_BYTES)]
    for _ in range(200):
        file = luck.choice(files)
        places.append((file, luck.randrange(file.stat().st_size)))
    for number, (file, offset) in enumerate(places):
        data = bytearray(file.read_bytes())
        data[offset] ^= luck.randrange(1, 256)
        state = tmp_path / str(number)
        damaged(sound, state, file, bytes(data))
        shutil.rmtree(state)


def test_a_truncated_file_gives_no_wrong_answer(sound: Path, tmp_path: Path) -> None:
    luck = random.Random(11)
    for file in (sound / "store").iterdir():
        data = file.read_bytes()
        for cut in [0, 1, 99, 100, 4096, *(luck.randrange(len(data)) for _ in range(20))]:
            state = tmp_path / f"{file.name} {cut}"
            damaged(sound, state, file, data[:cut])
            shutil.rmtree(state)


def test_a_file_that_is_no_database_is_moved_aside_and_told(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    for number in (1, 2):
        (tmp_path / "store" / "answers.sqlite3").write_bytes(b"no database at all, " * 1000)
        aside = tmp_path / f"store.damaged-{number}"
        assert never_wrong(tmp_path) == [
            f'"{tmp_path / "store"}" is damaged (file is not a database): it is moved to '
            f'"{aside}", and what it held is asked for again'
        ]
        assert (aside / "answers.sqlite3").read_bytes()[:2] == b"no"


def test_an_answer_damaged_in_its_row_is_a_miss_and_told(sound: Path, tmp_path: Path) -> None:
    file = sound / "store" / "answers.sqlite3"
    key = list(ANSWERS)[20]
    whole = str(ANSWERS[key]["text"]).encode()
    data = file.read_bytes()
    assert whole in data
    told = damaged(sound, tmp_path, file, data.replace(whole, b"9" + whole[1:]))
    assert told == [
        f'"{tmp_path / "store" / "answers.sqlite3"}": a damaged answer was found, and is asked '
        "for again"
    ]
    with closing(SqliteStore(tmp_path)) as store:
        store.put(key, ANSWERS[key])
        assert store.get(key) == ANSWERS[key]


def test_damage_that_comes_while_the_store_is_open_costs_no_put(
    sound: Path, tmp_path: Path
) -> None:
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    told: list[str] = []
    with closing(SqliteStore(tmp_path, warnings=told.append)) as store:
        store.put("early", {"text": "early"})
        store.close()
        (tmp_path / "store" / "answers.sqlite3").write_bytes(b"gone" * 5000)
        store.put("late", {"text": "late"}, PICTURES)
        assert store.get("late") == {"text": "late"}
        assert store.get("early") is None
    assert len(told) == 1


def test_what_another_process_has_moved_aside_is_not_moved_twice(tmp_path: Path) -> None:
    told: list[str] = []
    table = tmp_path / "store" / "answers.sqlite3"
    with closing(SqliteStore(tmp_path, warnings=told.append)) as late:
        late.put("a", {"text": "one"})
        drop_the_table(table)
        with closing(SqliteStore(tmp_path)) as early:
            early.put("b", {"text": "two"})
            late.put("c", {"text": "three"})
            assert late.get("b") == {"text": "two"}
            assert early.get("c") == {"text": "three"}
    assert told == []
    assert sorted(each.name for each in tmp_path.glob("store*")) == ["store", "store.damaged-1"]


def test_a_folder_that_vanished_is_made_anew(tmp_path: Path) -> None:
    table = tmp_path / "store" / "answers.sqlite3"
    with closing(SqliteStore(tmp_path)) as store:
        store.put("a", {"text": "one"})
        drop_the_table(table)
        (tmp_path / "store").rename(tmp_path / "elsewhere")
        store.put("b", {"text": "two"})
        assert store.get("b") == {"text": "two"}


def test_damage_that_cannot_be_moved_aside_is_named(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        store.put("a", {"text": "one"})
        drop_the_table(tmp_path / "store" / "answers.sqlite3")
        (tmp_path / "store.damaged-1").symlink_to(tmp_path / "nowhere")
        with pytest.raises(StoreError) as caught:
            store.get("a")
    assert str(caught.value) == (
        f'"{tmp_path / "store"}" is damaged and cannot be moved aside: Not a directory'
    )


def test_damage_that_comes_back_at_once_is_named(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        store.put("a", {"text": "one"})
        path = tmp_path / "store" / "answers.sqlite3"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DROP TABLE answers")
            connection.execute("CREATE TABLE answers (other)")
        (tmp_path / "store.damaged-1").mkdir()
        (tmp_path / "store").rename(tmp_path / "kept")
        shutil.copytree(tmp_path / "kept", tmp_path / "store")
        with pytest.raises(StoreError) as caught:
            store.put("b", {"text": "two"})
    assert str(caught.value) == (f'"{path}" cannot be used: table answers has no column named key')


def drop_the_table(path: Path) -> None:
    """Damage of the schema, done by another connection."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE answers")
