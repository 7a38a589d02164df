from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.chat.images import Image
from flowrun.config import ToolSettings
from flowrun.document import templates
from flowrun.document.slots import Slot
from flowrun.document.tool import HttpCall, Tool
from flowrun.errors import StepError, ToolError
from flowrun.tools.http import HttpTool, http_tool, request_of
from flowrun.tools.web import Outgoing, Web
from tests.support.declared import http
from tests.support.endpoint import endpoint
from tests.support.wire import whole
from tests.tools.test_python_results import picture
from tests.tools.test_web import Recorder, loopback

SETTINGS = ToolSettings(env=("WEATHER_KEY",), private=("127.0.0.1",))


def made(tool: Tool, environ: Mapping[str, str] | None = None) -> HttpTool:
    return http_tool(tool, environ=environ or {}, settings=SETTINGS, web=Web(()))


def request(url: str, /, *, arguments: Mapping[str, Any], **more: Any) -> Outgoing:
    tool = http(url, **more)
    made(tool)
    assert isinstance(tool.action, HttpCall)
    return request_of(tool.action, arguments, token="")


def url_of(url: str, /, **arguments: Any) -> str:
    return str(request(url, arguments=arguments).url)


def answered(answer: bytes, **more: Any) -> object:
    """What a tool gives whose server answers so."""
    with endpoint(Recorder(it=answer)) as server:
        return called(http(server.url.replace("/v1", "/it"), **more))


def called(tool: Tool, environ: Mapping[str, str] | None = None, /, **arguments: Any) -> object:
    async def run() -> object:
        web = Web(SETTINGS.private, resolve=loopback)
        try:
            ready = http_tool(tool, environ=environ or {}, settings=SETTINGS, web=web)
            return await ready.call(arguments)
        finally:
            await web.aclose()

    return asyncio.run(run())


def test_a_request_is_a_tool() -> None:
    recorder = Recorder(weather=whole(200, b'{"degrees": 3}', "application/json"))
    with endpoint(recorder) as server:
        tool = http(
            server.url.replace("/v1", "/weather?units=metric"),
            method="POST",
            query={"city": "{{ city }}"},
            headers={"X-Days": "{{ days }}"},
            body={"days": "{{ days }}", "all": ["{{ city }}"]},
            bearer="WEATHER_KEY",
        )
        assert called(tool, {"WEATHER_KEY": "canary"}, city="São Paulo", days=3) == {"degrees": 3}
    seen = recorder.seen[0]
    assert (seen.method, seen.path) == ("POST", "/weather?units=metric&city=S%C3%A3o+Paulo")
    assert seen.json == {"days": 3, "all": ["São Paulo"]}
    wanted = {
        "x-days": "3",
        "authorization": "Bearer canary",
        "content-type": "application/json",
        "user-agent": "flowrun",
    }
    assert {name: seen.headers[name] for name in wanted} == wanted


def test_its_facts_are_those_of_the_file() -> None:
    parameters = {"type": "object", "properties": {"a": {}}}
    tool = http("http://x.example/", description="Asks.", parameters=parameters, is_pure=True)
    facts = made(tool).facts
    assert facts.definition.as_json()["function"] == {
        "name": "tool",
        "description": "Asks.",
        "parameters": parameters,
    }
    assert (facts.is_pure, facts.timeout_s) == (True, 60.0)
    assert made(http("http://x.example")).facts.definition.parameters["properties"] == {}


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("https://x.example/a/{{ v }}/b", "c", "https://x.example/a/c/b"),
        ("https://x.example/a/{{ v }}", "c/d", "https://x.example/a/c%2Fd"),
        ("https://x.example/a/{{ v }}", "?q=1", "https://x.example/a/%3Fq%3D1"),
        ("https://x.example/a/{{ v }}", "#f", "https://x.example/a/%23f"),
        ("https://x.example/a/{{ v }}", "%2e%2e", "https://x.example/a/%252e%252e"),
        ("https://x.example/a/{{ v }}", "a\\b", "https://x.example/a/a%5Cb"),
        ("https://x.example/a/{{ v }}", "@evil.example", "https://x.example/a/%40evil.example"),
        ("https://x.example/a/{{ v }}", "\r\nx: y", "https://x.example/a/%0D%0Ax%3A%20y"),
        ("https://x.example/a/{{ v }}", "é 😀", "https://x.example/a/%C3%A9%20%F0%9F%98%80"),
        ("https://x.example/a/{{ v }}", "...", "https://x.example/a/..."),
        ("https://x.example/a/{{ v }}.json", "c", "https://x.example/a/c.json"),
        ("https://x.example/{% if v %}a/{{ v }}{% endif %}", "", "https://x.example/"),
        ("https://x.example/?q={{ v }}&r=1", "a&r=2", "https://x.example/?q=a%26r%3D2&r=1"),
        ("https://x.example/?q={{ v }}", "", "https://x.example/?q="),
        ("https://x.example/?q={{ v }}#part", "a#b", "https://x.example/?q=a%23b"),
        ("https://x.example/{{ v }}", 3, "https://x.example/3"),
        ("https://x.example/{{ v | upper }}", "a/b", "https://x.example/A%2FB"),
        ("https://x.example/{{ v ~ '/' ~ v }}", "a", "https://x.example/a%2Fa"),
        ("https://x.example/{% for e in v %}{{ e }}/{% endfor %}", ["a/", "b"],
         "https://x.example/a%2F/b/"),
        ("https://x.example/{% set w = v %}{{ w }}", "a/b", "https://x.example/a%2Fb"),
        ("https://x.example/{% filter trim %}{{ v }}{% endfilter %}", "/a",
         "https://x.example/%2Fa"),
        ("HTTPS://X.example:8443/{{ v }}", "a", "https://x.example:8443/a"),
        ("https://x.example", "", "https://x.example"),
    ],
)  # fmt: skip
def test_a_value_stays_where_it_stands(template: str, value: object, expected: str) -> None:
    assert url_of(template, v=value) == expected


@pytest.mark.parametrize(
    ("template", "value", "problem"),
    [
        ("https://x.example/a/{{ v }}", "..", 'a segment of its path is "." or ".."'),
        ("https://x.example/a/{{ v }}/b", ".", 'a segment of its path is "." or ".."'),
        ("https://x.example/a/{{ v }}", "../b", 'a segment of its path is "." or ".."'),
        ("https://x.example/a/{{ v }}", "b/../../c", 'a segment of its path is "." or ".."'),
        ("https://x.example/a/{{ v }}", "..\\b", 'a segment of its path is "." or ".."'),
        ("https://x.example/a/.{{ v }}", ".", 'a segment of its path is "." or ".."'),
        ("https://x.example/a/%2e{{ v }}", ".", 'a segment of its path is "." or ".."'),
        ("https://x.example/a/{{ v }}", "", "a value in its path is empty"),
        ("https://x.example/a/{{ v }}/b", "", "a value in its path is empty"),
    ],
)
def test_a_value_that_is_no_segment_is_refused(template: str, value: str, problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        url_of(template, v=value)
    assert str(caught.value) == f"the URL would be another one: {problem}"


@given(st.text())
def test_no_value_changes_the_address(value: str) -> None:
    try:
        url = httpx2.URL(url_of("https://x.example/a/{{ v }}/b?q={{ v }}&r=1", v=value))
    except ToolError:
        return
    assert (url.scheme, url.host, url.port, url.userinfo) == ("https", "x.example", None, b"")
    path = url.raw_path.partition(b"?")[0]
    assert (path.count(b"/"), path[:3], path[-2:]) == (3, b"/a/", b"/b")
    assert list(url.params.multi_items()) == [("q", value), ("r", "1")]


@pytest.mark.parametrize(
    "url",
    [
        "{{ v }}",
        "https://{{ v }}/",
        "https://x.{{ v }}/",
        "https://x.example{{ v }}",
        "https://x.example:{{ v }}/",
        "https://me:you@x.example/",
        "https://x.example\\@y.example/",
        "https://x%2eexample/",
        "ftp://x.example/",
        "file:///etc/passwd",
        "//x.example/",
        "https:///path",
        " https://x.example/",
    ],
)
def test_the_host_must_be_literal(url: str) -> None:
    with pytest.raises(ToolError, match="the url must begin with a literal https://host/"):
        made(http(url))


@pytest.mark.parametrize("url", ["https://[::1/", "https://x.example:port/{{ v }}"])
def test_a_url_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ToolError, match=r"^the URL cannot be used: "):
        url_of(url, v="x")


def from_file(source: str, file: str) -> Tool:
    parsed = templates.parse(f"https://x.example/{source}", files=lambda _: file)
    return Tool("tool", (), HttpCall("GET", Slot((), parsed)))


def test_what_a_url_includes_is_escaped_too() -> None:
    tool = from_file("{% include 'a' %}", "{{ v }}/b")
    made(tool)
    assert isinstance(tool.action, HttpCall)
    found = request_of(tool.action, {"v": "a/"}, token="")
    assert str(found.url) == "https://x.example/a%2F/b"


def test_a_url_imports_no_files() -> None:
    with pytest.raises(ToolError, match="the url may import no files"):
        made(from_file("{% import 'a' as a %}", ""))


def test_a_value_that_is_no_text_is_told() -> None:
    with pytest.raises(ToolError, match="a value in the URL holds a character"):
        url_of("https://x.example/{{ v }}", v="\ud800")
    with pytest.raises(ToolError, match=r'^the template of the URL failed: "w" is not defined'):
        url_of("https://x.example/{{ w }}", v="a")


def test_a_query_repeats_lists_and_leaves_null_out() -> None:
    query = {"a": "{{ v }}", "b": "{{ n }}", "c": "x{{ n }}", "d": True, "e&": "{{ o }}"}
    found = request(
        "https://x.example/?z=1",
        arguments={"v": ["1", 2], "n": None, "o": {"k": "&"}},
        query=query,
    )
    assert str(found.url) == (
        "https://x.example/?z=1&a=1&a=2&c=xnull&d=true&e%26=%7B%22k%22%3A+%22%26%22%7D"
    )


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "\0", "é", "\x7f"])
def test_a_header_is_one_line(value: str) -> None:
    with pytest.raises(ToolError, match=r'^the header "X-Own" may hold one line of ASCII'):
        request("https://x.example/", arguments={"v": value}, headers={"X-Own": "{{ v }}"})


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "a b", "", "é"])
def test_some_headers_are_not_a_file_s_affair(name: str) -> None:
    with pytest.raises(ToolError, match="a request cannot be given the header"):
        made(http("https://x.example/", headers={name: "x"}))


@pytest.mark.parametrize("method", ["get", "", "GET /x", "é"])
def test_a_method_is_one_of_http(method: str) -> None:
    with pytest.raises(ToolError, match="is no method of HTTP"):
        made(http("https://x.example/", method=method))


def test_the_body_is_json() -> None:
    found = request("https://x.example/", arguments={"v": "é"}, body="{{ v }}")
    assert (found.body, found.headers) == ('"é"'.encode(), {"content-type": "application/json"})
    own = {"Content-Type": "application/x-own"}
    found = request("https://x.example/", arguments={}, body={}, headers=own)
    assert (found.body, found.headers) == (b"{}", {"content-type": "application/x-own"})


def test_a_token_must_be_allowed_and_there() -> None:
    tool = http("https://x.example/", bearer="OPENAI_API_KEY")
    with pytest.raises(StepError, match='may not have the environment variable "OPENAI_API_KEY"'):
        made(tool, {"OPENAI_API_KEY": "sk"})
    with pytest.raises(StepError, match='"WEATHER_KEY", which is not set'):
        made(http("https://x.example/", bearer="WEATHER_KEY"))


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b'{"a": [1]}', "application/json; charset=utf-8", {"a": [1]}),
        (b"[1]", "application/problem+json", [1]),
        (b"3", "text/json", 3),
        ("grün".encode("latin-1"), "text/plain; charset=latin-1", "grün"),
        (b"\xffx", "text/plain", "\ufffdx"),
        (b"<a/>", "application/xml", "<a/>"),
        (b"<a/>", "application/atom+xml", "<a/>"),
        (b"a: 1", "application/yaml", "a: 1"),
        (b"", "application/json", None),
        (b"", "application/octet-stream", None),
        (picture(), "image/png", Image.from_bytes(picture())),
        (picture("JPEG"), "image/png", Image.from_bytes(picture("JPEG"))),
    ],
)
def test_what_is_answered(body: bytes, content_type: str, expected: object) -> None:
    assert answered(whole(200, body, content_type)) == expected


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (whole(200, b"{", "application/json"), "the answer is not JSON: "),
        (whole(200, b"<svg/>", "image/svg+xml"),
         "the answer is called image/svg+xml, but the bytes are no PNG"),
        (whole(200, b"x", "application/octet-stream"),
         'the answer is neither JSON, text nor an image, but "application/octet-stream"'),
        (whole(200, b"x", ""), 'the answer is neither JSON, text nor an image, but ""'),
        (whole(404, json.dumps({"error": "no"}).encode(), "application/json"),
         '127.0.0.1 answered 404: {"error": "no"}'),
    ],
)  # fmt: skip
def test_what_is_no_result_is_told(answer: bytes, problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        answered(answer)
    assert str(caught.value).startswith(problem)


def test_results_are_held_to_what_the_file_says() -> None:
    with pytest.raises(ToolError, match="the result does not fit"):
        answered(whole(200, b"3", "application/json"), returns={"type": "object"})


def test_private_addresses_are_refused_without_the_user_s_word() -> None:
    async def run() -> None:
        tool = http("http://127.0.0.1:1/")
        web = Web(())
        try:
            ready = http_tool(tool, environ={}, settings=ToolSettings(), web=web)
            await ready.call({})
        finally:
            await web.aclose()

    with pytest.raises(ToolError, match=r'^"127\.0\.0\.1" is not public; to allow it, write'):
        asyncio.run(run())


def test_the_version_is_that_of_the_request() -> None:
    def version(url: str = "https://x.example/{{ a }}", **more: Any) -> str:
        return made(http(url, **more), {"WEATHER_KEY": "k"}).facts.version

    first = version()
    assert version(name="other", timeout_s=3.0, is_pure=True) == first
    others = {
        version("https://x.example/{{ b }}"),
        version(method="POST"),
        version(query={"a": "1"}),
        version(headers={"a": "1"}),
        version(body={"a": "1"}),
        version(bearer="WEATHER_KEY"),
    }
    assert len(others | {first}) == 7
