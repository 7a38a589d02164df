"""One job: a value, or an answer with its retries, repairs, samples, time limit and fallbacks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import ChatRequest
from flowrun.chat.usage import Usage
from flowrun.errors import AccessDenied, ProviderError, StoreError, Unavailable, Unsupported
from flowrun.masking import Masker
from flowrun.providers.fake import Answer, Held
from flowrun.run.events import StepFinished, StepRetried, StepStarted, StepStreamed
from flowrun.store.memory import MemoryStore
from tests.support.running import Models, Stage, picture, price, reply, run, said


def by_model(request: ChatRequest) -> Answer:
    """Says which model was asked; some are down, some refuse."""
    match request.model:
        case "down":
            return Unavailable("down is down")
        case "blind":
            return Unsupported("blind cannot see")
        case "closed":
            return AccessDenied("closed to you")
        case "broken":
            return ProviderError("broken said 400")
        case name:
            return f"from {name}"


# Values


def test_a_value_is_computed_and_its_templates_filled_at_any_depth() -> None:
    found = run("""
    inputs: {n: {type: integer}}
    steps:
      a: {value: {list: ["{{ inputs.n + 1 }}", {deep: "n is {{ inputs.n }}"}], plain: true}}
      b: {value: "{{ a.list[0] }}"}
    """, n=2)  # fmt: skip
    assert found.value("a") == {"list": [3, {"deep": "n is 2"}], "plain": True}
    assert found.value("b") == 3


def test_a_value_that_is_not_as_expected_fails() -> None:
    found = run("steps: {a: {value: 3, expect: ['a > 1', 'a > 5']}}")
    assert found.reason("a") == "the value is not as expected: it must hold that a > 5"


def test_a_value_whose_template_fails_fails_the_step() -> None:
    found = run("""
    inputs: {x: {}}
    steps: {a: {value: "{{ inputs.x.y }}"}, b: {value: "{{ inputs.x.y }}", on_error: ignore}}
    """, x={})  # fmt: skip
    assert found.statuses == {"a": "failed", "b": "ignored"}
    assert 'no field "y"' in found.reason("a")


def test_a_value_that_takes_longer_than_its_time_fails() -> None:
    found = run("steps: {a: {value: '{{ range(2000) | list | length }}', timeout: 0.001ms}}")
    assert found.reason("a") == "took longer than 1e-06 s"


def test_what_a_model_said_is_never_rendered_again() -> None:
    found = run("""
    steps:
      a: {prompt: go}
      b: {prompt: "{{ a }}"}
      c: {value: "{{ b }}"}
    """, ["{{ 7 * 7 }}", "{% raw %}"])  # fmt: skip
    assert found.prompts == ["go", "{{ 7 * 7 }}"]
    assert found.value("c") == "{% raw %}"


# Models


@pytest.mark.parametrize(
    ("step", "model"),
    [
        ("{prompt: hi}", "recommended"),
        ("{prompt: hi, model: other}", "other"),
        ("{prompt: hi, model: '{{ inputs.m }}'}", "chosen"),
        ("{prompt: hi, modalities: [image]}", "image"),
        ("{prompt: hi, modalities: [text, image]}", "image"),
    ],
)
def test_the_model_is_the_steps_own_or_the_preset_for_its_output(step: str, model: str) -> None:
    found = run(f"inputs: {{m: {{}}}}\nsteps: {{a: {step}}}", m="chosen")
    assert [each.model for each in found.models.requests] == [model]
    assert [each.model for each in found.of(StepStarted)] == [f"scripted/{model}"]
    assert found.result.steps["a"].model == f"scripted/{model}"


def test_the_model_of_defaults_is_asked_by_pictures_too() -> None:
    found = run("defaults: {model: mine}\nsteps: {a: {prompt: hi, modalities: [image]}}")
    assert [each.model for each in found.models.requests] == ["mine"]


def test_an_override_goes_before_the_file() -> None:
    found = Stage(overrides={"a": "stronger"}).run("""
    steps: {a: {prompt: hi, model: weak}, b: {prompt: ho, model: weak}}
    """)
    assert sorted(each.model for each in found.models.requests) == ["stronger", "weak"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("nowhere", '"nowhere" leads nowhere'),
        ("{{ inputs.m }}", "the model's name must be text, not {}"),
        ("{{ '' }}", "the model's name must be text, not ''"),
    ],
)
def test_a_model_that_leads_nowhere_fails_the_step(model: str, reason: str) -> None:
    found = run(f'inputs: {{m: {{}}}}\nsteps: {{a: {{prompt: hi, model: "{model}"}}}}', m={})
    assert found.reason("a") == reason
    assert [each.model for each in found.of(StepStarted)] == [None]


# Retry and fallback


def test_a_passing_fault_is_asked_again_and_told() -> None:
    found = run("steps: {a: {prompt: hi}}", [Unavailable("busy"), Unavailable("busy"), "yes"])
    assert found.value("a") == "yes"
    assert len(found.prompts) == 3
    assert [(e.reason, e.attempt) for e in found.of(StepRetried)] == [("busy", 2), ("busy", 3)]


@pytest.mark.parametrize(("retry", "requests"), [("", 5), ("retry: 0,", 1), ("retry: 2,", 3)])
def test_retry_says_how_often(retry: str, requests: int) -> None:
    found = run(f"steps: {{a: {{{retry} prompt: hi}}}}", [Unavailable("busy")])
    assert len(found.prompts) == requests
    assert found.reason("a") == "busy"


@pytest.mark.parametrize("model", ["blind", "closed", "broken"])
def test_what_would_fare_no_better_is_asked_once(model: str) -> None:
    found = run(f"steps: {{a: {{prompt: hi, model: {model}}}}}", by_model)
    assert len(found.prompts) == 1
    assert found.status("a") == "failed"


@pytest.mark.parametrize(
    ("names", "answer"),
    [
        ("[second]", "from second"),
        ("[blind, third]", "from third"),
        ("[down, '{{ inputs.m }}']", "from chosen"),
    ],
)
@pytest.mark.parametrize("first", ["down", "blind"])
def test_a_fallback_is_asked_when_a_model_is_down_or_refuses_the_shape(
    first: str, names: str, answer: str
) -> None:
    found = run(f"""
    inputs: {{m: {{}}}}
    steps: {{a: {{prompt: hi, model: {first}, retry: 0, fallback: {names}}}}}
    """, by_model, m="chosen")  # fmt: skip
    assert found.value("a") == answer
    assert found.result.steps["a"].model == f"scripted/{answer.removeprefix('from ')}"
    assert found.of(StepRetried)[0].reason.endswith(" instead")


@pytest.mark.parametrize("first", ["closed", "broken"])
def test_other_failures_have_no_fallback(first: str) -> None:
    found = run(f"steps: {{a: {{prompt: hi, model: {first}, fallback: [good]}}}}", by_model)
    assert [each.model for each in found.models.requests] == [first]
    assert found.status("a") == "failed"


def test_the_last_failure_is_told_when_nobody_answers() -> None:
    found = run("steps: {a: {prompt: hi, model: down, retry: 0, fallback: [blind]}}", by_model)
    assert found.reason("a") == "blind cannot see"


def test_a_model_known_to_be_blind_is_not_sent_a_picture() -> None:
    models = Models(by_model, capabilities={"text": Capabilities(images_in=False)})
    found = Stage(models=models).run("""
    inputs: {p: {type: image}}
    steps:
      a: {prompt: "see {{ inputs.p }}", model: text, fallback: [seeing]}
      b: {prompt: "see {{ inputs.p }}", model: text}
    """, p=picture())  # fmt: skip
    assert found.value("a") == "from seeing"
    assert found.reason("b") == '"scripted/text" cannot take images'
    assert [each.model for each in found.models.requests] == ["seeing"]


# Samples


def test_samples_are_independent_answers_in_a_list() -> None:
    numbers = iter(range(9))
    found = run("steps: {a: {prompt: hi, samples: 3}}", lambda _: str(next(numbers)))
    assert found.value("a") == ["0", "1", "2"]
    assert len(set(map(repr, found.models.requests))) == 1


def test_one_sample_is_a_list_of_one() -> None:
    assert run("steps: {a: {prompt: hi, samples: 1}}").value("a") == ["hi"]


def test_more_samples_keep_the_first_ones() -> None:
    stage = Stage()
    assert len(stage.run("steps: {a: {prompt: hi, samples: 2}}").prompts) == 2
    assert len(stage.run("steps: {a: {prompt: hi, samples: 5}}").prompts) == 5
    found = stage.run("steps: {a: {prompt: hi, samples: 3}}")
    assert (len(found.prompts), found.status("a")) == (5, "cached")


def test_samples_of_each_item_make_lists_of_lists() -> None:
    found = run("steps: {a: {foreach: '[1, 2]', prompt: '{{ item }}', samples: 2}}")
    assert found.value("a") == [["1", "1"], ["2", "2"]]


def test_what_samples_cost_is_added_up() -> None:
    models = Models(lambda _: reply("x"), prices={"dear": price("1000000")})
    found = Stage(models=models).run("steps: {a: {prompt: hi, samples: 2, model: dear}}")
    assert found.result.steps["a"].usage == Usage(input_tokens=2, output_tokens=4)
    assert found.result.cost_usd == 6


# Time


def never(request: ChatRequest) -> Answer:
    return Held(asyncio.Event(), said(request))


@pytest.mark.parametrize(("timeout", "shown"), [("90s", "90"), ("500ms", "0.5"), ("2m", "120")])
def test_a_step_that_takes_too_long_fails(timeout: str, shown: str) -> None:
    found = run(f"steps: {{a: {{prompt: hi, timeout: {timeout}}}}}", never)
    assert found.reason("a") == f"took longer than {shown} s"
    assert found.result.steps["a"].model == "scripted/recommended"


def test_the_time_limit_is_of_the_whole_step_with_its_retries() -> None:
    found = run("steps: {a: {prompt: hi, timeout: 2s, retry: 100}}", [Unavailable("busy")])
    assert found.reason("a") == "took longer than 2 s"


def test_each_item_has_the_whole_time() -> None:
    def script(request: ChatRequest) -> Answer:
        return never(request) if said(request) == "slow" else said(request)

    found = run("""
    steps:
      a: {foreach: "['quick', 'slow']", prompt: "{{ item }}", timeout: 1s, on_error: ignore}
    """, script)  # fmt: skip
    assert found.value("a") == ["quick", None]
    assert found.reason("a") == "1 of 2 items failed; item 2: took longer than 1 s"


def test_a_time_out_that_is_not_the_steps_own_is_not_taken_for_it() -> None:
    class Slow(MemoryStore):
        def get(self, key: str) -> None:
            raise TimeoutError("the disk")

    with pytest.raises(ExceptionGroup) as caught:
        Stage(store=Slow()).run("steps: {a: {prompt: hi, timeout: 9s}}")
    assert isinstance(caught.value.exceptions[0], TimeoutError)


# Failure of our own


class Full(MemoryStore):
    """A store on a full disk."""

    def put(self, *_: object) -> None:
        raise StoreError("the disk is full")


@pytest.mark.parametrize("more", ["", ", on_error: ignore"])
def test_a_store_that_keeps_nothing_ends_the_run(more: str) -> None:
    source = f"steps: {{a: {{foreach: 'range(50) | list', prompt: '{{{{ item }}}}'{more}}}}}"
    found = Stage(store=Full(), concurrency=2).run(source)
    assert len(found.prompts) <= 2
    assert "the disk is full" in found.reason("a")
    assert found.result.status == "failed"


# Watching


def test_a_watched_run_tells_text_as_it_comes() -> None:
    found = Stage(is_watched=True).run(
        "steps: {a: {foreach: \"['one two']\", prompt: '{{ item }}'}}"
    )
    assert [(e.step, e.item, e.text) for e in found.of(StepStreamed)] == [
        ("a", 0, "one "),
        ("a", 0, "two"),
    ]
    assert found.value("a") == ["one two"]


def test_an_unwatched_run_tells_no_text() -> None:
    assert run("steps: {a: {prompt: one two}}").of(StepStreamed) == []


def test_secrets_are_taken_out_of_what_a_model_says() -> None:
    for is_watched in (False, True):
        stage = Stage(
            models=Models(lambda _: reply("a sk-secret b", reasoning="sk-secret", id="sk-secret")),
            masker=Masker(["sk-secret"]),
            is_watched=is_watched,
        )
        found = stage.run("steps: {a: {prompt: hi}}\noutputs: {a: '{{ a }}'}")
        assert found.value("a") == "a *** b"
        key = found.result.steps["a"].key
        assert key is not None
        assert "sk-secret" not in f"{found.events}{stage.store.get(key)}{found.result}"


def finished(events: Sequence[object]) -> list[StepFinished]:
    return [each for each in events if isinstance(each, StepFinished)]


def test_a_finished_step_tells_its_key_model_usage_and_preview() -> None:
    found = run("steps: {a: {prompt: hi, model: m}}", [reply("one\ntwo")])
    (told,) = finished(found.events)
    assert (told.model, told.usage, told.preview, told.status) == (
        "scripted/m",
        Usage(input_tokens=1, output_tokens=2),
        "one two",
        "done",
    )
    assert told.key is not None
    assert len(told.key) == 64


def test_samples_of_one_seed_ask_with_the_seeds_that_follow() -> None:
    stage = Stage()
    stage.run("steps: {a: {prompt: hi, samples: 3, seed: 7}}")
    assert sorted(str(each.options["seed"]) for each in stage.models.requests) == ["7", "8", "9"]
