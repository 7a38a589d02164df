"""§6 of docs/language.md: inputs and outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowrun.api import Options, execute
from flowrun.chat.images import Image
from flowrun.errors import PipelineError, UsageError
from tests.cli.command import flowrun, write
from tests.support.citing import says
from tests.support.replies import png
from tests.support.running import Models, Stage, picture


def shown(declared: str, *words: str) -> object:
    """The input "x" as a run is given it on the command line."""
    write("p.yaml", f"inputs: {{x: {declared}}}\nsteps: {{a: {{value: ['{{{{ inputs.x }}}}']}}}}")
    done = flowrun("execute", "p.yaml", "--json", *words)
    assert done.code == 0, done.err
    (value,) = json.loads(done.out)["outputs"]["a"]
    return value


def files(folder: Path) -> dict[str, str]:
    """Every file under a folder and the first letters of what it holds."""
    found = [each for each in sorted(folder.rglob("*")) if each.is_file()]
    return {str(each.relative_to(folder)): each.read_text("latin-1")[:4] for each in found}


@says("§6", "An input is a JSON Schema fragment plus default;")
def test_an_input_is_held_to_its_schema() -> None:
    declared = "{type: integer, maximum: 9, default: 3}"
    assert shown(declared) == 3
    assert shown(declared, "-i", "x=7") == 7
    done = flowrun("execute", "p.yaml", "-i", "x=10")
    assert (done.code, "10" in done.err) == (2, True)


@says("§6", "type: image and type: file take a path.")
def test_images_and_files_take_a_path(here: Path) -> None:
    (here / "cat.png").write_bytes(png("cat"))
    write("text.md", "Tea.")
    write(
        "p.yaml",
        """
        inputs: {cat: {type: image}, text: {type: file, default: text.md}}
        steps: {a: {value: ["{{ inputs.cat.mime_type }}", "{{ inputs.text }}"]}}
        """,
    )
    assert execute("p.yaml", {"cat": "cat.png"}).steps["a"].value == ["image/png", "Tea."]


@says("§6", "No default: required.")
def test_an_input_without_a_default_is_required() -> None:
    write("p.yaml", "inputs: {x: {type: string}}\nsteps: {a: {prompt: '{{ inputs.x }}'}}")
    done = flowrun("execute", "p.yaml")
    assert (done.code, 'input "x" is required' in done.err) == (2, True)


CONTENTS = {
    "x.json": ('{"a": [1]}', {"a": [1]}),
    "x.jsonl": ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    "x.yaml": ("a: [no, 1]", {"a": ["no", 1]}),
    "x.csv": ("a,b\n1,2\n", [{"a": "1", "b": "2"}]),
    "x.txt": ('{"a": [1]}', '{"a": [1]}'),
}


@says("§6", "-i name=text, -i name=@file (text; … parsed when .json .jsonl .yaml .csv),")
@pytest.mark.parametrize("name", CONTENTS)
def test_an_input_is_read_from_a_file(name: str) -> None:
    text, value = CONTENTS[name]
    Path(name).write_text(text, "utf-8")
    assert shown("{}", "-i", f"x=@{name}") == value


@says("§6", "-i name=@file (text; images;")
def test_an_image_is_read_from_a_file(here: Path) -> None:
    (here / "cat.png").write_bytes(png("cat"))
    write("p.yaml", "inputs: {x: {type: image}}\nsteps: {a: {value: '{{ inputs.x.width }}!'}}")
    done = flowrun("execute", "p.yaml", "-i", "x=@cat.png")
    assert (done.code, done.out) == (0, f"{picture('cat').width}!\n")


@says("§6", "-i name=text, … -i name:=json.")
@pytest.mark.parametrize(("word", "value"), [("x=[1]", "[1]"), ("x:=[1]", [1]), ("x=@@", None)])
def test_an_input_is_text_or_json(word: str, value: object) -> None:
    if value is None:
        write("p.yaml", "inputs: {x: {}}\nsteps: {a: {value: '{{ inputs.x }}'}}")
        assert flowrun("execute", "p.yaml", "-i", word).code == 2
    else:
        assert shown("{}", "-i", word) == value


@says("§6", "An output is a template, or {value, file},")
def test_an_output_is_a_value_or_a_file(here: Path) -> None:
    found = Stage(out=here / "out").run("""
    steps: {a: {value: [1, 2]}}
    outputs: {shown: "{{ a }}", written: {value: "{{ a }}", file: "{{ a[0] }}/data.json"}}
    """)
    assert found.outputs["shown"] == [1, 2]
    assert json.loads((here / "out" / "1" / "data.json").read_text("utf-8")) == [1, 2]


@says("§6", "or {foreach, as, value, file} for one file for each element")
@says("§6", "(frames/{{ loop.index }}.png).")
def test_an_output_is_one_file_for_each_element(here: Path) -> None:
    Stage(out=here / "out").run("""
    steps: {a: {foreach: "['x', 'y']", modalities: [image], prompt: "{{ item }}"}}
    outputs:
      o: {foreach: a, as: frame, value: "{{ frame }}", file: "frames/{{ loop.index }}.png"}
    """)
    assert files(here / "out") == dict.fromkeys(["frames/1.png", "frames/2.png"], "\x89PNG")


@says("§6", "Files are written under --out (default out/<pipeline>/) and nowhere else:")
@pytest.mark.parametrize(("words", "folder"), [([], "out/tea"), (["--out", "there"], "there")])
def test_files_are_written_under_out(here: Path, words: list[str], folder: str) -> None:
    text = "steps: {a: {value: x}}\noutputs: {o: {value: '{{ a }}', file: deep/o.txt}}"
    write("p.yaml", f"name: tea\n{text}")
    assert flowrun("execute", "p.yaml", *words).code == 0
    written = [each for each in files(here) if not each.startswith(".flowrun")]
    assert sorted(written) == sorted([f"{folder}/deep/o.txt", "p.yaml"])


@says("§6", "an absolute path, .., or a link that leads out is refused before anything is run,")
@pytest.mark.parametrize("path", ["/tmp/x.txt", "../x.txt", "a/../../x.txt", "link/x.txt"])
@pytest.mark.parametrize("is_literal", [True, False])
def test_no_path_leads_out(here: Path, path: str, is_literal: bool) -> None:
    (here / "out").mkdir()
    (here / "out" / "link").symlink_to(here.parent)
    name = path if is_literal else "{{ inputs.p }}"
    write("p.yaml", f"""
    inputs: {{p: {{default: ok.txt}}}}
    steps: {{a: {{model: fake/echo, prompt: hi}}}}
    outputs: {{o: {{value: "{{{{ a }}}}", file: "{name}"}}}}
    """)  # fmt: skip
    events: list[object] = []
    with pytest.raises((PipelineError, UsageError)):
        execute("p.yaml", {"p": path}, Options(out="out", report=events.append))
    assert events == []
    assert not (here.parent / "x.txt").exists()


@says("§6", "or, where the path is made from a step's output, before anything is written.")
@pytest.mark.parametrize("path", ["/tmp/x.txt", "../x.txt", "link/x.txt"])
def test_no_path_that_a_step_makes_leads_out(here: Path, path: str) -> None:
    (here / "out").mkdir()
    (here / "out" / "link").symlink_to(here.parent)
    found = Stage(models=Models([path]), out=here / "out").run("""
    steps: {a: {prompt: hi}}
    outputs: {o: {value: x, file: "{{ a }}"}}
    """)
    assert found.result.status == "failed"
    assert files(here) == {}
    assert not (here.parent / "x.txt").exists()


@says("§6", "For a null value (of a skipped or ignored item) no file is written.")
def test_a_null_value_has_no_file(here: Path) -> None:
    Stage(out=here / "out").run("""
    steps: {a: {foreach: "[1, 2, 3]", if: item != 2, value: "n {{ item }}"}}
    outputs: {o: {foreach: a, value: "{{ item }}", file: "{{ loop.index }}.txt"}}
    """)
    assert list(files(here / "out")) == ["1.txt", "3.txt"]


@says("§6", "A picture without a path of its own is written as <output>.png, those of a list as")
@says("§6", "<output>/1.png and so on.")
def test_a_picture_without_a_path_gets_one(here: Path) -> None:
    Stage(out=here / "out").run("""
    steps:
      one: {modalities: [image], prompt: one}
      all: {foreach: "['x', 'y']", modalities: [image], prompt: "{{ item }}"}
    outputs: {hero: "{{ one }}", pages: "{{ all }}"}
    """)
    assert list(files(here / "out")) == ["hero.png", "pages/1.png", "pages/2.png"]


@says("§6", "Without outputs a run gives the values of the steps that no other step needs.")
def test_without_outputs_a_run_gives_its_last_values() -> None:
    found = Stage().run("steps: {a: {value: 1}, b: {value: '{{ a + 1 }}'}, c: {value: 3}}")
    assert found.outputs == {"b": 2, "c": 3}
    assert not any(isinstance(each, Image) for each in found.outputs.values())
