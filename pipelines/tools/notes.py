"""A folder of notes as tools: a table of contents, a search, and a reader."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, TypeAlias, TypedDict

from pydantic import Field

NOTES = Path(__file__).parent.parent / "notes"
_WORD = re.compile(r"[a-z]{3,}")
_COMMON = re.compile(
    "and|are|can|does|for|from|has|have|how|into|not|our|the|this|was|what|when|where|which|who|why"
)
_STEM = 5
"""So many first letters count: watering finds water."""

Question: TypeAlias = Annotated[
    str, Field(max_length=60, pattern="^[A-Z][a-z]+( [A-Za-z'-]+)+\\?$")
]


class Contents(TypedDict):
    """The names of all notes; `edition` is another one as soon as any of them has changed."""

    notes: list[str]
    edition: str


def contents() -> Contents:
    """Tells which notes there are."""
    notes = _notes()
    digest = hashlib.sha256("\0".join(notes.values()).encode())
    return Contents(notes=list(notes), edition=digest.hexdigest()[:6])


def search(question: Question) -> str:
    """Finds the note that answers a question.

    :param question: The question, in a few words.
    """
    wanted = _stems(question)
    best, most = "nothing found: try other words, or read a note", 0
    for note, text in _notes().items():
        for paragraph in text.split("\n\n")[1:]:
            common = len(wanted & _stems(f"{note} {paragraph}"))
            if common > most:
                best, most = f"{paragraph} (from the note {note})", common
    return best


def read(note: str) -> str:
    """Gives the whole text of one note.

    :param note: The name of the note, such as "heating".
    """
    notes = _notes()
    if note not in notes:
        raise ValueError(f"no note {note!r}; there are {', '.join(notes)}")
    return notes[note]


def _notes() -> dict[str, str]:
    return {path.stem: path.read_text("utf-8").strip() for path in sorted(NOTES.glob("*.md"))}


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(text.lower()) if not _COMMON.fullmatch(word)}
