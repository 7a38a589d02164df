from __future__ import annotations

import pytest

from flowrun.document.docstrings import Documented, read

GOOGLE = """Finds products.

    Looks everywhere.

    Args:
        query: What to look for,
            in plain words.
        limit (int, optional): How many.
        **more: Whatever else.
        odd line

    Returns:
        list: not a parameter
    """

REST = """Finds
    products.

    :param query: What to look for,
        in plain words.
    :param int limit: How many.
    :type limit: int
    :keyword more: Whatever else.

    :returns: nothing
    """

NUMPY = """Finds products.

    Parameters
    ----------
    query : str
        What to look for,
        in plain words.
    limit, more : int, optional
        How many.
    bare
        Without a type.
    - no name

    Returns
    -------
    found : list
        Not a parameter.
    """


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Documented()),
        ("", Documented()),
        ("Finds products.", Documented("Finds products.")),
        ("One\ntwo.\n\nThree.", Documented("One two.")),
        ("\nArgs:\n    x: An x.", Documented("", {"x": "An x."})),
        ("Parameters\n----------\nx\n    An x.", Documented("", {"x": "An x."})),
        ("Finds.\nReturns:\n    all", Documented("Finds.")),
        ("Args:", Documented()),
        ("Finds.\n\nArgs:\n    x:\nmore", Documented("Finds.")),
        (":param x:", Documented()),
        (
            GOOGLE,
            Documented(
                "Finds products.",
                {
                    "query": "What to look for, in plain words.",
                    "limit": "How many.",
                    "more": "Whatever else.",
                },
            ),
        ),
        (
            REST,
            Documented(
                "Finds products.",
                {
                    "query": "What to look for, in plain words.",
                    "limit": "How many.",
                    "more": "Whatever else.",
                },
            ),
        ),
        (
            NUMPY,
            Documented(
                "Finds products.",
                {
                    "query": "What to look for, in plain words.",
                    "limit": "How many.",
                    "more": "How many.",
                    "bare": "Without a type.",
                },
            ),
        ),
    ],
)
def test_what_a_docstring_says(text: str | None, expected: Documented) -> None:
    assert read(text) == expected


def test_a_huge_docstring_is_cut() -> None:
    assert len(read("x" * 1_000_000).summary) == 100_000
