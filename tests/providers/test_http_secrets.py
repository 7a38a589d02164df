"""A key that an endpoint echoes is in no message, wherever the message is cut."""

from __future__ import annotations

import json

import httpx2
import pytest

from tests.support.mocked_http import KEY, Handler, failure, stream, streamed


def answering(status: int, content: bytes) -> Handler:
    return lambda _: httpx2.Response(status, content=content)


@pytest.mark.parametrize("filler", [0, 45, 60, 268, 290, 1190])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error": {"message": "SAID"}}),
        (500, {"error": "SAID", "message": "SAID"}),
        (500, {"detail": [{"msg": "SAID"}]}),
        (500, ["SAID"]),
        (200, {"error": {"message": "SAID"}}),
        (200, {"SAID": 1}),
        (200, ["SAID"]),
        (200, {"choices": [{"message": {"content": "a"}, "finish_reason": "SAID"}]}),
        (200, {"choices": [{"message": {"images": [{"image_url": "SAID"}]}}]}),
    ],
)
def test_no_message_cuts_a_key_before_it_is_masked(filler: int, status: int, body: object) -> None:
    said = "x" * filler + KEY
    for spelling in (said, "".join(f"\\u{ord(each):04x}" for each in said)):
        content = json.dumps(body).replace("SAID", spelling).encode()
        assert KEY[:8] not in str(failure(answering(status, content)))


@pytest.mark.parametrize("filler", [0, 40, 70, 79])
def test_no_event_that_is_cut_tells_a_key(filler: int) -> None:
    content = f"data: {'x' * filler}{KEY}\n\n".encode()
    assert KEY[:8] not in str(failure(lambda _: streamed(content), stream))


@pytest.mark.parametrize("location", [f"https://{KEY}.example.org/", f"https://example.org:{KEY}/"])
def test_a_redirect_to_a_key_does_not_tell_it(location: str) -> None:
    error = failure(lambda _: httpx2.Response(302, headers={"location": location.upper()}))
    assert "redirects are not followed" in str(error)
    error = failure(lambda _: httpx2.Response(302, headers={"location": location}))
    assert KEY[:8] not in str(error)
