"""Which environment variables a tool may have."""

from __future__ import annotations

import pytest

from flowrun.config import ToolSettings
from flowrun.errors import StepError
from flowrun.tools.environment import process_environment, variable

ENVIRON = {"PATH": "/bin", "TZ": "UTC", "WEATHER_KEY": "w", "OTHER_KEY": "o", "EMPTY_KEY": ""}
SETTINGS = ToolSettings(env=("WEATHER_KEY", "EMPTY_KEY"))


def test_a_process_gets_the_common_variables_that_are_set_and_those_it_names() -> None:
    given = process_environment(("WEATHER_KEY",), ENVIRON, SETTINGS, 'the tool "log"')
    assert given == {"PATH": "/bin", "TZ": "UTC", "WEATHER_KEY": "w"}


def test_a_common_variable_may_be_named_too() -> None:
    assert variable("TZ", ENVIRON, ToolSettings(), 'the tool "log"') == "UTC"


def test_a_variable_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(StepError) as caught:
        variable("OTHER_KEY", ENVIRON, SETTINGS, 'the tool "log"')
    assert str(caught.value) == (
        'the tool "log" may not have the environment variable "OTHER_KEY"; '
        'to allow it, write env = ["OTHER_KEY"] under [tools] in flowrun.toml'
    )


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(StepError) as caught:
        variable("EMPTY_KEY", ENVIRON, SETTINGS, 'the tool "log"')
    assert str(caught.value) == (
        'the tool "log" needs the environment variable "EMPTY_KEY", which is not set'
    )
