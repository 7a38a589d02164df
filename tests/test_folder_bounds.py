"""What a folder refuses though it would stay inside: names and links that only do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.folder import Folder, FolderError, problem_of


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a/" * 32 + "b", "it has more than 32 parts"),
        ("a" * 1025, "it is too long"),
        (".flowrun-0123456789abcdef.tmp", "such names are for files that are being written"),
    ],
)
def test_names_that_only_do_harm_are_refused(name: str, problem: str) -> None:
    assert problem_of(name) == problem


def test_a_folder_is_required_to_lie_where_its_name_says(tmp_path: Path) -> None:
    project, away = tmp_path / "project", tmp_path / "away"
    project.mkdir()
    away.mkdir()
    (project / "out").symlink_to(away)
    with pytest.raises(FolderError) as caught:
        Folder(project / "out").require_within(project)
    assert str(caught.value) == (
        f'the folder "{project}/out" leads out of "{project}" by a link; '
        "name where it leads to, if that is what you want"
    )


def test_a_folder_elsewhere_by_its_name_may_be_anywhere(tmp_path: Path) -> None:
    Folder(tmp_path / "away").require_within(tmp_path / "project")
    Folder(tmp_path / "project" / "out").require_within(tmp_path / "project")
