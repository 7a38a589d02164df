"""§1 of docs/language.md: values and templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.api import execute
from flowrun.chat.images import Image
from flowrun.chat.messages import Text
from flowrun.document import budget
from flowrun.errors import PipelineError
from tests.cli.command import write
from tests.document.checking import told
from tests.support.citing import says
from tests.support.running import Models, Stage, run
from tests.support.tooling import ANY, Box, Counting


def value(expression: str, **inputs: object) -> object:
    """What a template gives, with the names of the inputs declared."""
    declared = "".join(f"  {name}: {{}}\n" for name in inputs)
    source = f"inputs:\n{declared}" if declared else ""
    return Stage().run(f"{source}steps:\n  a: {{value: '{expression}'}}\n", **inputs).value("a")


@says("§1", "A step's name is a variable that holds its output.")
def test_a_steps_name_holds_its_output() -> None:
    assert run("steps: {a: {value: [1, 2]}, b: {value: '{{ a[1] }}'}}").value("b") == 2


@says("§1", "inputs holds the inputs.")
def test_inputs_holds_the_inputs() -> None:
    assert value("{{ inputs }}", x=1, y="z") == {"x": 1, "y": "z"}


@says("§1", "Nothing else is in scope but loop variables, … and the filters.")
@pytest.mark.parametrize(
    "name", ["loop", "item", "previous", "rounds", "round", "steps", "env", "config", "slug"]
)
def test_nothing_else_is_in_scope(name: str) -> None:
    (fault,) = told(f"steps: {{a: {{value: '{{{{ {name} }}}}'}}}}")
    assert "[unknown-" in fault


@says("§1", "Nothing else is in scope but loop variables,")
def test_a_loop_variable_is_in_scope_where_the_loop_is() -> None:
    found = run("steps: {a: {foreach: '[1, 2]', as: n, value: '{{ n }} of {{ loop.length }}'}}")
    assert found.value("a") == ["1 of 2", "2 of 2"]
    source = "steps: {a: {foreach: '[1]', as: n, value: x}, b: {value: '{{ n }}'}}"
    assert "unknown" in told(source)[0]


@says("§1", "previous, rounds and round (in repeat),")
def test_the_names_of_a_repeat_are_in_scope_there() -> None:
    found = run("""
    steps:
      a:
        repeat: {until: "round == 2", max: 3}
        value: {last: "{{ previous.count if previous }}", count: "{{ rounds | length }}",
                number: "{{ round }}"}
    """)
    assert found.value("a") == {"last": 0, "count": 1, "number": 2}


@says("§1", "run (facts of the run: run.<step>.model, .usage, .seconds, .cost, .status),")
def test_run_holds_the_facts_of_the_run() -> None:
    facts = (
        "{{ [run.a.model, run.a.usage.output_tokens, run.a.seconds, run.a.cost, run.a.status] }}"
    )
    found = run(f"steps: {{a: {{model: fast, prompt: hello}}, b: {{value: '{facts}'}}}}").value("b")
    assert isinstance(found, list)
    model, tokens, seconds, cost, status = found
    assert (model.rpartition("/")[2], tokens, cost, status) == ("fast", 1, None, "done")
    assert isinstance(seconds, float)
    assert "[unknown-" in told("steps: {a: {prompt: x}, b: {value: '{{ run.a.colour }}'}}")[0]


@says("§1", "A step may not take the name of any of these or of a Jinja global; check says so.")
@pytest.mark.parametrize(
    "name", ["inputs", "run", "loop", "previous", "rounds", "round", "range", "dict", "namespace"]
)
def test_a_step_may_not_take_a_name_that_is_taken(name: str) -> None:
    faults = told(f"steps: {{{name}: {{value: 1}}}}")
    assert faults == [f'1:9: a step cannot be called "{name}" [name-taken]']


@says("§1", "A step may not take the name of any of these")
def test_a_step_may_not_take_the_name_of_a_loop_variable() -> None:
    source = "steps: {n: {value: 1}, a: {foreach: '[1]', as: n, value: 2}}"
    assert "[name-taken]" in told(source)[0]


@says("§1", "Edges come from the templates. Naming a step makes an edge.")
def test_naming_a_step_makes_an_edge() -> None:
    found = run("steps: {b: {prompt: 'then {{ a }}'}, a: {prompt: first}}")
    assert found.prompts == ["first", "then first"]
    faults = told("steps: {a: {value: '{{ b }}'}, b: {value: '{{ a }}'}}")
    assert "[cycle]" in faults[0]


@says("§1", "needs: [a, b] is for an edge that no template shows.")
def test_needs_makes_an_edge_too() -> None:
    found = run("steps: {c: {prompt: third, needs: [a, b]}, b: {prompt: one}, a: {prompt: two}}")
    assert found.prompts[-1] == "third"


@says("§1", "Strings are Jinja templates in an immutable sandbox.")
@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("{{ inputs.__class__.__mro__ }}", "[hidden-name]"),
        ("{{ inputs.x.__init__ }}", "[hidden-name]"),
        ("{{ inputs.list.append(1) }}", "[not-an-object]"),
        ("{{ inputs.pop('x') }}", "[unknown-field]"),
    ],
)
def test_a_template_can_neither_reach_out_nor_change_anything(expression: str, code: str) -> None:
    source = f'inputs: {{x: {{}}, list: {{type: array}}}}\nsteps: {{a: {{value: "{expression}"}}}}'
    (fault,) = told(source)
    assert code in fault


@says("§1", "in an immutable sandbox.")
def test_a_template_cannot_assign_to_what_it_is_given() -> None:
    source = "inputs: {x: {}}\nsteps: {a: {value: '{% set inputs.x = 2 %}'}}"
    assert "cannot assign attribute" in run(source, x=1).reason("a")


@says("§1", "Strings are Jinja templates")
def test_strings_are_jinja_templates() -> None:
    template = "{% for n in inputs.list if n > 1 %}{{ n * 2 }};{% else %}none{% endfor %}"
    assert value(template, list=[1, 2, 3]) == "4;6;"
    assert value(template, list=[]) == "none"


@says("§1", "An undefined name is an error, never an empty string.")
def test_an_undefined_name_is_an_error() -> None:
    assert "[unknown-step]" in told("steps: {a: {value: 'x{{ nothing }}'}}")[0]
    source = "inputs: {x: {}}\nsteps: {a: {value: 'x{{ inputs.x.nothing }}'}}"
    assert run(source, x={"thing": 1}).status("a") == "failed"


ENDLESS = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"


@says("§1", "Compiling and rendering are bounded in time")
def test_rendering_is_bounded_in_work() -> None:
    found = run(f"steps: {{a: {{value: '{ENDLESS}'}}}}")
    assert found.status("a") == "failed"
    assert found.reason("a").startswith("the template ")


@says("§1", "rendering are bounded in time (2 s)")
def test_rendering_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "SECONDS", 0.0)  # the count of work mostly comes first
    found = run(f"steps: {{a: {{value: '{ENDLESS}'}}}}")
    assert found.reason("a") == "the template runs for longer than 2 s"


@says("§1", "and size (16 MB).")
def test_rendering_is_bounded_in_size() -> None:
    found = run(
        "steps: {a: {value: \"{{ 'x' * 17000000 }}\"}, b: {value: \"{{ 'x' * 16000000 }}\"}}"
    )
    assert found.statuses == {"a": "failed", "b": "done"}
    assert "16" in found.reason("a")


@says("§1", "Compiling and … are bounded in")
def test_compiling_is_bounded() -> None:
    deep = "(" * 3000 + "1" + ")" * 3000
    (fault,) = told(f"steps: {{a: {{value: '{{{{ {deep} }}}}'}}}}")
    assert "[template-" in fault


@says("§1", "What a model, a row or a tool said is data: it is never rendered again.")
def test_what_somebody_said_is_never_rendered() -> None:
    said = "{{ inputs.secret }}"
    tool = Counting(act=lambda _: said, parameters=ANY)
    stage = Stage(models=Models(lambda _: said), toolbox=Box([tool], {}))
    found = stage.run(
        """
        inputs: {row: {}, secret: {}}
        tools: {weather: {shell: [x], parameters: {type: object, properties: {}}}}
        steps:
          model: {prompt: hi}
          tool: {call: weather}
          row: {value: "{{ inputs.row }}"}
          again: {value: "{{ model }}{{ tool }}{{ row }}"}
        """,
        row=said,
        secret=42,
    )
    assert found.value("again") == said * 3


@says(
    "§1",
    "A string that is exactly one {{ expression }} gives the value itself (a list stays a list).",
)
def test_one_expression_gives_the_value_itself() -> None:
    assert value("{{ inputs.x }}", x=[1, "a"]) == [1, "a"]
    assert value("{{ inputs.x }}", x=None) is None


@says("§1", "Any other template gives text, in which objects are printed as JSON.")
def test_any_other_template_gives_text() -> None:
    given = {"a": [1, "ü", None, True]}
    assert value("x {{ inputs.x }}", x=given) == 'x {"a": [1, "ü", null, true]}'
    assert value("{{ inputs.x }}{{ inputs.x }}", x=1) == "11"


FILES = {
    "child.yaml": "inputs: {x: {}}\nsteps: {a: {value: '{{ inputs.x }}'}}\noutputs: {o: '{{ a }}'}"
}


@says("§1", "Templates work at any depth of with, value, outputs and messages,")
def test_templates_work_at_any_depth() -> None:
    found = Stage(files=FILES).run(
        """
        inputs: {n: {}}
        steps:
          a: {value: {x: [{y: "{{ inputs.n }}"}]}}
          b: {uses: ./child.yaml, with: {x: [{y: "{{ inputs.n }}"}]}}
          c: {messages: [{role: user, content: [{type: text, text: "n is {{ inputs.n }}"}]}]}
        outputs:
          o: {x: [["{{ inputs.n }}"]]}
        """,
        n=7,
    )
    assert found.value("a") == {"x": [{"y": 7}]}
    assert found.value("b") == {"o": [{"y": 7}]}
    assert found.value("c") == "n is 7"
    assert found.outputs == {"o": {"x": [[7]]}}


@says("§1", "and in every string of a prompt step.")
def test_templates_work_in_every_string_of_a_prompt_step() -> None:
    found = run(
        """
    inputs: {x: {}}
    steps:
      a:
        model: "{{ inputs.x }}"
        system: "s {{ inputs.x }}"
        prompt: "p {{ inputs.x }}"
        reasoning_effort: "{{ inputs.x }}"
        stop: ["{{ inputs.x }}"]
        provider: {order: ["{{ inputs.x }}"]}
    """,
        x="high",
    )
    assert found.models.asked_of == ["high"]
    request = found.models.requests[0]
    assert [each.role for each in request.messages] == ["system", "user"]
    assert str(request).count("high") == 6


@says("§1", "if, foreach, until and expect take a bare expression, without braces.")
@pytest.mark.parametrize(
    "key", ["if: {}", "foreach: {}", "repeat: {{until: {}, max: 2}}", "expect: [{}]"]
)
def test_expressions_stand_bare(key: str) -> None:
    bare, braced = (
        f"steps: {{a: {{{key.format(x)}, value: 1}}}}" for x in ("'[1]'", "'{{ [1] }}'")
    )
    assert told(bare) == []
    assert "brace" in " ".join(told(braced))


@says("§1", "An image placed in a prompt becomes an image part at that place.")
@says("§1", "Text before and after it stays text.")
def test_an_image_becomes_a_part_at_its_place() -> None:
    found = run("""
    steps:
      a: {modalities: [image], prompt: a cat}
      b: {prompt: "Before {{ a }} after"}
    """)
    parts = found.models.requests[1].messages[-1].parts
    assert [type(each) for each in parts] == [Text, Image, Text]
    assert (parts[0], parts[2]) == (Text("Before "), Text(" after"))


@says(
    "§1",
    "An image where only text can go",
    "(a file name, a system prompt, a text output) is an error that says so.",
)
@pytest.mark.parametrize(
    "more",
    [
        "steps: {A, b: {prompt: hi, system: 'x {{ a }}'}}",
        "steps: {A}\noutputs: {o: 'x {{ a }}'}",
        "steps: {A}\noutputs: {o: {value: x, file: '{{ a }}.txt'}}",
    ],
    ids=["system", "text output", "file name"],
)
def test_an_image_where_only_text_can_go_is_an_error(more: str) -> None:
    (fault,) = told(more.replace("A", "a: {modalities: [image], prompt: cat}"))
    assert "image" in fault
    assert "text" in fault


@says("§1", "prompt, system and value take text or {file: prompts/draft.md}.")
def test_texts_may_stand_in_files() -> None:
    found = Stage(files={"prompts/draft.md": "Draft of {{ inputs.x }}"}).run(
        """
        inputs: {x: {}}
        steps:
          a: {prompt: {file: prompts/draft.md}, system: {file: prompts/draft.md}}
          b: {value: {file: prompts/draft.md}}
        """,
        x="tea",
    )
    assert found.value("a") == found.value("b") == "Draft of tea"
    assert "Draft of tea" in str(found.models.requests[0].messages[0])


@says("§1", "{% include %} and {% import %} read files under the pipeline's folder")
def test_files_are_included_and_imported() -> None:
    files = {"head.md": "Head. ", "macros.md": "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}"}
    template = "{% include 'head.md' %}{% import 'macros.md' as m %}{{ m.twice('ab') }}"
    assert (
        Stage(files=files).run(f'steps: {{a: {{value: "{template}"}}}}').value("a") == "Head. abab"
    )


@says("§1", "and no others.")
@pytest.mark.parametrize("name", ["../outside.md", "/etc/hostname", "link.md"])
@pytest.mark.parametrize("tag", ["{{% include '{}' %}}", "{{% import '{}' as m %}}", "file"])
def test_no_file_elsewhere_is_read(here: Path, name: str, tag: str) -> None:
    (here.parent / "outside.md").write_text("secret", "utf-8")
    (here / "link.md").symlink_to(here.parent / "outside.md")
    text = f"{{file: {name}}}" if tag == "file" else f'"{tag.format(name)}"'
    write("p.yaml", f"steps: {{a: {{value: {text}}}}}")
    with pytest.raises(PipelineError, match=r"leads out of|it is absolute"):
        execute("p.yaml")


FILTERS: dict[str, tuple[str, object]] = {
    "to_json": ("{{ [1, none] | to_json }}x", "[1, null]x"),
    "from_json": ("{{ \"[1]\" | from_json }}", [1]),
    "from_yaml": ("{{ \"{a: no}\" | from_yaml }}", {"a": "no"}),
    "slug": ("{{ \"Grüne Tür!\" | slug }}", "grune-tur"),
    "split": ("{{ \"a,b\" | split(\",\") }}", ["a", "b"]),
    "regex_search": ("{{ \"no 17\" | regex_search(\"[0-9]+\") }}", "17"),
    "regex_replace": ("{{ \"a1b2\" | regex_replace(\"[0-9]\", \"-\") }}", "a-b-"),
    "flatten": ("{{ [1, [2, [3]]] | flatten | list }}", [1, 2, 3]),
    "zip_with": ("{{ [1, 2] | zip_with([3, 4]) }}", [[1, 3], [2, 4]]),
    "product": ("{{ [1, 2] | product([3, 4]) }}", [[1, 3], [1, 4], [2, 3], [2, 4]]),
    "group_by_key": (
        "{{ [{\"k\": \"a\", \"n\": 1}, {\"k\": \"a\", \"n\": 2}] | group_by_key(\"k\") }}",
        {"a": [{"k": "a", "n": 1}, {"k": "a", "n": 2}]},
    ),
    "mean": ("{{ [1, 2, 6] | mean }}", 3),
    "median": ("{{ [1, 2, 6] | median }}", 2),
    "most_common": ("{{ [1, 2, 2] | most_common }}", 2),
    "sha256": (
        "{{ \"\" | sha256 }}",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    "b64encode": ("{{ \"hi\" | b64encode }}", "aGk="),
}  # fmt: skip


@says("§1", "Filters beside Jinja's own, so that reshaping needs no Python:")
@says("§1", "to_json, from_json, from_yaml, slug, … split, regex_search, regex_replace, flatten,")
@says("§1", "zip_with, product, group_by_key, mean, median, most_common, … sha256, b64encode.")
@pytest.mark.parametrize("name", FILTERS)
def test_filters(name: str) -> None:
    expression, expected = FILTERS[name]
    assert value(expression) == expected


@says("§1", "chunk (by characters, with overlap),")
def test_chunk_is_by_characters_with_overlap() -> None:
    assert value('{{ "abcdefg" | chunk(3, 1) }}') == ["abc", "cde", "efg"]


@says("§1", "agreement (of samples: each field's most frequent value and its share),")
def test_agreement_is_of_samples() -> None:
    answers = ['{"a": 1, "b": 2}', '{"a": 1, "b": 3}', '{"a": 2, "b": 3}', '{"a": 1, "b": 3}']
    found = run(
        """
        steps:
          s: {samples: 4, prompt: hi, response_format: {type: json_object}}
          a: {value: "{{ s | agreement }}"}
        """,
        answers,
    )
    assert found.value("a") == {"a": {"value": 1, "share": 0.75}, "b": {"value": 3, "share": 0.75}}
