from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.config import Config, EndpointSettings, ToolSettings, find, load, read
from flowrun.errors import UsageError
from flowrun.scripted import FakeRule, FakeSettings

WHOLE = """
[models]
recommended = "mine/large"
"my own" = "openai/x"

[endpoints.mine]
base_url = "https://llm.example.org/v1"
models_url = "https://llm.example.org/v1/models"
key_env = "MINE_API_KEY"
dialect = "openai"
max_in_flight = 8
headers = {x-team = "blue"}
header_env = {x-user = "MINE_USER"}
timeouts = {connect = 5, idle = 60.5, total = 900}
capabilities = {json_schema = true, images_in = false}
models = ["large", "small"]

[endpoints.bare]

[prices."mine/large"]
input = 0.25
output = 2
cache_read = 0.025
cache_write = 0.3

[run]
concurrency = 4
out = "results"
store = "kept"

[tools]
env = ["WEATHER_KEY"]
private = ["127.0.0.1:8080", "wiki.intern", "[::1]:8080"]

[fake.greeter]
replies = ["Hello.", "Goodbye."]

[[fake.clerk.rules]]
contains = "refund"
reply = "refund"

[[fake.clerk.rules]]
contains = "swap"
reply = "exchange"
"""


def test_every_word_of_the_file_is_read() -> None:
    path = Path("/project/flowrun.toml")
    assert read(WHOLE, path) == Config(
        path=path,
        models={"recommended": "mine/large", "my own": "openai/x"},
        endpoints={
            "mine": EndpointSettings(
                base_url="https://llm.example.org/v1",
                dialect="openai",
                models_url="https://llm.example.org/v1/models",
                key_env="MINE_API_KEY",
                max_in_flight=8,
                headers={"x-team": "blue"},
                header_env={"x-user": "MINE_USER"},
                timeouts={"connect": 5.0, "idle": 60.5, "total": 900.0},
                capabilities={"json_schema": True, "images_in": False},
                models=("large", "small"),
            ),
            "bare": EndpointSettings(),
        },
        prices={
            "mine/large": {
                "input": Decimal("0.25"),
                "output": Decimal(2),
                "cache_read": Decimal("0.025"),
                "cache_write": Decimal("0.3"),
            }
        },
        fakes={
            "greeter": FakeSettings(replies=("Hello.", "Goodbye.")),
            "clerk": FakeSettings(
                rules=(FakeRule("refund", "refund"), FakeRule("exchange", "swap"))
            ),
        },
        tools=ToolSettings(
            env=("WEATHER_KEY",), private=("127.0.0.1:8080", "wiki.intern", "[::1]:8080")
        ),
        concurrency=4,
        out=Path("/project/results"),
        state=Path("/project/kept"),
    )


def test_an_empty_file_is_the_default_in_its_folder() -> None:
    path = Path("/project/flowrun.toml")
    assert read("", path) == Config(
        path=path, out=Path("/project/out"), state=Path("/project/.flowrun")
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("models = 3", "[models] must be a table"),
        ("[model]", '"model" is not known: did you mean models?'),
        (
            "[zzz]",
            '"zzz" is not known: known are models, endpoints, prices, run, tools, fake, serve, '
            "credits, auto",
        ),
        ("[models]\nfast = 3", "[models] fast must be a text"),
        ('[models]\nfast = ""', "[models] fast must be a text"),
        ("[endpoints]\nmine = 1", "[endpoints.mine] must be a table"),
        (
            '[endpoints.mine]\nbas_url = "x"',
            '[endpoints.mine] "bas_url" is not known: did you mean base_url?',
        ),
        (
            '[endpoints.mine]\napi_key = "sk-1"',
            "[endpoints.mine] api_key: secrets have no place in a file: "
            "name the environment variable that holds it in key_env",
        ),
        (
            '[endpoints.mine]\nToken = "sk-1"',
            "[endpoints.mine] Token: secrets have no place in a file: "
            "name the environment variable that holds it in key_env",
        ),
        (
            '[endpoints.mine.headers]\nAuthorization = "Bearer x"',
            "[endpoints.mine.headers] Authorization is a secret, and has no place in a file: "
            "name its environment variable in key_env or header_env",
        ),
        (
            '[endpoints."my llm"]\ndialect = "smoke"',
            '[endpoints."my llm"] dialect "smoke" is not known: '
            "known are openai, anthropic, gemini",
        ),
        (
            "[endpoints.mine]\nmax_in_flight = 0",
            "[endpoints.mine] max_in_flight must be a whole number from 1 to 4096",
        ),
        (
            "[endpoints.mine]\ntimeouts = {idle = 0}",
            "[endpoints.mine.timeouts] idle must be a number above 0",
        ),
        (
            "[endpoints.mine]\ntimeouts = {idle = nan}",
            "[endpoints.mine.timeouts] idle must be a number above 0",
        ),
        (
            "[endpoints.mine]\ncapabilities = {images_in = 1}",
            "[endpoints.mine.capabilities] images_in must be true or false",
        ),
        (
            '[endpoints.mine]\nbase_url = "https://x.example/v1/chat/completions"',
            "[endpoints.mine] base_url goes on too far: it ends before /chat/completions",
        ),
        (
            '[endpoints.mine]\nbase_url = "https://x.example/v1/messages/"',
            "[endpoints.mine] base_url goes on too far: it ends before /messages",
        ),
        ("[endpoints.mine]\nmodels = [1]", "[endpoints.mine] models must be a list of texts"),
        ('[prices."a/b"]\ninput = 1', '[prices."a/b"] output is missing'),
        (
            '[prices."a/b"]\ninput = -1\noutput = 0',
            '[prices."a/b"] input must be a number of 0 or more',
        ),
        (
            '[prices."a/b"]\ninput = true\noutput = 0',
            '[prices."a/b"] input must be a number of 0 or more',
        ),
        ("[run]\nconcurrency = true", "[run] concurrency must be a whole number from 1 to 4096"),
        ("[run]\nout = 3", "[run] out must be a text"),
        ("[tools]\nenv = 'KEY'", "[tools] env must be a list of texts"),
        (
            "[tools]\nenv = ['A=B']",
            '[tools] env: "A=B" is no name of an environment variable',
        ),
        (
            "[tools]\nprivate = ['http://wiki/']",
            '[tools] private: "http://wiki/" is no host: '
            'write a host, or host:port, such as "wiki.intern" or "[::1]:8080"',
        ),
        ("[fake.a]", "[fake.a] has neither replies nor rules"),
        ("[fake.a]\nreplies = 'x'\nrules = [{contains = 'a', reply = 'b'}]",
         "[fake.a] replies must be a list of texts, or of calls"),
        ("[fake.a]\nreplies = ['x']\nrules = 7", "[fake.a] rules must be a list of tables"),
        ("[fake.a]\nrules = [{contains = 'a'}]", "[fake.a.rules] reply is missing"),
        ("[fake.a]\nrules = [7]", "[fake.a.rules] must be a table"),
    ],
)  # fmt: skip
def test_a_fault_names_its_place_and_how_to_mend_it(text: str, fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text, Path("flowrun.toml"))
    assert f"flowrun.toml: {fault}" in str(caught.value).splitlines()


def test_what_is_no_table_has_no_other_fault() -> None:
    with pytest.raises(UsageError) as caught:
        read('[prices]\n"mine/x" = 3', Path("flowrun.toml"))
    assert str(caught.value) == 'flowrun.toml: [prices."mine/x"] must be a table'


def test_all_faults_are_reported_at_once() -> None:
    text = "[run]\nconcurrency = 0\nout = 1\n[fake.a]\n[models]\nx = 1"
    with pytest.raises(UsageError) as caught:
        read(text, Path("flowrun.toml"))
    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[run\n", r"Expected '\]' at the end of a table declaration \(at line 1, column 5\)"),
        (b"\xff = 1", r"is not UTF-8 at byte 0"),
        (b"#" * (2**20 + 1), r"is larger than 1 MiB"),
        (b"x = " + b"[" * 5000, r"is nested too deeply|maximum recursion depth"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "flowrun.toml"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=said) as caught:
        load(tmp_path, {})
    assert str(caught.value).startswith(f"{path}: ")


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "flowrun.toml").write_bytes(b"\xef\xbb\xbf[run]\nconcurrency = 3\n")
    assert load(tmp_path, {}).concurrency == 3


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that fails to read")
def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "flowrun.toml"
    path.symlink_to("/proc/self/mem")
    with pytest.raises(UsageError) as caught:
        load(tmp_path, {})
    assert str(caught.value) == f"{path}: cannot be read: Input/output error"


def test_the_nearest_file_above_holds(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "flowrun.toml").write_text("[run]\nconcurrency = 3\n")
    assert load(folder, {}).concurrency == 3
    (tmp_path / "a" / "flowrun.toml").write_text("[run]\nconcurrency = 5\n")
    assert load(folder, {}).concurrency == 5
    assert find(folder) == tmp_path / "a" / "flowrun.toml"


def test_a_folder_of_that_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "flowrun.toml").mkdir()
    assert find(tmp_path) is None


def test_without_a_file_everything_is_as_it_comes(tmp_path: Path) -> None:
    assert load(tmp_path, {}) == Config()


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "flowrun.toml").write_text("[run]\nconcurrency = 3\nout = 'a'\nstore = 'b'\n")
    environ = {"FLOWRUN_CONCURRENCY": "7", "FLOWRUN_OUT": "/c", "FLOWRUN_STORE": "/d", "EMPTY": ""}
    config = load(tmp_path, environ)
    assert (config.concurrency, config.out, config.state) == (7, Path("/c"), Path("/d"))
    assert config.variables == {"FLOWRUN_CONCURRENCY", "FLOWRUN_OUT", "FLOWRUN_STORE"}


@pytest.mark.parametrize("said", ["0", "many", "99999", "-1", "4097", "٣"])
def test_a_variable_that_makes_no_sense(tmp_path: Path, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, {"FLOWRUN_CONCURRENCY": said})
    assert str(caught.value) == (
        f'FLOWRUN_CONCURRENCY must be a whole number from 1 to 4096, not "{said}"'
    )


def test_the_values_of_variables_are_not_kept(tmp_path: Path) -> None:
    assert "sk-canary" not in repr(load(tmp_path, {"OPENAI_API_KEY": "sk-canary"}))


@pytest.mark.parametrize("name", ["out", "store"])
@pytest.mark.parametrize("folder", ["/tmp/elsewhere", "../elsewhere", "a/../../b"])
def test_a_file_may_not_choose_a_folder_that_leads_out(name: str, folder: str) -> None:
    path = Path("/project/flowrun.toml")
    with pytest.raises(UsageError) as caught:
        read(f'[run]\n{name} = "{folder}"\n', path)
    assert str(caught.value) == (
        f'{path}: [run] {name} "{folder}" leads out of this folder: '
        f"set FLOWRUN_{name.upper()} instead"
    )
