"""Which words of a page are cited, and which are not."""

from __future__ import annotations

import types

from tests.support.citing import Cited, cited, left_over, plain, says, sections

PAGE = """# The page

It **begins** with `words`.

```yaml
## 1. not: this
```

## 1. Things

- First a [link](there.md).

| key | meaning |
|---|---|
| `a: x \\| y` | one; two |

## A part

More of it.

## 2. Others

Nothing.
"""


def test_a_page_is_divided_by_its_numbered_headings() -> None:
    assert sections(PAGE) == {
        "§0": "It begins with words.",
        "§1": "First a link. a: x | y one; two More of it.",
        "§2": "Nothing.",
    }


def test_what_no_quote_covers_is_left_over() -> None:
    text = "One thing is so; another, with care, is not."
    assert left_over(text, []) == [text]
    assert left_over(text, ["One thing is so"]) == ["; another, with care, is not."]
    assert left_over(text, ["One thing is so", "with care, is not."]) == ["; another,"]
    assert left_over(text, ["One thing is so", "another, with care, is not"]) == []


def test_a_quote_covers_whole_words_wherever_they_stand() -> None:
    assert left_over("on and on, once", ["on"]) == ["and", ", once"]


def test_what_tests_cite_is_found_with_their_names() -> None:
    @says("§1", "one `thing` … another")
    @says("§2", "a third")
    def test_it() -> None: ...

    module = types.ModuleType("tests.it")
    module.__dict__.update(test_it=test_it, other=test_it)
    assert list(cited([module])) == [
        ("tests.it.test_it", Cited("§2", "a third")),
        ("tests.it.test_it", Cited("§1", "one thing")),
        ("tests.it.test_it", Cited("§1", "another")),
    ]


def test_marks_of_form_are_no_words() -> None:
    assert plain("**A**  `b`\n[c](d.md). e \\| f") == "A b c. e | f"
