"""Files under one folder: no name leads out of it, and no file is ever half written."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.folder import Folder, FolderError, file_name, read_regular


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with a file in it, beside a secret."""
    root = tmp_path / "root"
    (root / "prompts").mkdir(parents=True)
    (root / "prompts" / "a.md").write_text("hällo")
    (tmp_path / "secret.txt").write_text("secret")
    return Folder(root)


def refusal(folder: Folder, name: str) -> str:
    """What every way in says of a name, which is the same."""
    said = set()
    for attempt in (folder.resolve, folder.read_bytes, folder.read_text):
        with pytest.raises(FolderError) as caught:
            attempt(name)
        said.add(str(caught.value))
    with pytest.raises(FolderError) as caught:
        folder.write(name, b"x")
    (message,) = said | {str(caught.value)}
    return message


@pytest.mark.parametrize("name", ["prompts/a.md", "./prompts/a.md", "prompts//./a.md"])
def test_a_file_in_the_folder_is_read(folder: Folder, name: str) -> None:
    assert folder.resolve(name) == folder.root.resolve() / "prompts" / "a.md"
    assert folder.read_text(name) == "hällo"
    assert folder.read_bytes(name) == "hällo".encode()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", '"" is no file name here: it is empty'),
        (" ", '" " is no file name here: it is empty'),
        ("a\0b", r'"a\x00b" is no file name here: it holds a control character'),
        ("a\x1b[0m", r'"a\x1b[0m" is no file name here: it holds a control character'),
        ("a\udc80", r'"a\udc80" is no file name here: it holds a control character'),
        ("a\\b", r'"a\b" is no file name here: it holds a backslash; folders are separated by "/"'),
        (
            "/etc/passwd",
            '"/etc/passwd" is no file name here: '
            "it is absolute, and names start at the folder itself",
        ),
        (
            "C:x",
            '"C:x" is no file name here: it names a drive, and names start at the folder itself',
        ),
        (
            "../secret.txt",
            '"../secret.txt" is no file name here: it has "..", which leads out of the folder',
        ),
        (
            "prompts/../../secret.txt",
            '"prompts/../../secret.txt" is no file name here: '
            'it has "..", which leads out of the folder',
        ),
        (".", '"." is no file name here: it names a folder'),
        ("prompts/", '"prompts/" is no file name here: it names a folder'),
    ],
)
def test_names_that_lead_elsewhere_are_refused(folder: Folder, name: str, message: str) -> None:
    assert refusal(folder, name) == message


def test_links_that_lead_out_are_refused(folder: Folder, tmp_path: Path) -> None:
    (folder.root / "out").symlink_to(tmp_path)
    (folder.root / "far").symlink_to("/etc")
    (folder.root / "chain").symlink_to("out")
    for name in ("out/secret.txt", "far/passwd", "chain/secret.txt", "out/new/deep.txt"):
        expected = f'"{name}" leads out of the folder "{folder.root}" by a link'
        assert refusal(folder, name) == expected
    assert (tmp_path / "secret.txt").read_text() == "secret"
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_a_link_out_is_not_read_and_not_written_through(
    folder: Folder, tmp_path: Path
) -> None:
    (folder.root / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(FolderError, match=r"leads out of the folder"):
        folder.read_text("link.txt")
    folder.write("link.txt", b"mine")
    assert (tmp_path / "secret.txt").read_text() == "secret"
    assert not (folder.root / "link.txt").is_symlink()
    assert folder.read_text("link.txt") == "mine"


def test_links_inside_are_followed(folder: Folder) -> None:
    (folder.root / "texts").symlink_to("prompts")
    assert folder.read_text("texts/a.md") == "hällo"
    folder.write("texts/b.md", b"b")
    assert (folder.root / "prompts" / "b.md").read_text() == "b"


def test_links_in_a_circle_end(folder: Folder) -> None:
    (folder.root / "one").symlink_to("two")
    (folder.root / "two").symlink_to("one")
    with pytest.raises(FolderError, match=r'^"one": '):
        folder.read_text("one")
    with pytest.raises(FolderError, match=r'^"one/a": '):
        folder.write("one/a", b"")


def test_a_folder_reached_by_a_link_is_the_folder(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(folder.root)
    aliased = Folder(tmp_path / "alias")
    assert aliased.read_text("prompts/a.md") == "hällo"
    assert aliased.write("b", b"b") == folder.root.resolve() / "b"


@pytest.mark.parametrize("name", ["gone.md", "gone/deep.md"])
def test_a_file_that_is_not_there_is_named(folder: Folder, name: str) -> None:
    with pytest.raises(FolderError, match=f'^there is no file "{name}"$'):
        folder.read_text(name)


def test_only_regular_files_are_read(folder: Folder) -> None:
    os.mkfifo(folder.root / "pipe")
    (folder.root / "zero").mkdir()
    for name in ("pipe", "zero"):
        with pytest.raises(FolderError, match=f'^"{name}" is not a regular file$'):
            folder.read_bytes(name)


def test_a_socket_is_not_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with pytest.raises(FolderError, match=r'^"socket": '):
            folder.read_bytes("socket")


def test_a_file_in_place_of_a_folder_is_reported(folder: Folder) -> None:
    with pytest.raises(FolderError, match=r'^"prompts/a.md/b": not a directory$'):
        folder.write("prompts/a.md/b", b"")
    with pytest.raises(FolderError, match=r'^"prompts/a.md/b": not a directory$'):
        folder.read_bytes("prompts/a.md/b")


def test_what_is_too_large_is_not_read(folder: Folder) -> None:
    folder.write("big", b"x" * 1001)
    assert len(folder.read_bytes("big", limit_bytes=1001)) == 1001
    with pytest.raises(FolderError, match=r'^"big" has 1,001 bytes; 1,000 are allowed$'):
        folder.read_bytes("big", limit_bytes=1000)


def test_text_is_utf8(folder: Folder) -> None:
    folder.write("bom", b"\xef\xbb\xbfa")
    folder.write("latin", b"\xe4")
    assert folder.read_text("bom") == "a"
    with pytest.raises(FolderError, match=r'^"latin" is not UTF-8 text$'):
        folder.read_text("latin")


def test_writing_makes_the_folders_it_needs(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "out" / "story")
    path = folder.write("frames/new/1.png", b"png")
    assert path == tmp_path.resolve() / "out" / "story" / "frames" / "new" / "1.png"
    assert path.read_bytes() == b"png"
    assert [each.name for each in path.parent.iterdir()] == ["1.png"]


def test_outputs_have_the_permissions_of_the_user(folder: Folder) -> None:
    before = os.umask(0o027)
    try:
        path = folder.write("new/a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_a_file_is_replaced_as_a_whole(folder: Folder) -> None:
    path = folder.write("a", b"first")
    with path.open("rb") as earlier:
        folder.write("a", b"second")
        assert earlier.read() == b"first"
    assert path.read_bytes() == b"second"


def test_a_write_that_fails_leaves_nothing(folder: Folder) -> None:
    with pytest.raises(FolderError, match=r'^"prompts": is a directory$'):
        folder.write("prompts", b"x")
    with pytest.raises(FolderError, match=r"file name too long$"):
        folder.write("x" * 300, b"x")
    assert [each.name for each in folder.root.iterdir()] == ["prompts"]


def test_a_root_that_is_a_file_is_reported(folder: Folder) -> None:
    file = Folder(folder.root / "prompts" / "a.md")
    with pytest.raises(FolderError, match=r'^the folder ".*a\.md" cannot be made: file exists$'):
        file.write("b", b"")
    with pytest.raises(FolderError, match=r'^".*a\.md" is a file, and no folder for outputs$'):
        file.require()
    with pytest.raises(FolderError, match=r'^".*a\.md" is a file, and no folder for outputs$'):
        Folder(file.root / "inside").require()
    with pytest.raises(FolderError, match=r'^"b": '):
        file.read_bytes("b")


NAMES = st.lists(
    st.sampled_from(
        ["..", ".", "/", "a", "A", "~", "\\", "C:", "out", "\0", "é", "e\u0301", " ", "%2e"]
    )
    | st.text(max_size=3),
    max_size=6,
).map("".join)


@settings(max_examples=1000)
@given(NAMES)
def test_no_name_leads_out(name: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        outside = Path(place).resolve()
        root = outside / "root"
        root.mkdir()
        (root / "out").symlink_to(outside)
        try:
            path = Folder(root).write(name, b"x")
        except FolderError:
            pass
        else:
            assert path.is_relative_to(root)
            assert path.read_bytes() == b"x"
        assert [each.name for each in outside.iterdir()] == ["root"]


def test_a_file_of_the_user_is_read_wherever_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("a")
    assert read_regular(tmp_path / "link", limit_bytes=3) == b"abc"
    with pytest.raises(FolderError, match=r"has 3 bytes; 2 are allowed$"):
        read_regular(tmp_path / "a", limit_bytes=2)
    with pytest.raises(FolderError, match=r"^there is no file "):
        read_regular(tmp_path / "b")
    with pytest.raises(FolderError, match=r"it holds a control character$"):
        read_regular(Path("a\0b"))


def test_pipes_and_devices_of_the_user_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(FolderError, match=r"is not a regular file$"):
            read_regular(path)


@pytest.mark.skipif(not Path("/proc").exists(), reason="no such files here")
def test_a_file_without_a_length_has_a_limit_too() -> None:
    with pytest.raises(FolderError, match=r"are allowed$"):
        read_regular(Path("/proc/self/maps"), limit_bytes=10)


@pytest.mark.parametrize("text", ["a", "page-1", "photo.png", "a_b", "0", "x" * 120])
def test_safe_names_stay(text: str) -> None:
    assert file_name(text) == text


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Blue Lamp!", "blue-lamp"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "con"),
        ("nul.txt", "nul-txt"),
        (".hidden", "hidden"),
        ("end.", "end"),
        ("größe", "grösse"),
        ("日本 語", "日本-語"),
        ("x" * 121, "x" * 103),
        ("a-0123456789abcdef", "a-0123456789abcdef"),
    ],
)
def test_other_names_become_a_slug_and_a_digest(text: str, slug: str) -> None:
    found, _, digest = file_name(text).rpartition("-")
    assert found == slug
    assert len(digest) == 16


@pytest.mark.parametrize("text", ["", ".", "..", "/", "\0", "-", "\ud800", "🎨"])
def test_names_of_nothing_are_a_digest(text: str) -> None:
    assert len(file_name(text)) == 16
    assert file_name(text).isalnum()


def same_on_some_system(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


@pytest.mark.parametrize(
    ("one", "other"), [("A", "a"), ("é", "e\u0301"), ("a b", "a-b"), ("ﬁ", "fi"), ("", " ")]
)
def test_names_differ_even_where_case_and_accents_do_not_count(one: str, other: str) -> None:
    assert same_on_some_system(file_name(one)) != same_on_some_system(file_name(other))


@settings(max_examples=1000)
@given(NAMES, NAMES)
def test_every_name_is_safe_and_its_own(one: str, other: str) -> None:
    name = file_name(one)
    assert 0 < len(name.encode()) <= 120
    assert not set(name) & set('/\\:*?"<>|\0 ')
    assert not name.startswith(("-", "."))
    assert not name.endswith(".")
    assert file_name(name) != name or name == one
    same = same_on_some_system(name) == same_on_some_system(file_name(other))
    assert same == (one == other)


def test_a_folder_that_can_be_made_is_not_made_yet(folder: Folder) -> None:
    new = Folder(folder.root / "new" / "inside")
    new.require()
    folder.require()
    assert not (folder.root / "new").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_reported(folder: Folder) -> None:
    folder.root.chmod(0o555)
    with pytest.raises(FolderError, match=r"^the folder .* may not be written$"):
        folder.require()


# Sweeping


LEFT = ".flowrun-0123456789abcdef.tmp"


def test_a_sweep_removes_what_was_left_half_written_beside_a_name(folder: Folder) -> None:
    for name in (LEFT, f"prompts/{LEFT}", "prompts/mine.tmp", "prompts/.flowrun-1.tmp"):
        (folder.root / name).write_bytes(b"half")
    folder.sweep("prompts/a.md")
    found = {str(each.relative_to(folder.root)) for each in folder.root.rglob("*")}
    assert found == {LEFT, "prompts", "prompts/a.md", "prompts/mine.tmp", "prompts/.flowrun-1.tmp"}


def test_a_sweep_never_leaves_the_folder(folder: Folder) -> None:
    (folder.root.parent / LEFT).write_bytes(b"half")
    with pytest.raises(FolderError):
        folder.sweep("../x")
    assert (folder.root.parent / LEFT).exists()


@pytest.mark.parametrize("sweeps", [1, 3])
def test_a_file_that_is_swept_while_it_is_written_is_written_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, sweeps: int
) -> None:
    left, flush = [None] * sweeps, os.fsync

    def swept(descriptor: int) -> None:
        flush(descriptor)
        if left:
            left.pop()
            folder.sweep("b")

    monkeypatch.setattr(os, "fsync", swept)
    folder.write("b", b"whole")
    assert (folder.root / "b").read_bytes() == b"whole"
    assert [each.name for each in folder.root.iterdir()] != [LEFT]


def test_a_file_that_is_swept_again_and_again_is_given_up(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: folder.sweep("b"))
    with pytest.raises(FolderError, match='there is no file "b"'):
        folder.write("b", b"whole")
