from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flowrun.tools.modules import Finder, digest_of, file_of, load, sources


def folder(root: Path, **files: str) -> Path:
    """A folder with modules; `__` in a name stands for a slash."""
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_module_comes_from_the_folder_and_leaves_the_search_path(tmp_path: Path) -> None:
    before = list(sys.path)
    here = folder(
        tmp_path, shop_a="import shop_a_helper\nX = shop_a_helper.X", shop_a_helper="X = 3"
    )
    assert load(here, "shop_a").X == 3
    assert sys.path == before
    with pytest.raises(ModuleNotFoundError):
        __import__("shop_a_other")


def test_packages_work(tmp_path: Path) -> None:
    here = folder(
        tmp_path,
        pack_a__init="",
        pack_a__one="from . import two\nfrom .two import X",
        pack_a__two="X = 2",
    )
    (here / "pack_a/init.py").rename(here / "pack_a/__init__.py")
    assert load(here, "pack_a.one").X == 2


def test_a_folder_without_init_is_a_package_too(tmp_path: Path) -> None:
    here = folder(tmp_path, space_a__one="X = 1")
    assert load(here, "space_a.one").X == 1


def test_a_folder_of_data_does_not_hide_an_installed_package(tmp_path: Path) -> None:
    (tmp_path / "sqlite_utils").mkdir()
    (tmp_path / "pip").mkdir()
    assert "site-packages" in str(load(tmp_path, "pip").__file__)


def test_the_standard_library_cannot_be_replaced(tmp_path: Path) -> None:
    here = folder(tmp_path, colorsys="X = 'ours'", uses_colorsys="import colorsys\nX = colorsys")
    sys.modules.pop("colorsys", None)
    assert not hasattr(load(here, "uses_colorsys").X, "X")


def test_two_folders_may_have_modules_of_one_name(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", twin="import twin_help\ndef f():\n    return twin_help.X",
                 twin_help="X = 1")  # fmt: skip
    two = folder(tmp_path / "two", twin="import twin_help\ndef f():\n    return twin_help.X",
                 twin_help="X = 2")  # fmt: skip
    first, second = load(one, "twin"), load(two, "twin")
    assert (first.f(), second.f()) == (1, 2)
    assert load(one, "twin") is first
    assert load(two, "twin") is second
    assert (first.f(), second.f()) == (1, 2)


def test_a_changed_module_is_imported_anew(tmp_path: Path) -> None:
    here = folder(tmp_path, fresh_a="import fresh_b\nX = fresh_b.X", fresh_b="X = 1")
    first = load(here, "fresh_a")
    folder(tmp_path, fresh_b="X = 2222")
    second = load(here, "fresh_a")
    assert (first.X, second.X) == (1, 2222)
    assert load(here, "fresh_a") is second


def test_a_module_that_fails_can_be_mended(tmp_path: Path) -> None:
    here = folder(tmp_path, broken_a="raise ValueError('no')")
    with pytest.raises(ValueError, match="no"):
        load(here, "broken_a")
    folder(tmp_path, broken_a="XX = 'mended'")
    assert load(here, "broken_a").XX == "mended"


def test_there_is_one_finder(tmp_path: Path) -> None:
    here = folder(tmp_path, finder_a="")
    load(here, "finder_a")
    load(here, "finder_a")
    assert len([each for each in sys.meta_path if isinstance(each, Finder)]) == 1


def test_the_sources_of_a_module_are_read_off(tmp_path: Path) -> None:
    here = folder(
        tmp_path,
        main="import one, os\nfrom pack import two\ndef f():\n    import late",
        one="import main",
        late="",
        unused="",
        pack__init="",
        pack__two="from . import three\nfrom .three import x\nfrom ..one import y",
        pack__three="(",
    )
    (here / "pack/init.py").rename(here / "pack/__init__.py")
    found = sources(here, "main")
    names = ["late.py", "main.py", "one.py", "pack/__init__.py", "pack/three.py", "pack/two.py"]
    assert sorted(found) == names
    assert found["one.py"] == digest_of(here / "one.py").hex()
    assert sources(here, "pack.two").keys() == set(names) - {"late.py", "main.py"} | {
        "main.py",
        "late.py",
    }


def test_a_package_goes_before_a_module_of_its_name(tmp_path: Path) -> None:
    folder(tmp_path, both="", both__x="")
    assert file_of(tmp_path, "both") == tmp_path / "both.py"
    (tmp_path / "both/__init__.py").touch()
    assert file_of(tmp_path, "both") == tmp_path / "both/__init__.py"
    assert file_of(tmp_path, "neither") is None


def test_a_file_that_is_not_there_has_no_digest(tmp_path: Path) -> None:
    assert digest_of(tmp_path / "nothing") == b""
