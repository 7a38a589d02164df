"""What tools take, give, and read of their arguments."""

from __future__ import annotations

import pytest

from tests.document.checking import told
from tests.document.composed_file import faults

WRONG = {
    "a list for text": (
        "  a: {call: find, with: {query: ['{{ inputs.word }}']}}",
        'the argument "query" of tool "find" must be text, and this is a list [wrong-type]',
    ),
    "an object for text": (
        "  a: {call: find, with: {query: {q: 1}}}",
        'the argument "query" of tool "find" must be text, and this is an object [wrong-type]',
    ),
    "text for an object": (
        "  a: {call: weather, with: {city: a, where: '{{ inputs.word }}'}}",
        'the argument "where" of tool "weather" must be an object with zip, and this is text '
        "[wrong-type]",
    ),
    "null for text": (
        "  a: {call: find, with: {query: null}}",
        'the argument "query" of tool "find" must be text, and this is null [wrong-type]',
    ),
    "true for a number": (
        "  a: {call: find, with: {query: a, limit: true}}",
        'the argument "limit" of tool "find" must be a whole number, and this is true or false '
        "[wrong-type]",
    ),
    "text in a template": (
        "  a: {call: find, with: {query: a, limit: 'at {{ inputs.count }}'}}",
        'the argument "limit" of tool "find" must be a whole number, and this is text [wrong-type]',
    ),
    "a missing field": (
        "  a: {call: weather, with: {city: a, where: {}}}",
        'the argument "where" of tool "weather" needs the field "zip" [wrong-type]',
    ),
    "a field too many": (
        "  a: {call: weather, with: {city: a, where: {zip: a, zap: '{{ inputs.cunt }}'}}}",
        'the argument "where" of tool "weather" has no field "zap" [wrong-type]',
    ),
    "a field that an object lacks": (
        "  o: {value: {zap: 1}}\n  a: {call: weather, with: {city: a, where: '{{ o }}'}}",
        'the argument "where" of tool "weather" has no field "zap" [wrong-type]',
    ),
    "a list of the wrong things": (
        "  a: {call: log, with: {names: '{{ inputs.orders }}'}}",
        'the argument "names[…]" of tool "log" must be text, and this is an object with id, '
        "price, lines [wrong-type]",
    ),
    "an image": (
        "  p: {prompt: a, modalities: [image]}\n  a: {call: load, with: {name: '{{ p }}'}}",
        'step "p" is an image [image-in-text]',
    ),
    "an image in a whole object": (
        "  p: {prompt: a, modalities: [image]}\n  o: {value: {name: '{{ p }}'}}\n"
        "  a: {call: load, with: '{{ o }}'}",
        'step "o" holds an image [image-in-text]',
    ),
    "no object": (
        "  a: {call: find, with: '{{ inputs.orders }}'}",
        "`with` must be an object with query, limit, and this is a list of objects with id, price, "
        "lines [wrong-type]",
    ),
    "an argument in a loop": (
        "  a: {foreach: inputs.orders, as: o, call: find, with: {query: '{{ o.price }}'}}",
        'the argument "query" of tool "find" must be text, and this is a number [wrong-type]',
    ),
    "a pipeline as a tool": (
        "  a: {call: review, with: {text: '{{ inputs.count }}'}}",
        'the argument "text" of tool "review" must be text, and this is a whole number '
        "[wrong-type]",
    ),
    "the arguments of a server": (
        "  a: {call: docs.search, with: {q: '{{ inputs.wrd }}'}}",
        '"inputs" has no field "wrd" [unknown-field]',
    ),
    "what a call expects": (
        "  a: {call: find, with: {query: a}, expect: 'a[0].titel'}",
        '"a[0]" has no field "titel" [unnamed-field]',
    ),
}


@pytest.mark.parametrize(("steps", "fault"), WRONG.values(), ids=WRONG)
def test_what_is_handed_over_is_held_against_the_parameters(steps: str, fault: str) -> None:
    found = faults(steps)
    assert found[0] == fault
    assert all("cunt" in each for each in found[1:])


RIGHT = (
    "  a: {call: find, with: {query: '{{ inputs.word }}'}}",
    "  t: {prompt: a, on_error: ignore}\n  a: {call: find, with: {query: '{{ t }}'}}",
    "  t: {prompt: a, response_format: {type: json_object}}\n"
    "  a: {call: find, with: {query: '{{ t.q }}', limit: '{{ t.n }}'}}",
    "  t: {prompt: a, response_format: {type: json_object}}\n  a: {call: weather, with: '{{ t }}'}",
    "  a: {call: weather, with: {city: '{{ inputs.word }}', unit: '{{ inputs.word }}'}}",
    "  a: {call: find, with: {query: a, limit: '{{ inputs.orders[0].price }}'}}",
    "  a: {call: log, with: {names: ['{{ inputs.word }}', a]}}",
    "  a: {call: log, with: {names: []}}",
    "  a: {call: load, with: {name: {deep: ['{{ inputs.orders }}', 1]}}}",
    "  p: {prompt: a, modalities: [image]}\n  a: {call: load, with: {name: '{{ p.width }}'}}",
    "  a: {call: docs.search, with: {q: {a: [1]}}}",
    "  a: {call: raw}",
)


@pytest.mark.parametrize("steps", RIGHT)
def test_what_may_fit_is_handed_over(steps: str) -> None:
    assert faults(steps) == []


TOOL = "tools: {{t: {{{}, parameters: {}}}}}\nsteps: {{a: {{value: 1}}}}"
CITY = "{properties: {city: {type: string}, list: {type: array, items: {type: integer}}}}"


@pytest.mark.parametrize(
    ("action", "fault"),
    [
        ("http: {url: 'https://a.org/{{ city.name }}'}", '"city" is text: it has no field "name"'),
        (
            "http: {url: 'https://a.org', query: {q: '{{ list[0].x }}'}}",
            '"list[0]" is a whole number: it has no field "x"',
        ),
        (
            "http: {url: 'https://a.org', headers: {X-A: '{{ city + 1 }}'}}",
            '"+" does not work on text and a whole number',
        ),
        (
            "http: {method: POST, url: 'https://a.org', body: {b: ['{{ city.b }}']}}",
            '"city" is text: it has no field "b"',
        ),
        ("shell: [a, '{{ city.x }}']", '"city" is text: it has no field "x"'),
        ("shell: [a, {each: '{{ list.x }}'}]", '"list" is a list of whole numbers: it has no '
         'field "x"'),
        ("shell: {command: [a], stdin: '{{ city | mean }}'}", '"city" is text: the filter "mean" '
         "takes a list"),
    ],
)  # fmt: skip
def test_the_templates_of_a_tool_are_held_against_its_parameters(action: str, fault: str) -> None:
    (found,) = told(TOOL.format(action, CITY))
    assert fault in found


@pytest.mark.parametrize("parameters", [CITY, "{}", "{anyOf: [{type: object}, {type: string}]}"])
def test_what_a_tool_may_read_of_its_arguments_it_reads(parameters: str) -> None:
    http = "http: {url: 'https://a.org/{{ city | upper }}/{{ list | join }}'}"
    found = told(TOOL.format(http, parameters))
    assert [each for each in found if "unknown-parameter" not in each] == []


def test_what_a_schema_says_of_a_result_is_known_of_every_kind_of_tool() -> None:
    tools = "".join(
        f"  t{index}: {{{action}, returns: {{type: integer}}}}\n"
        for index, action in enumerate(
            ("python: 'm:f'", "http: {url: 'https://a.org'}", "shell: [a]")
        )
    )
    steps = "".join(f"  a{index}: {{call: t{index}}}\n" for index in range(3))
    read = "".join(f"{{{{ a{index}.x }}}}" for index in range(3))
    text = f"tools:\n{tools}steps:\n{steps}  last: {{value: '{read}'}}\n"
    found = told(text)
    assert [each.split(": ", 1)[1] for each in found] == [
        f'step "a{index}" is a whole number: it has no field "x" [not-an-object]'
        for index in range(3)
    ]


@pytest.mark.parametrize("server", ["{command: [a]}", "{url: 'https://a.org'}"])
def test_of_what_a_server_gives_nothing_is_known(server: str) -> None:
    steps = "a: {call: s.t, with: {b: 1}}, c: {value: '{{ a.b.c[0] }}'}"
    assert told(f"tools: {{s: {{mcp: {server}}}}}\nsteps: {{{steps}}}") == []
