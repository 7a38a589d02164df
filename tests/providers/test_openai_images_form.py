from __future__ import annotations

from flowrun.chat.images import Image
from flowrun.providers.openai_images_form import form
from tests.support.image_bodies import held, parts_of
from tests.support.wire_bodies import PICTURE

JPEG = Image(b"jpeg", "image/jpeg", 1, 1, "0" * 64)


def test_a_form_of_texts_and_files() -> None:
    body, kind = form({"prompt": "a lamp"}, [("image[]", PICTURE), ("image[]", JPEG)])
    assert kind == "multipart/form-data; boundary=flowrun-form-boundary"
    prompt, first, second = parts_of(body, kind)
    assert (prompt.get_param("name", header="content-disposition"), held(prompt)) == (
        "prompt",
        b"a lamp",
    )
    assert prompt.get_content_disposition() == "form-data"
    assert (first.get_filename(), first.get_content_type()) == ("image-1.png", "image/png")
    assert (second.get_filename(), second.get_content_type()) == ("image-2.jpg", "image/jpeg")
    assert held(first) == PICTURE.data
    assert held(second) == b"jpeg"


def test_the_bytes_of_a_form() -> None:
    body, _ = form({"n": "é"}, [("image[]", JPEG)])
    assert body == (
        b"--flowrun-form-boundary\r\n"
        b'content-disposition: form-data; name="n"\r\n\r\n\xc3\xa9\r\n'
        b"--flowrun-form-boundary\r\n"
        b'content-disposition: form-data; name="image[]"; filename="image-1.jpg"\r\n'
        b"content-type: image/jpeg\r\n\r\njpeg\r\n"
        b"--flowrun-form-boundary--\r\n"
    )


def test_a_boundary_that_a_part_holds_is_not_used() -> None:
    hostile = "x\r\n--flowrun-form-boundary\r\nflowrun-form-boundary--"
    body, kind = form({"prompt": hostile, "model": "m"}, [("image[]", JPEG)])
    assert form({"prompt": hostile, "model": "m"}, [("image[]", JPEG)]) == (body, kind)
    prompt, model, image = parts_of(body, kind)
    assert held(prompt).decode() == hostile
    assert (held(model), held(image)) == (b"m", b"jpeg")
