"""Syntax errors of YAML in plain words, the same from both parsers."""

from __future__ import annotations

import pytest

from flowrun.document.marks import Places
from flowrun.document.source import load_value
from flowrun.document.syntax import DECODING, Trouble, explain
from flowrun.errors import PipelineError

CASES = {
    "tab as indentation": ("a:\n\tb: 1\n", "2:1 a tab may not stand here"),
    "tab behind blanks": ("a:\n  b: 1\n \tc: 2\n", "3:2 a tab may not stand here"),
    "tab in a block": ("a: |\n\tb\n", "2:1 a tab may not stand here"),
    "single quote": ("a: 'x\nb: 2\n", "1:4 the quote ' is never closed"),
    "double quote": ('a: "x\nb: 2', '1:4 the quote " is never closed'),
    "quote over documents": ('a: "x\n---\nb: 2', '1:4 the quote " is never closed'),
    "list at the end": ("a: [1, 2", '1:4 the bracket "[" is never closed'),
    "list before a key": ("a: [1, 2\nb: 3\n", '1:4 the bracket "[" is never closed'),
    "mapping at the end": ("a: {b: 1\n", '1:4 the bracket "{" is never closed'),
    "mapping before a key": ("a:\n  b: {c: 1\n  d: e\n", '2:6 the bracket "{" is never closed'),
    "bracket at the end": ("a: [b, [", "1:9 a bracket is never closed"),
    "comma in a list": ("a: [b c: d, 'e' f]", '1:17 "," or "]" is missing here'),
    "comma in a long mapping": ("a: {\n  b: 'c'\n  d: e}", '3:3 "," or "}" is missing here'),
    "colon in text": ("a: b: c\n", '1:5 ":" in text without quotes'),
    "colon behind quotes": ('a: "b": c\n', '1:7 ":" in text without quotes'),
    "key below a value": ("a: 1\n  b: 2\n", '2:3 no key may stand here: "b"'),
    "no colon": ("a: 1\nfoo bar\nb: 2\n", '2:1 ":" is missing behind "foo bar"'),
    "template": ("a: {{ x }}\n", '1:4 text that begins with "{{" must be in quotes'),
    "template and text": ("a: {{ x }} b\n", '1:4 text that begins with "{{" must be in quotes'),
    "template in a list": ("- {{ x }} b\n", '1:3 text that begins with "{{" must be in quotes'),
    "template in brackets": ("[ {{ x }} b]", '1:3 text that begins with "{{" must be in quotes'),
    "template of two lines": ("{{ x\n }} b", '1:1 text that begins with "{{" must be in quotes'),
    "statement": ("a: {% if x %}b\n", '1:4 text that begins with "{%" must be in quotes'),
    "statement at the start": ("{% x %}\n", '1:1 text that begins with "{%" must be in quotes'),
    "at": ("a: @x\n", '1:4 text that begins with "@" must be in quotes'),
    "backtick": ("a: `x`\n", '1:4 text that begins with "`" must be in quotes'),
    "percent": ("a: %x\n", '1:4 text that begins with "%" must be in quotes'),
    "bold": ("a: **b**\n", '1:4 text that begins with "*" must be in quotes'),
    "italic": ("a: *b*\n", '1:4 text that begins with "*" must be in quotes'),
    "ampersand": ("a: &é\n", '1:4 text that begins with "&" must be in quotes'),
    "exclamation": ("a: !x!y z\n", '1:4 text that begins with "!" must be in quotes'),
    "stray bracket": ("a: ]\n", '1:4 "]" has no value before it'),
    "two commas": ("a: [1,,2]\n", '1:7 "," has no value before it'),
    "list behind its key": ("a: - b\n", "1:4 a list may not begin behind its key"),
    "text behind a bar": ("a: |text\n", '1:5 the line must end behind "|"'),
    "greater than": ("a: > 5\n", '1:6 the line must end behind ">"'),
    "escape": ('a: "b\\d"\n', '1:6 "\\d" is not an escape'),
    "short escape": ('a: "\\x4"\n', '1:5 "\\x" is not followed by the number of a character'),
    "far escape": (
        'a: "\\UFFFFFFFF"\n',
        '1:5 "\\U" is not followed by the number of a character',
    ),
    "text behind quotes": ("a: 'it's'\n", "1:8 more text behind the value"),
    "dedent": ("a:\n  b: 1\n c: 2\n", "3:2 this line is indented like none above"),
    "key in a list": ("- a\nb: 1\n", "2:1 this line is indented like none above"),
    "second start": ("{a: 1}\nb: 2\n", "2:1 text behind the end of the document"),
    "version": ("%YAML 3.0\n---\na: 1\n", "1:1 this instruction is unknown"),
    "no instruction": ("%\n---\na: 1\n", "1:2 this instruction is unknown"),
}


@pytest.mark.parametrize("is_pure", [False, True], ids=["C", "pure"])
@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_the_writer_learns_what_is_wrong(text: str, expected: str, is_pure: bool) -> None:
    with pytest.raises(PipelineError) as caught:
        load_value(text, "f.yaml", is_pure=is_pure)
    (found,) = caught.value.diagnostics
    assert f"{found.mark.line}:{found.mark.column} {found.message}" == expected
    assert found.why
    assert found.mend


def test_a_report_is_whole() -> None:
    with pytest.raises(PipelineError) as caught:
        load_value("steps:\n  a:\n    prompt: Answer: {{ b }}\n", "pipelines/a.yaml")
    assert str(caught.value) == (
        'pipelines/a.yaml:3:19: ":" in text without quotes [unquoted-colon]\n'
        "      prompt: Answer: {{ b }}\n"
        "                    ^\n"
        '  why:  without quotes a value may not hold ": "\n'
        "  mend: put the whole value in quotes, or write it below the key, behind |"
    )


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("a: {{ x }}", 'write "{{ x }}"'),
        ("a: [{{ x }}, 1]", 'write "{{ x }}"'),
        ('a: {{ x["y"] }}', "write '{{ x[\"y\"] }}'"),
        ("a: {{ x }} and more", "put the whole value in quotes"),
    ],
)
def test_a_template_is_shown_in_quotes(text: str, mend: str) -> None:
    with pytest.raises(PipelineError) as caught:
        load_value(text, "f.yaml")
    assert [each.mend for each in caught.value.diagnostics] == [mend]


def test_an_unspaced_colon_in_brackets_is_named() -> None:
    with pytest.raises(PipelineError, match='1:6: ":" without a blank behind it'):
        load_value("{a: b:[c]}", "f.yaml")


@pytest.mark.parametrize("context", ["while dreaming", "while scanning a plain scalar", DECODING])
def test_trouble_of_an_unknown_kind_is_passed_on(context: str) -> None:
    found = explain(Places("f.yaml", "abc"), Trouble(context, 0, "woke up", 1))
    assert found.message == "this is not YAML"
    assert found.why == f"{context}, woke up"


def test_a_tab_behind_a_key_is_named_where_the_parser_minds_it() -> None:
    with pytest.raises(PipelineError, match="1:3: a tab may not stand here"):
        load_value("a:\t1", "f.yaml", is_pure=True)
