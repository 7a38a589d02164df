"""What goes wrong with a template: a fault of the file, or an error while it is rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowrun.chat.images import Image
from flowrun.dataclass import dataclass
from flowrun.errors import ExitCode, FlowrunError, StepError


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a template's source; `offset` and `length` count characters of it."""

    offset: int
    length: int
    message: str
    code: str
    why: str = ""
    mend: str = ""


class TemplateFault(FlowrunError):
    """A template cannot be parsed; `fault` says where and why."""

    exit_code = ExitCode.USAGE

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class TemplateError(StepError):
    """A template failed while rendering, at `offset` of its source where that is known.

    Its message is cut: a name in it may be one that a model made up.
    """

    def __init__(self, message: str, offset: int | None = None) -> None:
        self.message = _shortened(message, _LONGEST_MESSAGE)
        super().__init__(self.message)
        self.offset = offset


class Refusal(Exception):
    """Something a template asks for is not done; the message continues "filter x ...".

    It never leaves the rendering of a template, which turns it into a TemplateError.
    """


FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What Python code that works on a template's values may raise."""

_LONGEST = 300
_LONGEST_MESSAGE = 1_000


def explained(error: BaseException) -> str:
    """What an exception of Python says, in short and for a reader who writes no Python."""
    match error:
        case ZeroDivisionError():
            return "division by zero"
        case OverflowError():
            return "the number is too large"
        case RecursionError():
            return "values are nested too deeply"
        case MemoryError():
            return "there is not enough memory"
        case _:
            text = " ".join(str(error).split()) or type(error).__name__
            return _shortened(text, _LONGEST)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "…"


def kind_of(value: object) -> str:
    """What a value is, in the words of the pipeline file."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case Mapping():
            return "an object"
        case Image():
            return "an image"
        case Sequence():
            return "a list"
        case _:
            return "an object of the template's own"
