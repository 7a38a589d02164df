from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.store.folder import make_private, prepare


def test_the_folder_is_private_and_ignored_by_git(tmp_path: Path) -> None:
    folder = tmp_path / "project" / ".flowrun"
    prepare(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    assert (folder / ".gitignore").stat().st_mode & 0o777 == 0o600


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*\n!keep\n")
    prepare(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*\n!keep\n"


def test_an_empty_gitignore_of_a_killed_process_is_filled(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").touch()
    prepare(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_a_folder_inside_is_private(tmp_path: Path) -> None:
    make_private(tmp_path / "runs")
    make_private(tmp_path / "runs")
    assert (tmp_path / "runs").stat().st_mode & 0o777 == 0o700


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        prepare(tmp_path / "file")
