from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowrun.reports.record import read
from tests.cli.command import flowrun, on_terminal, write
from tests.support.endpoint import Server, endpoint

PIPELINE = """
    name: words
    inputs:
      topic: {type: string, default: tea}
      words: {type: array, items: {type: string}, default: [a, b, c]}
    steps:
      one: {model: mine/echo, prompt: "one {{ inputs.topic }}"}
      each: {model: mine/echo, foreach: inputs.words, as: word, prompt: "each {{ word }}"}
      other: {model: mine/echo, prompt: "other"}
    outputs:
      one: "{{ one }}"
      each: "{{ each }}"
      page: {file: "{{ inputs.topic }}.md", value: "# {{ one }}"}
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """A scripted endpoint that flowrun.toml calls mine, and a pipeline that asks it."""
    with endpoint() as found:
        write("flowrun.toml", f'[endpoints.mine]\nbase_url = "{found.url}"\n')
        write("words.yaml", PIPELINE)
        yield found


def prompts(server: Server) -> list[str]:
    return sorted(each.prompt for each in server.seen)


def test_outputs_go_to_stdout_and_files_and_all_else_to_stderr(server: Server, here: Path) -> None:
    done = flowrun("execute", "words.yaml")
    assert done.code == 0
    assert done.out == 'one:\none tea\n\neach:\n[\n  "each a",\n  "each b",\n  "each c"\n]\n'
    assert (here / "out" / "words" / "tea.md").read_text() == "# one tea"
    first, *lines, last = done.errors
    assert first == "words: 3 steps"
    assert sorted(line.split()[:2] for line in lines) == [
        *(["done", name] for name in ("each", "one", "other")),
        ["wrote", "out/words/tea.md"],
    ]
    assert last.startswith("done: 3 of 3 steps in ")
    assert len(server.seen) == 5


@pytest.mark.usefixtures("server")
def test_a_file_can_be_run_as_well(here: Path) -> None:
    assert flowrun("run", "words.yaml", "-q").out == flowrun("execute", "words.yaml", "-q").out


def test_an_answer_is_not_asked_for_twice_unless_it_is_not_kept(server: Server) -> None:
    flowrun("execute", "words.yaml")
    again = flowrun("execute", "words.yaml")
    assert len(server.seen) == 5
    assert "cached" in again.err
    flowrun("execute", "words.yaml", "--no-cache")
    assert len(server.seen) == 10


def test_without_the_cache_nothing_is_kept(server: Server) -> None:
    flowrun("execute", "words.yaml", "--no-cache")
    flowrun("execute", "words.yaml")
    assert len(server.seen) == 10


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("topic=cats", "one cats"),
        ("topic=@cats.txt", "one of\ncats"),
        ('topic:="c\\u0061t"', "one cat"),
    ],
)
def test_an_input_is_text_a_file_or_json(word: str, said: str, here: Path) -> None:
    (here / "cats.txt").write_text("of\ncats")
    write("small.yaml", """
        inputs: {topic: {type: string}}
        steps: {one: {model: mine/echo, prompt: "one {{ inputs.topic }}"}}
    """)  # fmt: skip
    for option in ("-i", "--input"):
        assert flowrun("execute", "small.yaml", "-q", option, word).out == f"{said}\n"


def test_inputs_are_lists_where_they_are_declared_so(server: Server, here: Path) -> None:
    (here / "two.json").write_text('["x", "y"]')
    done = flowrun("execute", "words.yaml", "-i", "words=@two.json", "-i", "topic=t", "-q")
    assert done.code == 0
    assert prompts(server) == ["each x", "each y", "one t", "other"]


@pytest.mark.parametrize(("jobs", "most"), [("1", 1), ("2", 2)])
def test_so_many_calls_are_under_way_at_once(jobs: str, most: int, server: Server) -> None:
    assert flowrun("execute", "words.yaml", "-j", jobs, "-q").code == 0
    assert server.log.max_in_flight <= most


def test_the_folder_of_files_can_be_chosen(server: Server, here: Path) -> None:
    flowrun("execute", "words.yaml", "--out", "else/where", "-q")
    assert (here / "else" / "where" / "tea.md").exists()
    assert not (here / "out").exists()


@pytest.mark.usefixtures("server")
def test_another_model_is_asked_in_a_step() -> None:
    done = flowrun(
        "execute", "words.yaml", "--model", "one=fake/echo", "--model", "other=mine/word", "--json"
    )
    steps = json.loads(done.out)["steps"]
    assert [steps[name]["model"] for name in ("one", "each", "other")] == [
        "fake/echo",
        "mine/echo",
        "mine/word",
    ]


@pytest.mark.parametrize("option", ["-s", "--select"])
def test_only_the_selected_step_and_what_it_needs_is_run(option: str, server: Server) -> None:
    done = flowrun("execute", "words.yaml", option, "one")
    assert done.code == 0
    assert prompts(server) == ["one tea"]
    assert done.out == "one:\none tea\n"
    flowrun("execute", "words.yaml", option, "one", option, "other")
    assert prompts(server) == ["one tea", "other"]


FAILING = """
    inputs: {words: {type: array, default: [a, "", b, "", c]}}
    steps:
      each:
        model: mine/echo
        foreach: inputs.words
        prompt: "each {{ item }}"
        expect: item != ""
        repair: 0
"""


@pytest.mark.parametrize(("words", "asked"), [([], 2), (["-k"], 5), (["--keep-going"], 5)])
def test_every_item_is_tried_by_those_who_keep_going(
    words: list[str], asked: int, server: Server
) -> None:
    write("failing.yaml", FAILING)
    done = flowrun("execute", "failing.yaml", "-j", "1", *words)
    assert done.code == 1
    assert len(server.seen) == asked
    assert (
        done.errors[-1] == "failed in step each; mend it and run again: what was answered is kept"
    )


@pytest.mark.usefixtures("server")
def test_json_is_one_object_and_nothing_else() -> None:
    done = flowrun("execute", "words.yaml", "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert (found["status"], found["partial"]) == ("done", False)
    assert found["outputs"]["each"] == ["each a", "each b", "each c"]
    assert found["files"]["page"][0].endswith("/out/words/tea.md")
    assert found["steps"]["one"]["model"] == "mine/echo"


@pytest.mark.usefixtures("server")
def test_json_is_one_object_when_the_run_fails_too() -> None:
    write("failing.yaml", FAILING)
    done = flowrun("execute", "failing.yaml", "--json", "-q")
    found = json.loads(done.out)
    assert (done.code, found["status"]) == (1, "failed")
    assert "it must hold that" in found["steps"]["each"]["reason"]
    assert list(found["absent"]) == ["each"]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_says_nothing_of_what_went_well(option: str) -> None:
    write("skips.yaml", """
        schemas: {a: {type: string, maxLenght: 2}}
        steps: {one: {if: 1 > 2, value: x}, two: {value: y}}
        outputs: {one: "{{ one }}", two: "{{ two }}"}
    """)  # fmt: skip
    assert flowrun("execute", "words.yaml", option).err == ""
    done = flowrun("execute", "skips.yaml", option)
    assert (done.code, done.out, done.err) == (0, "two:\ny\n", "")
    assert "warning: " in flowrun("execute", "skips.yaml").err


@pytest.mark.usefixtures("server")
def test_quiet_says_what_failed_once() -> None:
    write(
        "failing.yaml", 'steps: {one: {model: mine/echo, prompt: x, repair: 0, expect: one == "y"}}'
    )
    done = flowrun("execute", "failing.yaml", "-q")
    assert (done.code, done.out) == (1, "")
    assert done.err.count('it must hold that one == "y"') == 1
    assert done.errors[-1] == "failed in step one; mend it and run again: what was answered is kept"


def test_streamed_text_is_shown_behind_its_step(server: Server) -> None:
    done = flowrun("execute", "words.yaml", "--stream")
    assert done.code == 0
    assert all(each.stream for each in server.seen)
    assert "one | one tea" in done.errors
    assert "each[2] | each c" in done.errors
    assert done.out == flowrun("execute", "words.yaml", "-q").out


def test_nothing_is_streamed_unless_it_is_watched(server: Server) -> None:
    flowrun("execute", "words.yaml")
    assert not any(each.stream for each in server.seen)


@pytest.mark.usefixtures("server")
def test_a_run_leaves_a_record(here: Path) -> None:
    done = flowrun("execute", "words.yaml", "--json")
    (path,) = (here / ".flowrun" / "runs").iterdir()
    assert path.stem == json.loads(done.out)["run"]
    events = [each["event"] for each in read(path)]
    assert (events[0], events[-1]) == ("RunStarted", "RunFinished")


def test_a_run_that_is_refused_leaves_nothing(server: Server, here: Path) -> None:
    before = sorted(here.iterdir())
    for words in (["-i", "topci=x"], ["-s", "nope"], ["--model", "none=x"], ["--out", ""]):
        assert flowrun("execute", "words.yaml", *words).code == 2
    assert sorted(here.iterdir()) == before
    assert server.seen == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-i", "topic"], '"-i topic" has no value: write name=text, name=@file or name:=json'),
        (["-i", "topic=a", "-i", "topic=b"], 'input "topic" is given twice'),
        (["-i", "topci=a"], 'no input is called "topci"; did you mean topic?'),
        (["-i", "topic=@nowhere.txt"], 'there is no file "nowhere.txt"'),
        (["-i", "topic=@."], '"." is not a regular file'),
        (["-i", "words:=[1]"], 'input "words": at /0: 1 is not of type "string"'),
        (["-s", "nope"], 'no step is called "nope"; steps: one, each, other'),
        (["--model", "one"], '"--model one" must be STEP=NAME, as in --model brief=smartest'),
        (["--model", "one="], '"--model one=" must be STEP=NAME, as in --model brief=smartest'),
        (["--model", "one=a", "--model", "one=b"], '"--model one=…" is given twice'),
        (["--model", "on=fake/echo"], 'no step "on" asks a model; did you mean one?'),
        (["--model", "one=no/x"], None),
        (
            ["--model", "one=openai/x"],
            "openai needs a key: set the environment variable OPENAI_API_KEY",
        ),
        (["--out", ""], '"--out" names no folder'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("server")
def test_wrong_usage_is_one_message(words: list[str], message: str | None) -> None:
    done = flowrun("execute", "words.yaml", *words)
    assert (done.code, done.out) == (2, "")
    if message is not None:
        assert done.err == f"flowrun: {message}\n"
    assert len(done.errors) == 1


@pytest.mark.parametrize("jobs", ["0", "4097", "many"])
def test_jobs_are_a_number_in_reason(jobs: str) -> None:
    done = flowrun("execute", "x.yaml", "-j", jobs)
    assert (done.code, done.out) == (2, "")
    assert "Invalid value for '-j' / '--jobs'" in done.errors[-1]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("columns", [50, 80, 120])
def test_a_terminal_sees_the_live_view(columns: int) -> None:
    code, out, screen = on_terminal("execute", "words.yaml", "--stream", columns=columns)
    assert (code, out.splitlines()[1]) == (0, "one tea")
    assert "\x1b[?25l" in screen.raw  # the cursor is hidden while it is drawn
    assert screen.raw.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in screen.raw
    assert "3/3" in screen.text


@pytest.mark.usefixtures("server")
def test_a_terminal_sees_the_whole_reason_of_a_failure() -> None:
    reason = "it must hold that " + " and ".join(f"item != {number}" for number in range(30))
    write("failing.yaml", f"""
        inputs: {{words: {{type: array, default: [1]}}}}
        steps:
          each: {{model: mine/echo, foreach: inputs.words, prompt: x, repair: 0,
                 expect: "{reason.removeprefix('it must hold that ')}"}}
    """)  # fmt: skip
    code, _, screen = on_terminal("execute", "failing.yaml")
    shown = " ".join(screen.text.split())
    assert code == 1
    assert shown.count(reason) >= 1
    assert shown.endswith("failed in step each; mend it and run again: what was answered is kept")
    plain = " ".join(flowrun("execute", "failing.yaml").err.split())
    assert plain.count(reason) >= 1


def test_secrets_are_shown_nowhere(here: Path) -> None:
    key = "sk-a-very-secret-key"
    with endpoint() as server:
        write("flowrun.toml", f'[endpoints.mine]\nbase_url = "{server.url}"\nkey_env = "MY_KEY"\n')
        write("leaky.yaml", """
            steps: {one: {model: mine/chaos-echo-key, prompt: x}}
            outputs: {one: "{{ one }}"}
        """)  # fmt: skip
        done = flowrun("execute", "leaky.yaml", "--json", env={"MY_KEY": key})
    assert done.code == 1
    kept = b"".join(path.read_bytes() for path in here.rglob("*") if path.is_file())
    assert "***" in done.err
    for text in (done.out, done.err, kept.decode(errors="replace")):
        assert key not in text


def test_a_state_folder_that_cannot_be_is_one_message(here: Path) -> None:
    write("one.yaml", "steps: {one: {value: x}}\n")
    (here / "file").write_text("")
    done = flowrun("execute", "one.yaml", env={"FLOWRUN_STORE": "file"})
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        'flowrun: "file" cannot be made: File exists; name another folder in FLOWRUN_STORE\n'
    )


def test_a_record_that_cannot_be_written_is_a_warning(here: Path) -> None:
    write("one.yaml", "steps: {one: {value: x}}\n")
    (here / ".flowrun").mkdir()
    (here / ".flowrun" / "runs").write_text("a file where the folder should be")
    done = flowrun("execute", "one.yaml")
    assert (done.code, done.out) == (0, "x\n")
    assert done.errors[-1].startswith("warning: the run's record .flowrun/runs/")


def test_answers_are_kept_where_the_environment_says(server: Server, here: Path) -> None:
    for _ in range(2):
        assert flowrun("execute", "words.yaml", "-q", env={"FLOWRUN_STORE": "kept"}).code == 0
    assert len(server.seen) == 5
    assert (here / "kept" / "runs").is_dir()
    assert not (here / ".flowrun").exists()


def summary(done: Any) -> Any:
    return json.loads(done.out)


def test_a_partial_run_is_done_and_says_so(server: Server) -> None:
    write("partial.yaml", """
        steps: {one: {model: mine/chaos-500, prompt: x, retry: 0, on_error: ignore}}
        outputs: {one: "{{ one }}"}
    """)  # fmt: skip
    done = flowrun("execute", "partial.yaml")
    assert (done.code, done.out) == (0, "null\n")
    assert done.errors[-1] == "partial: a failure was ignored, as the file says"
    assert summary(flowrun("execute", "partial.yaml", "--json"))["partial"] is True
    assert len(server.seen) == 2


@pytest.mark.parametrize("out", ["file", "file/inside"])
def test_a_folder_that_cannot_be_is_refused_before_anything_is_paid_for(
    out: str, server: Server, here: Path
) -> None:
    (here / "file").write_text("")
    done = flowrun("execute", "words.yaml", "--out", out)
    assert (done.code, done.out, server.seen) == (2, "", [])
    assert done.err == 'flowrun: "file" is a file, and no folder for outputs\n'


@pytest.mark.usefixtures("server")
def test_a_terminal_sees_the_outputs_apart_and_obeys_none_of_them() -> None:
    write("sly.yaml", """
        steps: {one: {model: mine/echo, prompt: "red {{ '\\x1b[31m' }}alert"}}
        outputs: {one: "{{ one }}"}
    """)  # fmt: skip
    code, _, screen = on_terminal("execute", "sly.yaml", is_for_both=True)
    assert code == 0
    assert screen.text.endswith("\n\nred alert\n")
    assert "\x1b[31malert" not in screen.raw
    assert flowrun("execute", "sly.yaml", "-q").out == "red \x1b[31malert\n"
