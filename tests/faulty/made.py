"""Faulty files that are better made than stored: large ones, odd bytes, links."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Callable
from pathlib import Path

MADE: dict[str, Callable[[Path], str | bytes]] = {}
"""By name what makes a file: it gives the content, and puts there what else it needs."""

GREET = "steps:\n  greet:\n    prompt: Say hello.\n"


def _made(make: Callable[[Path], str | bytes]) -> Callable[[Path], str | bytes]:
    MADE[make.__name__.replace("_", "-")] = make
    return make


@_made
def big_chain(_folder: Path) -> str:
    steps = [f'  s{n}: {{value: "{{{{ s{n - 1} }}}}"}}\n' for n in range(1, 10_000)]
    steps[4_999] = '  s5000: {value: "{{ s499x }}"}\n'
    return "steps:\n  s0: {value: x}\n" + "".join(steps)


@_made
def big_wide(_folder: Path) -> str:
    facts = "properties: {a: {}}, required: [a], additionalProperties: false"
    schema = f"schemas: {{facts: {{type: object, {facts}}}}}\n"
    steps = [f'  s{n}: {{prompt: "{{{{ first.a }}}} {n}"}}\n' for n in range(10_000)]
    steps[7_000] = '  s7000: {prompt: "{{ first.b }}"}\n'
    joined = " ~ ".join(f"s{n}" for n in range(500))
    first = "  first: {prompt: List facts., response_format: facts}\n"
    return f'{schema}steps:\n{first}{"".join(steps)}outputs:\n  all: "{{{{ {joined} ~ s }}}}"\n'


@_made
def big_cycle(_folder: Path) -> str:
    steps = (f'  s{n}: {{value: "{{{{ s{(n + 1) % 10_000} }}}}"}}\n' for n in range(10_000))
    return "steps:\n" + "".join(steps)


@_made
def big_line(_folder: Path) -> str:
    return f'steps:\n  greet:\n    prompt: "{"word " * 200_000}{{{{ nobody }}}}"\n    retry: many\n'


@_made
def big_template(_folder: Path) -> str:
    return f'steps:\n  greet:\n    prompt: "{"{{ run }}" * 20_000}"\n'


@_made
def big_number(_folder: Path) -> str:
    return f"{GREET}    seed: {'9' * 5_000}\n"


@_made
def bomb_text(_folder: Path) -> str:
    uses = ", ".join(["*text"] * 1_000)
    return f"x-text: &text {'word ' * 20_000}\nx-all: [{uses}]\n{GREET}"


@_made
def bomb_includes(folder: Path) -> str:
    for n in range(12):
        (folder / f"{n}.md").write_text(f"{{% include '{n + 1}.md' %}}" * 4)
    (folder / "12.md").write_text("word\n")
    return "steps:\n  greet:\n    prompt: \"{% include '0.md' %}\"\n"


@_made
def bomb_depth(_folder: Path) -> str:
    levels = [f"x-{n}: &l{n} {{a: *l{n - 1}}}\n" for n in range(1, 60)]
    return "x-0: &l0 {a: 1}\n" + "".join(levels) + GREET


@_made
def deep_flow(_folder: Path) -> str:
    return f"steps:\n  greet:\n    value: {'[' * 20_000}\n"


@_made
def deep_block(_folder: Path) -> str:
    lines = (f"{' ' * n}a:\n" for n in range(2, 200))
    return "steps:\n" + "".join(lines)


@_made
def deep_dashes(_folder: Path) -> str:
    return f"{GREET}x-list: \n  {'- ' * 3_000}word\n"


@_made
def deep_braces(_folder: Path) -> str:
    return f'steps:\n  greet:\n    value: "{{{{ {"(" * 5_000}1{")" * 5_000} }}}}"\n'


@_made
def deep_tags(_folder: Path) -> str:
    inner = "{% if true %}" * 500 + "word" + "{% endif %}" * 500
    return f'steps:\n  greet:\n    value: "{inner}"\n'


@_made
def deep_minus(_folder: Path) -> str:
    return f'steps:\n  greet:\n    value: "{{{{ {"- " * 3_000}1 }}}}"\n'


@_made
def deep_not(_folder: Path) -> str:
    return f"steps:\n  greet:\n    prompt: Say hello.\n    if: {'not ' * 5_000}true\n"


@_made
def deep_schema(folder: Path) -> str:
    nested = '{"items": ' * 5_000 + "{}" + "}" * 5_000
    (folder / "deep.json").write_text(nested)
    return f"schemas:\n  deep: {{file: deep.json}}\n{GREET}"


@_made
def encoding_utf16(_folder: Path) -> bytes:
    return codecs.BOM_UTF16_LE + GREET.encode("utf-16-le")


@_made
def encoding_utf32(_folder: Path) -> bytes:
    return codecs.BOM_UTF32_BE + GREET.encode("utf-32-be")


@_made
def encoding_latin1(_folder: Path) -> bytes:
    return "# Grüße\nsteps:\n  greet:\n    prompt: Sag schön hallo.\n".encode("latin-1")


@_made
def encoding_cut_off(_folder: Path) -> bytes:
    return f"{GREET}    user: 日本".encode()[:-1]


@_made
def encoding_half(_folder: Path) -> bytes:
    return GREET.encode() + b"    user: \xed\xa0\x80\n"


@_made
def encoding_nul(_folder: Path) -> bytes:
    return GREET.encode() + b"    user: \x00\x00 me\n    seed: 1\x07\n"


@_made
def encoding_picture(_folder: Path) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))


@_made
def encoding_mark(_folder: Path) -> bytes:
    return codecs.BOM_UTF8 + b"stps: {}\nsteps:\n  greet: {prompt: '{{ nobody }}'}\n"


@_made
def encoding_inner_mark(_folder: Path) -> str:
    return f"{GREET}  other:\n    prompt: \ufeffSay {{{{ nobody }}}}.\n"


@_made
def encoding_windows(_folder: Path) -> bytes:
    text = "steps:\n  greet:\n    prompt: |\n      Say:\n\n      {{ nobody }}\n    retry: many\n"
    return text.replace("\n", "\r\n").encode()


@_made
def encoding_old_mac(_folder: Path) -> bytes:
    return b"steps:\r  greet:\r    prompt: |\r      Say:\r      {{ nobody }}\r    retry: many\r"


@_made
def encoding_text_file(folder: Path) -> str:
    (folder / "draft.md").write_bytes("Grüße {{ nobody }}".encode("latin-1"))
    return "steps:\n  greet:\n    prompt: {file: draft.md}\n"


@_made
def path_link_file(folder: Path) -> str:
    outside = folder.parent / "outside.md"
    outside.write_text("a secret")
    (folder / "link.md").symlink_to(outside)
    return (
        "steps:\n  greet:\n    system: {file: link.md}\n    prompt: \"{% include 'link.md' %}\"\n"
    )


@_made
def path_link_folder(folder: Path) -> str:
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "schema.json").write_text(json.dumps({"type": "object"}))
    (folder / "linked").symlink_to(outside)
    return f"schemas:\n  secret: {{file: linked/schema.json}}\n{GREET}"


@_made
def path_link_circle(folder: Path) -> str:
    (folder / "a.md").symlink_to(folder / "b.md")
    (folder / "b.md").symlink_to(folder / "a.md")
    return "steps:\n  greet:\n    prompt: {file: a.md}\n"


@_made
def path_pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe.md")
    return "steps:\n  greet:\n    prompt: {file: pipe.md}\n"


@_made
def path_large(folder: Path) -> str:
    with (folder / "large.md").open("wb") as file:
        file.truncate(20_000_000)
    return "steps:\n  greet:\n    prompt: {file: large.md}\n"


def make(name: str, folder: Path) -> str:
    """Makes a file and what it needs in the folder; gives its name there."""
    content = MADE[name](folder)
    path = folder / f"{name}.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path.name
