"""§3 of docs/language.md: budgets."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.chat.usage import Price
from flowrun.errors import Unavailable
from flowrun.providers.fake import Answer
from tests.cli.command import flowrun, write
from tests.support.citing import says
from tests.support.running import picture, said
from tests.support.spending import costing, paid, slowly, stage


def asked(step: str, usd: str = "3") -> int:
    """How many requests a step may make under its budget, each for a dollar."""
    source = f"steps: {{a: {{{step}, budget: {{usd: {usd}}}}}}}"
    return len(stage().run(f"defaults: {{max_completion_tokens: 1}}\n{source}").prompts)


@says(
    "§3", "Budgets. A step's budget is for all its items, rounds and samples, and for all that is"
)
@says("§3", "inside it;")
@pytest.mark.parametrize(
    "step",
    [
        'foreach: range(9) | list, prompt: "{{ item }}"',
        'repeat: {until: false, max: 9}, prompt: "{{ round }}"',
        "samples: 9, prompt: x",
        'foreach: range(9) | list, steps: {b: {prompt: "{{ item }}"}}',
    ],
)
def test_a_budget_is_for_all_of_a_step(step: str) -> None:
    assert asked(step) == 3


@says("§3", "inside a block each item of the block has it anew.")
def test_each_item_of_a_block_has_a_budget_anew() -> None:
    found = stage(keep_going=True).run(
        """
        defaults: {max_completion_tokens: 1}
        steps:
          a:
            foreach: [1, 2]
            as: x
            steps:
              b: {foreach: range(9) | list, prompt: "{{ x }} {{ item }}", budget: {usd: 3}}
        """.replace("[1, 2]", '"[1, 2]"')
    )
    assert len(found.prompts) == 6


@says("§3", "At the top of a file that another file uses it holds for each use.")
@says("§3", "A request needs room in every budget around it.")
@pytest.mark.parametrize(("usd", "requests"), [(9, 6), (5, 5)])
def test_a_file_that_is_used_has_a_budget_of_its_own(usd: int, requests: int) -> None:
    child = """
    budget: {usd: 3}
    defaults: {max_completion_tokens: 1}
    inputs: {x: {type: integer}}
    steps: {c: {foreach: range(9) | list, prompt: "{{ inputs.x }} {{ item }}"}}
    """
    source = f"""
    budget: {{usd: {usd}}}
    steps:
      a: {{foreach: range(2) | list, uses: ./child.yaml, with: {{x: "{{{{ item }}}}"}}}}
    """
    found = stage(files={"child.yaml": child}, keep_going=True).run(source)
    assert len(found.prompts) == requests


def statuses(price: Price, limit: str, prompt: str = "x", **inputs: object) -> str:
    """How a step ends that asks one model under a budget."""
    found = stage(prices={"recommended": price}).run(
        f"""
        budget: {{usd: {limit}}}
        inputs: {{picture: {{type: image, default: a.png}}}}
        steps: {{a: {{prompt: "{prompt}", max_completion_tokens: 10}}}}
        """,
        **inputs,
    )
    return found.status("a")


@says("§3", "Its worst case is a token for every byte of text, and 8,192 for an image, at the")
@says("§3", "dearest price of input, and max_completion_tokens at the price of output.")
def test_the_worst_case_is_bytes_images_and_the_longest_answer() -> None:
    millions = Decimal(1_000_000)
    said_only = Price(Decimal(0), millions)
    assert [statuses(said_only, usd) for usd in ("9.99", "10")] == ["failed", "done"]
    # 80 tokens stand round a single message; three letters of two bytes each are six more.
    asked_only = Price(millions, Decimal(0), cache_write_usd=2 * millions)
    assert [statuses(asked_only, usd, "äöü") for usd in ("171.99", "172")] == ["failed", "done"]
    dear, shown = 2 * (80 + 4 + 8192), "see {{ inputs.picture }}"
    limits = (str(dear - 1), str(dear))
    outcomes = [statuses(asked_only, each, shown, picture=picture()) for each in limits]
    assert outcomes == ["failed", "done"]


@says("§3", "So a model needs a price in flowrun.toml, and the step max_completion_tokens, unless")
@says("§3", "the model is free, as those are that run on this machine; kept answers are free too.")
def test_what_cannot_be_priced_is_not_asked_and_what_is_free_need_not_be() -> None:
    on = stage()
    found = on.run("budget: {usd: 1}\nsteps: {a: {prompt: x}, b: {prompt: y, model: strange}}")
    assert "set max_completion_tokens" in found.reason("a")
    assert "write its price into flowrun.toml" in found.reason("b")
    assert found.prompts == []
    write("free.yaml", "budget: {usd: 0.01}\nsteps: {a: {prompt: hi, model: fake/echo}}")
    assert flowrun("execute", "free.yaml", "-q").out == "hi\n"
    kept = "steps: {a: {prompt: z, max_completion_tokens: 1}}"
    assert on.run(f"budget: {{usd: 1}}\n{kept}").status("a") == "done"
    assert on.run(f"budget: {{usd: 0.01}}\n{kept}").status("a") == "cached"


@says("§3", "When a request has ended, what it really cost is booked: where that is not known its")
@says("§3", "worst case, and nothing if it was refused.")
@pytest.mark.parametrize(("dollars", "requests"), [(1, 11), (2, 6), (None, 2)])
def test_what_it_really_cost_is_booked(dollars: int | None, requests: int) -> None:
    source = """
    budget: {usd: 20}
    defaults: {max_completion_tokens: 10}
    steps: {a: {foreach: range(99) | list, prompt: "{{ item }}"}}
    """
    assert len(stage(paid(dollars)).run(source).prompts) == requests
    refused: list[str] = []

    def busy(request: ChatRequest) -> Answer:
        refused.append(said(request))
        return Unavailable("busy", status=429) if len(refused) < 4 else costing(10)

    found = stage(busy).run(source.replace("range(99)", "range(2)"))
    assert (found.status("a"), len(refused)) == ("done", 5)


@says("§3", "A request that finds no room waits while others are under way, which may leave some.")
@says("§3", "Then nothing more is begun under that budget,")
def test_a_request_waits_for_room_until_there_can_be_none() -> None:
    source = """
    defaults: {max_completion_tokens: 4}
    steps:
      a: {foreach: range(3) | list, prompt: "{{ item }}", budget: {usd: 6}}
      b: {prompt: b}
    """
    waiting = stage(lambda request: slowly(costing(1, said(request))))
    assert waiting.run(source).statuses == {"a": "done", "b": "done"}
    wasteful = stage(lambda request: slowly(costing(4, said(request))))
    found = wasteful.run(source)
    assert found.statuses == {"a": "failed", "b": "done"}
    assert len(found.prompts) == 2


@says("§3", "and the run ends with exit code 4; raise the budget and run again to go on.")
def test_a_run_ends_with_exit_code_4_and_goes_on_when_the_budget_is_raised() -> None:
    write(
        "flowrun.toml",
        """
        [fake.clerk]
        replies = ["one two three"]
        [prices."fake/clerk"]
        input = 1
        output = 1
        """,
    )
    source = """
    budget: {usd: 0.0001}
    defaults: {model: fake/clerk, max_completion_tokens: 10}
    steps: {a: {prompt: a}, b: {prompt: "b {{ a }}"}}
    """
    write("two.yaml", source)
    first = flowrun("execute", "two.yaml")
    assert (first.code, "the budget of the run is reached" in first.err) == (4, True)
    write("two.yaml", source.replace("0.0001", "1"))
    again = flowrun("execute", "two.yaml", "--json")
    assert again.code == 0
    assert '"status": "cached"' in again.out


@says("§3", "on_error: ignore ignores that the step's own budget is reached, never one around it.")
@pytest.mark.parametrize(("own", "status"), [(True, "ignored"), (False, "failed")])
def test_only_a_budget_of_its_own_is_a_steps_to_ignore(own: bool, status: str) -> None:
    source = "steps: {a: {prompt: x, max_completion_tokens: 2, on_error: ignore OWN}}"
    source = source.replace(" OWN", ", budget: {usd: 1}" if own else "")
    found = stage().run(source if own else f"budget: {{usd: 1}}\n{source}")
    assert found.status("a") == status
