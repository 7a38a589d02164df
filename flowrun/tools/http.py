"""HTTP requests as tools: a URL, a query and a body that the arguments fill in.

What an argument says is a value and never a part of the address: in the URL it is percent-encoded,
and one that would be no segment of a path, such as "..", is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote, urlencode

import httpx2

from flowrun.chat.images import Image
from flowrun.chat.messages import ToolDefinition
from flowrun.config import ToolSettings
from flowrun.digest import JsonValue, digest
from flowrun.document import templates
from flowrun.document.slots import Slot, Tree
from flowrun.document.templates import TemplateError
from flowrun.document.tool import HttpCall
from flowrun.document.tool import Tool as DeclaredTool
from flowrun.errors import ToolError
from flowrun.tools.base import ToolFacts
from flowrun.tools.environment import variable
from flowrun.tools.filling import encoded, filled, json_text, source, word
from flowrun.tools.returned import data_of, fitting
from flowrun.tools.web import Fetched, Outgoing, Web, decoded, origin_of

_LITERAL_ORIGIN = re.compile(r"https?://[^\s/?#@\\{}%]+(?=[/?#]|$)", re.IGNORECASE)
_OURS = ("host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te")
"""Headers that say how a message is carried, which is not a file's affair."""
_METHOD = re.compile(r"[A-Z]{1,20}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[ -~\t]*")
_NOTHING = "\0"
"""Stands in a URL where a value was empty."""
_TEXTS = ("application/xml", "application/yaml", "application/x-ndjson", "application/javascript")


def http_tool(
    tool: DeclaredTool,
    *,
    environ: Mapping[str, str],
    settings: ToolSettings,
    web: Web,
) -> HttpTool:
    """The request of a declared tool; `web` is the run's client, which its owner closes.

    Raises: StepError for a variable that it may not have, or what no request may hold.
    """
    action = tool.action
    assert isinstance(action, HttpCall)
    shown = f'the tool "{tool.name}"'
    _require_well_formed(shown, action)
    token = variable(action.bearer, environ, settings, shown) if action.bearer else ""
    version: JsonValue = {
        "method": action.method,
        "url": source(action.url),
        "query": source(action.query),
        "headers": source(action.headers),
        "body": source(action.body),
        "bearer": action.bearer,
    }
    facts = ToolFacts(
        definition=ToolDefinition(
            tool.name, tool.description, tool.parameters or {"type": "object", "properties": {}}
        ),
        version=digest("http/1", version),
        is_pure=tool.is_pure,
        timeout_s=tool.timeout_s,
        returns=tool.returns,
    )
    return HttpTool(facts, action, token, web)


class HttpTool:
    """One HTTP request, ready to be sent."""

    def __init__(self, facts: ToolFacts, action: HttpCall, token: str, web: Web) -> None:
        self._facts = facts
        self._action = action
        self._token = token
        self._web = web

    @property
    def facts(self) -> ToolFacts:
        """What is known of it."""
        return self._facts

    async def call(self, arguments: Mapping[str, JsonValue]) -> object:
        """What was answered: data, text, an image, or nothing."""
        request = request_of(self._action, arguments, token=self._token)
        fetched = await self._web.fetch(request, timeout_s=self._facts.timeout_s)
        return fitting(self._facts.returns, _value(fetched))


def request_of(action: HttpCall, arguments: Mapping[str, JsonValue], *, token: str) -> Outgoing:
    """The request that the arguments make. Raises: ToolError if they make none."""
    headers = dict(_headers(action.headers, arguments))
    body = None
    if action.body is not None:
        body = encoded(json_text(filled(action.body, arguments)), "the body")
        headers.setdefault("content-type", "application/json")
    if token:
        headers["authorization"] = f"Bearer {token}"
    return Outgoing(action.method, _url(action, arguments), headers, body)


def _require_well_formed(shown: str, action: HttpCall) -> None:
    if not _METHOD.fullmatch(action.method):
        raise ToolError(f'{shown}: "{action.method}" is no method of HTTP')
    literal = action.url.template.source if isinstance(action.url, Slot) else str(action.url)
    if not _LITERAL_ORIGIN.match(literal):
        raise ToolError(f"{shown}: the url must begin with a literal https://host/ or http://host/")
    if isinstance(action.url, Slot) and action.url.template.library:
        raise ToolError(f"{shown}: the url may import no files")
    for name in action.headers:
        if not _HEADER.fullmatch(name) or name.lower() in _OURS:
            raise ToolError(f'{shown}: a request cannot be given the header "{name}"')


def _url(action: HttpCall, arguments: Mapping[str, JsonValue]) -> httpx2.URL:
    text, literal = _rendered(action.url, arguments)
    before, _, after = text.partition("#")[0].partition("?")
    if _NOTHING in before:
        raise ToolError("the URL would be another one: a value in its path is empty")
    for segment in before.split("/"):
        if any(each in (".", "..") for each in re.split(r"[/\\]", unquote(segment))):
            raise ToolError('the URL would be another one: a segment of its path is "." or ".."')
    query = "&".join(each for each in (after, _query(action.query, arguments)) if each)
    text = f"{before}?{query}" if query else before
    try:
        url = httpx2.URL(text.replace(_NOTHING, ""))
        origin = _LITERAL_ORIGIN.match(literal)
        assert origin is not None
        kept = httpx2.URL(origin[0])
    except httpx2.InvalidURL as error:
        raise ToolError(f"the URL cannot be used: {error}") from error
    assert origin_of(url) == origin_of(kept), "what is literal decides where it leads"
    assert not url.userinfo
    return url


def _rendered(tree: Tree, arguments: Mapping[str, JsonValue]) -> tuple[str, str]:
    """The URL with every value percent-encoded, and the URL as the file has it."""
    if not isinstance(tree, Slot):
        return str(tree), str(tree)
    try:
        found = templates.escaped(tree.template, arguments, _escaped)
    except TemplateError as error:
        raise ToolError(f"the template of the URL failed: {error}") from error
    return found, tree.template.source


def _escaped(value: str) -> str:
    return quote(encoded(value, "a value in the URL"), safe="") or _NOTHING


def _query(tree: Mapping[str, Tree], arguments: Mapping[str, JsonValue]) -> str:
    """Names and values; null leaves a name out, a list repeats it."""
    pairs: list[tuple[str, bytes]] = []
    for name, each in tree.items():
        found = filled(each, arguments)
        values = found if isinstance(found, list) else [] if found is None else [found]
        pairs += [(name, encoded(word(value), f'"{name}"')) for value in values]
    return urlencode(pairs)


def _headers(
    tree: Mapping[str, Tree], arguments: Mapping[str, JsonValue]
) -> Iterator[tuple[str, str]]:
    for name, each in tree.items():
        value = word(filled(each, arguments)).strip()
        if not _HEADER_VALUE.fullmatch(value):
            raise ToolError(f'the header "{name}" may hold one line of ASCII characters only')
        yield name.lower(), value


def _value(fetched: Fetched) -> object:
    kind = fetched.content_type
    if not fetched.body:
        return None
    if kind in ("application/json", "text/json") or kind.endswith("+json"):
        return data_of(fetched.body, "the answer")
    if kind.startswith("image/"):
        try:
            return Image.from_bytes(fetched.body)
        except ValueError as error:
            raise ToolError(f"the answer is called {kind}, but {error}") from error
    if kind.startswith("text/") or kind in _TEXTS or kind.endswith("+xml"):
        return decoded(fetched.body, fetched.charset)
    raise ToolError(f'the answer is neither JSON, text nor an image, but "{kind[:80]}"')
