"""What the embedded provider asks of its engine, and what it refuses to ask."""

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatRequest, ImageUrl, Message, Part, ResponseFormat, Text
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.local_request import MODEL, encode
from tests.support.engine import LABEL, Scripted, asked, body_of, chunk, sent


def test_defaults_are_those_that_suit_the_model() -> None:
    assert body_of(asked()) == {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Say hello."},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "repeat_penalty": 1.1,
        "max_tokens": 1024,
    }


def test_a_system_message_is_not_replaced() -> None:
    messages = (
        Message("system", (Text("You rhyme."),)),
        Message("user", (Text("A"), Text("B"))),
        Message("assistant", ()),
    )
    assert body_of(ChatRequest(MODEL, messages))["messages"] == [
        {"role": "system", "content": "You rhyme."},
        {"role": "user", "content": "AB"},
        {"role": "assistant", "content": ""},
    ]


def test_options_are_passed_on() -> None:
    body = body_of(
        asked(temperature=0.5, top_p=0.9, seed=7, stop=["\n"], max_completion_tokens=9, top_k=None)
    )
    assert body["temperature"] == 0.5
    assert (body["top_p"], body["seed"], body["stop"]) == (0.9, 7, ["\n"])
    assert body["max_tokens"] == 9
    assert body.keys().isdisjoint({"max_completion_tokens", "top_k"})


def test_the_penalty_on_repeats_is_named_as_on_the_wire() -> None:
    assert body_of(asked(repetition_penalty=1.3))["repeat_penalty"] == 1.3
    assert body_of(asked(schema=LABEL, repetition_penalty=1.2))["repeat_penalty"] == 1.2


def test_options_that_do_not_bear_on_the_answer_are_left_out() -> None:
    assert body_of(asked(user="u1", metadata={"a": "b"})) == body_of(asked())


def test_the_older_name_of_the_most_tokens_is_known() -> None:
    assert body_of(asked(max_tokens=8))["max_tokens"] == 8
    assert body_of(asked(max_tokens=8, max_completion_tokens=9))["max_tokens"] == 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"logprobs": True},
            'does not take the option "logprobs"; it takes frequency_penalty, '
            "max_completion_tokens, max_tokens, presence_penalty, repetition_penalty, seed, "
            "stop, temperature, top_k, top_p",
        ),
        ({"temperature": "hot"}, 'takes a number for "temperature", not "hot"'),
        ({"seed": True}, 'takes a number for "seed", not true'),
        ({"max_tokens": 0}, 'takes a whole number above 0 for "max_tokens", not 0'),
        ({"max_tokens": 1.5}, 'takes a whole number above 0 for "max_tokens", not 1.5'),
        ({"stop": ["a", 5]}, 'takes a text or a list of texts for "stop", not ["a", 5]'),
        ({"stop": ""}, 'takes a text or a list of texts for "stop", not ""'),
    ],
    ids=str,
)
def test_an_option_that_it_does_not_take_is_refused(
    options: dict[str, JsonValue], message: str
) -> None:
    with pytest.raises(Unsupported) as raised:
        sent(Scripted(), asked(**options))
    assert str(raised.value) == f'"{MODEL}" {message}'
    assert raised.value.param == next(iter(options))


def test_a_schema_becomes_a_grammar_with_an_end() -> None:
    body = body_of(asked(schema=LABEL))
    assert body["grammar"] == "grammar of object"
    assert body["repeat_penalty"] == 1.0
    assert body["max_tokens"] == 49  # more than a token for each character of the longest reply
    assert "response_format" not in body


def test_json_without_a_schema_is_refused() -> None:
    request = ChatRequest(MODEL, (), response_format=ResponseFormat("json_object"))
    with pytest.raises(Unsupported, match="writes JSON only to a schema; use a response_format"):
        sent(Scripted(), request)


def test_a_schema_that_has_no_end_is_refused() -> None:
    with pytest.raises(Unsupported, match=r'cannot keep to "label": the schema allows nothing'):
        sent(Scripted(), asked(schema={"$ref": "#"}))


def test_a_cut_reply_is_returned_as_it_is() -> None:
    (reply,) = sent(Scripted(chunk('{"lab'), chunk(finish="length")), asked(schema=LABEL))
    assert (reply.text, reply.finish_reason) == ('{"lab', "length")


PICTURE = Image(b"", "image/png", 1, 1, "0" * 64)


@pytest.mark.parametrize(
    "part", [PICTURE, ImageUrl("https://example.org/a.png")], ids=["bytes", "url"]
)
def test_pictures_are_refused(part: Part) -> None:
    request = ChatRequest(MODEL, (Message("user", (Text("What is this?"), part)),))
    with pytest.raises(Unsupported, match="cannot see: it takes text only, and was sent a picture"):
        sent(Scripted(), request)


def test_asking_for_a_picture_is_refused() -> None:
    with pytest.raises(Unsupported, match="writes text only; for a picture use local/placeholder"):
        sent(Scripted(), ChatRequest(MODEL, (), modalities=("image",)))


def test_another_model_is_refused() -> None:
    with pytest.raises(Unsupported, match='has one model, "smollm2-135m-instruct", not "gpt"'):
        sent(Scripted(), ChatRequest("gpt", ()))


def test_a_prompt_that_is_too_long_is_named_with_its_size() -> None:
    error = {"type": "exceed_context_size_error", "n_prompt_tokens": 6031, "n_ctx": 4096}
    with pytest.raises(Unsupported) as raised:
        sent(Scripted({"error": error}), asked())
    assert str(raised.value) == (
        'the prompt has 6031 tokens, and the window of "smollm2-135m-instruct" 4096; '
        "shorten it, or cut the document with the filter chunk"
    )


def test_a_text_with_a_pattern_has_a_looser_schema_in_reserve() -> None:
    schema: dict[str, JsonValue] = {"type": "string", "pattern": "^a+$", "maxLength": 9}
    first, second = encode(asked(schema=schema)).schemas
    assert first == {"type": "string", "pattern": "^a+$", "minLength": 0, "maxLength": 9}
    assert second == {"type": "string", "pattern": "^a+$"}
    assert len(encode(asked(schema=LABEL)).schemas) == 1
    assert encode(asked()).schemas == ()
