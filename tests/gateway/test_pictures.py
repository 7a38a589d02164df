import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatRequest, ImageUrl, Message, Part, Text
from flowrun.gateway.faults import Fault
from flowrun.gateway.pictures import Pictures
from flowrun.serving import ServeSettings
from flowrun.tools.addresses import Resolve
from tests.support.replies import png

PNG = png("a picture")


class Host(ThreadingHTTPServer):
    """Serves a picture, a text, a redirect and too much of everything; counts who came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Host)
        self.server.asked.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("location", self.path.removeprefix("/to/"))
            self.send_header("content-length", "0")
            self.end_headers()
            return
        bodies = {"/a.png": PNG, "/big": PNG + b"0" * 2**21, "/big?": PNG + b"0" * 20 * 2**20}
        body = bodies.get(self.path.rstrip("0123456789"), b"<html>no</html>")
        self.send_response(200 if self.path != "/gone" else 404)
        self.send_header("content-type", "image/jpeg")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def host() -> Iterator[Host]:
    server = Host()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def request(*urls: str) -> ChatRequest:
    parts: tuple[Part, ...] = (Text("What is it?"), *map(ImageUrl, urls))
    return ChatRequest("m", (Message("system", (Text("Be brief."),)), Message("user", parts)))


async def numeric(name: str, _port: int) -> Sequence[str]:
    """The address that a system's resolver reads from digits, whatever their form."""
    try:
        return [socket.inet_ntoa(socket.inet_aton(name))]
    except OSError:
        return [name]


def inlined(asked: ChatRequest, settings: ServeSettings, resolve: Resolve = numeric) -> ChatRequest:
    async def run() -> ChatRequest:
        pictures = Pictures(settings, resolve=resolve)
        try:
            return await pictures.inlined(asked)
        finally:
            await pictures.aclose()

    return asyncio.run(run())


def refused(asked: ChatRequest, settings: ServeSettings, resolve: Resolve = numeric) -> Fault:
    with pytest.raises(Fault) as fault:
        inlined(asked, settings, resolve)
    return fault.value


def allowing(*hosts: str) -> ServeSettings:
    return ServeSettings(private=hosts, max_image_bytes=2**20)


def test_a_picture_takes_the_place_of_its_address() -> None:
    with host() as server:
        url = f"http://{server.name}/a.png"
        found = inlined(request(url, url), allowing(server.name))
    image = Image.from_bytes(PNG)
    assert image.mime_type == "image/png", "whatever its label says"
    assert found.messages[1].parts == (Text("What is it?"), image, image)
    assert found.messages[0] == request().messages[0]


def test_a_request_without_addresses_is_left_as_it_is() -> None:
    asked = request()
    assert inlined(asked, ServeSettings()) is asked


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a.png",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/a.png",
        "http://[::ffff:127.0.0.1]/",
        "http://10.0.0.1/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://localhost/",
        "file:///etc/passwd",
        "ftp://example.org/a.png",
        "http://user:word@example.org/",
        "http://",
        "http://\\127.0.0.1/",
        "not an address",
    ],
)
def test_pitfall_49_what_is_not_public_is_not_reached(url: str) -> None:
    fault = refused(request(url), ServeSettings())
    assert (fault.status, fault.code) == (400, "invalid_image_url")
    assert fault.param == "messages[1].content[1].image_url.url"


def test_pitfall_49_a_redirect_to_a_private_address_is_refused() -> None:
    with host() as server, host() as private:
        url = f"http://{server.name}/to/http://{private.name}/a.png"
        refused(request(url), allowing(server.name))
        assert private.asked == []


def test_pitfall_49_a_name_that_leads_to_a_private_address_is_refused() -> None:
    asked: list[str] = []

    async def resolve(name: str, _port: int) -> Sequence[str]:
        asked.append(name)
        return ["93.184.216.34", "127.0.0.1"]

    fault = refused(request("http://pictures.example.org/a.png"), ServeSettings(), resolve)
    assert asked == ["pictures.example.org"]
    assert str(fault) == "a picture cannot be fetched: the address is not a public one"
    assert 'private = ["pictures.example.org:80"] under [serve]' in fault.said
    assert "127.0.0.1" in fault.said


def test_pitfall_49_a_picture_above_the_bound_is_refused() -> None:
    with host() as server:
        fault = refused(request(f"http://{server.name}/big"), allowing(server.name))
    assert str(fault) == "a picture cannot be fetched: the answer is larger than 1 MiB"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("text", "the bytes are no PNG, JPEG, GIF or WebP picture"),
        ("gone", "127.0.0.1 answered 404: <html>no</html>"),
    ],
)
def test_what_is_no_picture_is_refused(path: str, said: str) -> None:
    with host() as server:
        fault = refused(request(f"http://{server.name}/{path}"), allowing(server.name))
    assert str(fault) == f"a picture cannot be fetched: {said}"


def test_the_number_of_addresses_is_bounded() -> None:
    fault = refused(request(*["http://10.0.0.1/"] * 33), ServeSettings())
    assert str(fault).endswith("a request may name 32 pictures by address at most")
    assert fault.param == "messages[1].content[33].image_url.url"


def test_what_the_pictures_of_a_request_weigh_together_is_bounded() -> None:
    with host() as server:
        urls = [f"http://{server.name}/big?{number}" for number in range(4)]
        settings = ServeSettings(private=(server.name,), max_image_bytes=30 * 2**20)
        fault = refused(request(*urls), settings)
    assert str(fault).endswith("the pictures of a request may have 64 MiB together")


def test_of_several_faults_one_is_told() -> None:
    fault = refused(request("http://10.0.0.1/", "http://10.0.0.2/"), ServeSettings())
    assert fault.status == 400
