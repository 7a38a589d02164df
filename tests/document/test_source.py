"""Reading a file: its data, its places, its encoding, and what keeps it from being read."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.document.source import Loaded, load, load_value
from flowrun.errors import Diagnostic, Mark, PipelineError

PIPELINE = """\
# A pipeline.
name: story
steps:
  outline:
    prompt: |
      Write an outline
      for {{ inputs.topic }}.
    needs: [a, "b"]
  draft: {prompt: 'It''s {{ outline }}'}
x-notes: free
"""


def place(mark: Mark) -> str:
    return f"{mark.line}:{mark.column}"


def test_data_is_plain() -> None:
    assert load(PIPELINE, "f.yaml").data == {
        "name": "story",
        "steps": {
            "outline": {
                "prompt": "Write an outline\nfor {{ inputs.topic }}.\n",
                "needs": ["a", "b"],
            },
            "draft": {"prompt": "It's {{ outline }}"},
        },
        "x-notes": "free",
    }


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), "2:1", "2:1"),
        (("name",), "2:7", "2:1"),
        (("steps",), "4:3", "3:1"),
        (("steps", "outline", "prompt"), "5:13", "5:5"),
        (("steps", "outline", "needs", 1), "8:16", "8:16"),
        (("steps", "draft", "prompt"), "9:19", "9:11"),
        (("steps", "outline", "missing"), "5:5", "4:3"),
        (("steps", "outline", "needs", 2), "8:12", "8:5"),
        (("steps", "outline", "needs", "a"), "8:12", "8:5"),
        (("steps", 0), "4:3", "3:1"),
        (("name", "deeper", 3), "2:7", "2:1"),
    ],
)
def test_every_part_has_its_place(path: tuple[str | int, ...], value: str, key: str) -> None:
    loaded = load(PIPELINE, "f.yaml")
    assert (place(loaded.mark(path)), place(loaded.key_mark(path))) == (value, key)


def test_characters_of_a_text_are_located() -> None:
    loaded = load(PIPELINE, "f.yaml")
    outline = ("steps", "outline", "prompt")
    assert place(loaded.locate(outline, 0)) == "6:7"
    assert place(loaded.locate(outline, len("Write an outline\nfor {{ "))) == "7:14"
    assert place(loaded.locate(("steps", "draft", "prompt"), 8)) == "9:29"


@pytest.mark.parametrize(
    ("path", "offset", "expected"),
    [
        (("name",), 99, "2:11"),
        (("name",), -5, "2:7"),
        (("steps",), 3, "4:3"),
        (("nothing", "there"), 3, "2:1"),
        (("steps", "outline", "needs", 7), 1, "8:12"),
        (("steps", "outline", "needs", 0), 1, "8:13"),
    ],
)
def test_what_is_not_there_is_located_nearby(
    path: tuple[str | int, ...], offset: int, expected: str
) -> None:
    assert place(load(PIPELINE, "f.yaml").locate(path, offset)) == expected


def test_a_diagnostic_shows_its_line() -> None:
    loaded = load(PIPELINE, "pipelines/story.yaml")
    found = loaded.diagnostic(
        loaded.mark(("name",)), "no", "some-code", mend="yes", length=5, severity="warning"
    )
    assert loaded.excerpt(2) == "name: story"
    assert str(found) == (
        "pipelines/story.yaml:2:7: warning: no [some-code]\n"
        "      name: story\n"
        "            ^^^^^\n"
        "  mend: yes"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("is_pure", [False, True], ids=["C", "pure"])
def test_line_ends_change_nothing(end: str, is_pure: bool) -> None:
    loaded = load_value(PIPELINE.replace("\n", end), "f.yaml", is_pure=is_pure)
    assert loaded.data == load(PIPELINE, "f.yaml").data
    assert place(loaded.locate(("steps", "outline", "prompt"), 20)) == "7:10"
    assert place(loaded.mark(("steps", "draft", "prompt"))) == "9:19"


@pytest.mark.parametrize("raw", ["\ufeffa: ä", "\ufeffa: ä".encode()], ids=["text", "bytes"])
def test_a_byte_order_mark_is_no_character(raw: str | bytes) -> None:
    loaded = load(raw, "f.yaml")
    assert loaded.data == {"a": "ä"}
    assert place(loaded.mark(("a",))) == "1:4"


def test_separators_of_unicode_are_text() -> None:
    text = "a: x\u2028y\x85z\nb: 'p\u2029q'\n\u2028: 1\n"
    assert load(text, "f.yaml").data == {"a": "x\u2028y\x85z", "b": "p\u2029q", "\u2028": 1}
    assert load('a: "\\N\\L\\P"', "f.yaml").data == {"a": "\x85\u2028\u2029"}


def reports(text: str | bytes) -> list[str]:
    with pytest.raises(PipelineError) as caught:
        load(text, "f.yaml")
    return [str(each) for each in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f.yaml:1:1: the file is empty [empty-file]"),
        ("# nothing\n", "f.yaml:1:1: the file is empty [empty-file]"),
        ("---\n", "f.yaml:2:1: the file is empty [empty-file]"),
        ("- a\n", "f.yaml:1:1: a pipeline file is a mapping, not a list [not-a-mapping]"),
        ("\ntext", "f.yaml:2:1: a pipeline file is a mapping, not text [not-a-mapping]"),
        ("1", "f.yaml:1:1: a pipeline file is a mapping, not a number [not-a-mapping]"),
        ("yes", "f.yaml:1:1: a pipeline file is a mapping, not text [not-a-mapping]"),
        ("true", "f.yaml:1:1: a pipeline file is a mapping, not true or false [not-a-mapping]"),
        ("a: 1\n--- \n", "f.yaml:2:1: a second document starts here [second-document]"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document starts here [second-document]"),
        (b"a: \xc3\xa4\xff", "f.yaml:1:5: the byte 0xff is not UTF-8 [not-utf-8]"),
        (b"\xef\xbb\xbfa\n\xe4", "f.yaml:2:1: the byte 0xe4 is not UTF-8 [not-utf-8]"),
        ("a: 1".encode("utf-16"), "f.yaml:1:1: the file is UTF-16, not UTF-8 [not-utf-8]"),
        ("a: 1".encode("utf-32"), "f.yaml:1:1: the file is UTF-32, not UTF-8 [not-utf-8]"),
        ("a: 1\0", "f.yaml:1:5: the character U+0000 may not stand here [bad-character]"),
        ("a: \x1b[31m", "f.yaml:1:4: the character U+001B may not stand here [bad-character]"),
        ("a: \uffff", "f.yaml:1:4: the character U+FFFF may not stand here [bad-character]"),
        ("a: \ud800", "f.yaml:1:4: the character U+D800 may not stand here [bad-character]"),
        ("a: .nan", 'f.yaml:1:4: ".nan" is a number that JSON does not have [bad-value]'),
        ("a" * (16 * 1024 * 1024 + 1), "f.yaml:1:1: the file is too large [too-large]"),
    ],
)
def test_what_is_no_pipeline_file_is_refused(text: str | bytes, expected: str) -> None:
    (report,) = reports(text)
    assert report.splitlines()[0] == expected
    assert "  mend: " in report


def test_the_mend_of_a_character_is_its_escape() -> None:
    first, second, third = reports("a: \x1b\uffff\ud800")
    assert 'or write it in double quotes as "\\x1b"' in first
    assert 'or write it in double quotes as "\\uffff"' in second
    assert third.endswith("mend: delete it")
    assert "\x1b" not in first


def test_data_of_any_kind_can_be_read() -> None:
    assert load_value("[1, 2]", "f.yaml").data == [1, 2]
    empty = load_value("# nothing", "f.yaml")
    assert empty.data is None
    assert place(empty.mark(())) == "1:1"


def test_all_faults_are_reported_at_once_and_in_order() -> None:
    text = "a: .inf\nb: !x 1\n1: c\nd: *e\nb: 2\nf: 'g\n"
    assert [report.splitlines()[0] for report in reports(text)] == [
        'f.yaml:1:4: ".inf" is a number that JSON does not have [bad-value]',
        'f.yaml:2:4: unknown tag "!x" [unknown-tag]',
        "f.yaml:3:1: the key 1 is not text [key-not-text]",
        'f.yaml:4:4: unknown alias "*e" [unknown-alias]',
        'f.yaml:5:1: the key "b" is given twice, first at f.yaml:2:1 [duplicate-key]',
        "f.yaml:6:4: the quote ' is never closed [unclosed-quote]",
    ]


def test_half_an_emoji_is_refused_by_both_parsers() -> None:
    for is_pure in (False, True):
        with pytest.raises(PipelineError):
            load_value('a: "\\ud83d\\ude00"', "f.yaml", is_pure=is_pure)


def test_a_version_beyond_all_bounds_is_no_crash() -> None:
    for is_pure in (False, True):
        with pytest.raises(PipelineError):
            load_value(f"%YAML 1.{'9' * 5000}\n---\na: 1", "f.yaml", is_pure=is_pure)


def outcome(text: str | bytes, *, is_pure: bool = False) -> Loaded | tuple[Diagnostic, ...]:
    try:
        return load_value(text, "f.yaml", is_pure=is_pure)
    except PipelineError as error:
        return error.diagnostics


YAML = st.text(st.sampled_from("ab:-,[]{}&*!|>'\"\\#%@ \n<?01.~"), max_size=40)


@given(YAML)
def test_both_parsers_read_the_same(text: str) -> None:
    fast, pure = outcome(text), outcome(text, is_pure=True)
    if isinstance(fast, Loaded) and isinstance(pure, Loaded):
        assert repr(fast.data) == repr(pure.data)


@given(st.text() | st.binary())
def test_anything_is_read_or_refused(text: str | bytes) -> None:
    found = outcome(text)
    assert found
    if isinstance(found, Loaded):
        json.dumps(found.data, allow_nan=False).encode()


def mutants(count: int) -> list[str]:
    """Broken forms of a sound file: a stretch of it doubled, moved, or replaced."""
    chance = random.Random(7)
    junk = [
        "\t",
        "'",
        '"',
        "{{",
        "[",
        "]",
        ": ",
        "- ",
        "\n",
        " ",
        "&a ",
        "*a",
        "!x ",
        "|",
        "#",
        "<<",
    ]
    found = []
    for _ in range(count):
        start = chance.randrange(len(PIPELINE))
        end = start + chance.randrange(12)
        between = chance.choice([*junk, PIPELINE[start:end] * 2, ""])
        found.append(PIPELINE[:start] + between + PIPELINE[end:])
    return found


def test_every_mutant_is_read_or_refused_at_a_place() -> None:
    for text in mutants(2000):
        found = outcome(text)
        if isinstance(found, Loaded):
            assert_located(found)
            continue
        lines = text.count("\n") + 1
        assert all(1 <= each.mark.line <= lines for each in found)
        assert all(each.message != "this is not YAML" for each in found)


def assert_located(loaded: Loaded) -> None:
    """Every character of every text lies within the file."""
    waiting: list[tuple[tuple[str | int, ...], object]] = [((), loaded.data)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, key), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, index), each) for index, each in enumerate(value)]
        elif isinstance(value, str):
            marks = [loaded.locate(path, offset) for offset in range(len(value))]
            assert marks == sorted(marks)
            assert all(mark >= loaded.mark(path) for mark in marks)
