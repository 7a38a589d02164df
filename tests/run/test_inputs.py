"""What a run is given, read and checked as the declared inputs want it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flowrun.errors import UsageError
from flowrun.folder import Folder
from flowrun.run.inputs import Given, bind, parse
from tests.support.replies import png
from tests.support.running import picture, plan_of


def bound(
    declared: str, given: Mapping[str, object] | None = None, folder: Path | None = None
) -> dict[str, object]:
    """The values of declared inputs."""
    plan = plan_of(f"inputs: {declared}\nsteps: {{a: {{value: 1}}}}")
    read = Folder(folder or Path("nowhere")).read_bytes
    return bind(plan.inputs, given or {}, read_default=read)


def typed(declared: str, *words: str) -> dict[str, object]:
    """The values of declared inputs that were typed."""
    return bound(declared, parse(words))


def refusal(declared: str, given: Mapping[str, object]) -> str:
    with pytest.raises(UsageError) as caught:
        bound(declared, given)
    return str(caught.value)


# Words


def test_words_are_text_files_or_json() -> None:
    assert parse(["a=x=y", "b=@f.txt", "c:=[1]", "d=", "e=:x", "f=a:=b"]) == {
        "a": Given("text", "x=y"),
        "b": Given("file", "f.txt"),
        "c": Given("json", "[1]"),
        "d": Given("text", ""),
        "e": Given("text", ":x"),
        "f": Given("text", "a:=b"),
    }


@pytest.mark.parametrize("word", ["a", "=x", ":=1", " =x", ""])
def test_a_word_without_a_name_or_a_value_is_refused(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse([word])
    assert str(caught.value) == (
        f'"-i {word}" has no value: write name=text, name=@file or name:=json'
    )


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match=r'\Ainput "a" is given twice\Z'):
        parse(["a=1", "a:=2"])


# Values


def test_a_default_is_taken_where_nothing_is_given() -> None:
    assert bound("{a: {type: string, default: x}, b: {default: null}, c: {default: [1]}}") == {
        "a": "x",
        "b": None,
        "c": [1],
    }


def test_an_input_without_a_default_is_required() -> None:
    declared = "{a: {type: string, description: the word}, b: {}}"
    assert refusal(declared, {}) == (
        'input "a" is required (the word): give it with -i a=…\n'
        'input "b" is required: give it with -i b=…'
    )


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    assert refusal("{language: {default: x}}", {"langage": "y"}) == (
        'no input is called "langage"; did you mean language?'
    )
    assert refusal("{a: {default: x}, b: {default: 1}}", {"zzz": 1}) == (
        'no input is called "zzz"; inputs: a, b'
    )
    assert refusal("{}", {"a": 1}) == 'no input is called "a"'


def test_every_fault_is_told_at_once() -> None:
    told = refusal("{a: {type: integer}, b: {}}", {"a": "x", "c": 1})
    assert told.count("\n") == 2


@pytest.mark.parametrize(
    ("declared", "word", "value"),
    [
        ("{x: {}}", "x=12", "12"),
        ("{x: {type: string}}", "x=12", "12"),
        ("{x: {type: integer}}", "x=12", 12),
        ("{x: {type: number}}", "x=1.5", 1.5),
        ("{x: {type: boolean}}", "x=true", True),
        ("{x: {type: array}}", "x=[1, 2]", [1, 2]),
        ("{x: {type: object}}", 'x={"a": 1}', {"a": 1}),
        ("{x: {type: 'null'}}", "x=null", None),
        ("{x: {type: [string, integer]}}", "x=12", "12"),
        ("{x: {}}", "x:=12", 12),
        ("{x: {type: string}}", 'x:="12"', "12"),
        ("{x: {type: file}}", "x:=12", 12),
    ],
)
def test_text_is_read_as_the_declared_type(declared: str, word: str, value: object) -> None:
    assert typed(declared, word) == {"x": value}


@pytest.mark.parametrize(
    ("declared", "word", "problem"),
    [
        ("{x: {type: integer}}", "x=many", 'input "x" must be of type "integer", not "many"'),
        ("{x: {}}", "x:={", 'input "x" is not JSON: '),
        ("{x: {}}", "x:=" + "[" * 100_000, 'input "x" is not JSON: '),
        ("{x: {}}", "x:=" + "[" * 102 + "]" * 102, 'input "x" nests lists or objects more than'),
        ("{x: {}}", "x:=NaN", 'input "x" holds a number that JSON does not have'),
        ("{x: {}}", "x:=[1e999]", 'input "x" holds a number that JSON does not have'),
        ("{x: {}}", 'x:={"\\ud83d": 1}', 'input "x" holds half of a character'),
        ("{x: {}}", "x=\udcff", 'input "x" holds half of a character, or bytes that are no UTF-8'),
        ("{x: {type: integer}}", 'x:="1"', 'input "x": '),
        ("{x: {enum: [a, b]}}", "x=c", 'input "x": '),
        ("{x: {type: array, items: {type: string}}}", "x:=[1]", 'input "x": '),
        ("{x: {type: image}}", "x:=1", 'input "x" is an image: give it with -i x=@picture.png'),
        ("{x: {type: image}}", "x=nowhere.png", 'there is no file "nowhere.png"'),
        ("{x: {type: file}}", "x=/dev/zero", '"/dev/zero" is not a regular file'),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused(declared: str, word: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        typed(declared, word)
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (object(), 'input "x" must be plain data, not object'),
        ([{"a": Path("p")}], 'input "x" must be plain data, not PosixPath'),
        ({1: 2}, 'input "x" has an object with a key that is no text'),
        (b"bytes", 'input "x" must be plain data, not bytes'),
        ({"a": {3}}, 'input "x" must be plain data, not set'),
        (picture(), 'input "x" is not declared as an image'),
    ],
)
def test_from_python_only_plain_data_comes_in(value: object, problem: str) -> None:
    assert refusal("{x: {}}", {"x": value}) == problem


def test_from_python_come_values_pictures_and_paths(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(png("seed"))
    declared = "{a: {type: array}, b: {type: image}, c: {type: image}, d: {type: array}}"
    given = {"a": (1, {"b": None}), "b": path, "c": picture(), "d": [picture()]}
    assert bound(declared, given) == {**given, "b": picture()}


def test_what_is_no_picture_is_refused_where_one_is_declared() -> None:
    assert refusal("{x: {type: image}}", {"x": 3}) == (
        'input "x" must be an image or the path of one'
    )


# Files


@pytest.mark.parametrize(
    ("name", "content", "value"),
    [
        ("f.txt", "hällo\r\n", "hällo\r\n"),
        ("f.md", "\ufeff# x", "# x"),
        ("f", "[1]", "[1]"),
        ("f.json", '{"a": [1]}', {"a": [1]}),
        ("F.JSON", "[1]", [1]),
        ("f.jsonl", '{"a": 1}\n\n[2]\r\n"x\u2028y"', [{"a": 1}, [2], "x\u2028y"]),
        ("f.yaml", "a: [1, no]\n", {"a": [1, "no"]}),
        ("f.yml", "a: 010\n", {"a": "010"}),
        ("f.csv", 'a,b\r\n1,"x\r\ny"\r\n2\r\n', [{"a": "1", "b": "x\r\ny"}, {"a": "2", "b": None}]),
        ("f.csv", "", []),
    ],
)
@pytest.mark.parametrize("declared", ["{x: {}}", "{x: {type: file}}"])
def test_a_file_is_read_by_its_suffix(
    tmp_path: Path, name: str, content: str, value: object, declared: str
) -> None:
    (tmp_path / name).write_bytes(content.encode())
    found = typed(declared, f"x=@{tmp_path / name}")["x"]
    assert found == value


def test_a_file_input_takes_a_path_without_its_sign(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("hi")
    assert typed("{x: {type: file}}", f"x={tmp_path / 'f.txt'}") == {"x": "hi"}
    assert bound("{x: {type: file}}", {"x": str(tmp_path / "f.txt")}) == {"x": "hi"}


@pytest.mark.parametrize("suffix", ["png", "dat"])
def test_a_picture_is_one_by_its_bytes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p.{suffix}"
    path.write_bytes(png("seed"))
    assert typed("{x: {type: image}}", f"x=@{path}") == {"x": picture()}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("f.json", b"{", "cannot be read as json: "),
        ("f.json", b"[" * 100_000, "cannot be read as json: "),
        ("f.jsonl", b'{"a": 1}\n{\n', "cannot be read as jsonl: line 2: "),
        ("f.csv", b"a,b\n1,2,3\n", "cannot be read as csv: row 1 has more cells than"),
        ("f.csv", b"a,a\n1,2\n", "cannot be read as csv: two columns have one name"),
        ("f.csv", b'a\n"x', "cannot be read as csv: "),
        ("f.txt", b"\xff", "is not UTF-8 text: byte 0 is wrong"),
        ("f.png", b"<svg>", "is no image: the bytes are no PNG, JPEG, GIF or WebP picture"),
        ("f.yaml", b"a: [", ""),
        ("f.json", b"[NaN]", ""),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        typed("{x: {}}", f"x=@{tmp_path / name}")
    told = str(caught.value)
    assert (f'"{tmp_path / name}" {problem}' in told) or not problem


def test_a_picture_for_what_is_not_declared_as_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(png("seed"))
    assert refusal("{x: {}}", parse([f"x=@{tmp_path / 'p.png'}"])) == (
        'input "x" is not declared as an image'
    )


def test_a_default_file_stands_in_the_pipelines_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.png").write_bytes(png("seed"))
    (tmp_path / "in" / "f.json").write_text(json.dumps({"a": 1}))
    declared = "{p: {type: image, default: p.png}, f: {type: file, default: f.json}}"
    found: dict[str, Any] = bound(declared, folder=tmp_path / "in")
    assert found == {"p": picture(), "f": {"a": 1}}
    (tmp_path / "in" / "link.json").symlink_to(tmp_path / "f.json")
    with pytest.raises(UsageError, match="leads out of the folder"):
        bound("{f: {type: file, default: link.json}}", folder=tmp_path / "in")
