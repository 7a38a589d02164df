"""The tools of a file as pydantic models: what each kind of tool may say.

Source: the language reference, section 5.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from flowrun.document.spec_values import (
    ABSENT,
    Address,
    Data,
    Duration,
    Filled,
    Header,
    ListText,
    Literally,
    Model,
    PythonName,
    QueryValue,
    TemplateText,
    Variable,
)


class HttpSpec(Model):
    """One HTTP request; its templates see the tool's arguments and nothing else."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = Field(
        ABSENT, description="The method.", examples=["POST"], json_schema_extra={"default": "GET"}
    )
    url: Filled = Field(
        description="The address; its scheme and host are written out, the rest may be filled in.",
        examples=["https://example.org/weather/{{ city }}"],
    )
    query: dict[str, QueryValue] = Field(
        ABSENT,
        description="What stands behind the ? of the address, by name.",
        examples=[{"city": "{{ city }}"}],
    )
    headers: dict[Header, TemplateText] = Field(
        ABSENT, description="Headers by name.", examples=[{"Accept": "application/json"}]
    )
    body: Data = Field(
        ABSENT,
        description="Sent as JSON; data with templates in it.",
        examples=[{"city": "{{ city }}"}],
    )
    bearer: Variable = Field(
        ABSENT,
        description="The environment variable that holds the bearer token.",
        examples=["WEATHER_KEY"],
    )


class ArgumentSpec(Model):
    """One element of a command that is more than text: it has exactly one of these keys."""

    each: ListText = Field(
        ABSENT,
        description="A template that gives a list: each element is an argument of its own.",
        examples=["{{ paths }}"],
    )
    option: TemplateText = Field(
        ABSENT, description="What it gives may begin with a dash.", examples=["{{ flag }}"]
    )


Command: TypeAlias = Annotated[list[TemplateText | ArgumentSpec], Field(min_length=1)]


class ShellSpec(Model):
    """A program and its arguments, which no shell parses, with what else it is given."""

    command: Command = Field(
        description="The program, written out, and its arguments.",
        examples=[["git", "log", "--max-count={{ n }}"]],
    )
    env: list[Variable] = Field(
        ABSENT,
        description="Environment variables that it is given besides the common ones.",
        examples=[["GIT_DIR"]],
    )
    stdin: TemplateText = Field(
        ABSENT, description="What the program reads.", examples=["{{ text }}"]
    )


class McpSpec(Model):
    """A server that speaks MCP: it has exactly one of command and url."""

    command: Annotated[list[Literally], Field(min_length=1)] = Field(
        ABSENT,
        description="The program that is the server, over stdio, and its arguments.",
        examples=[["docs-server", "--quiet"]],
    )
    url: Address = Field(
        ABSENT,
        description="The server's address, over streamable HTTP.",
        examples=["https://example.org/mcp"],
    )
    env: list[Variable] = Field(
        ABSENT,
        description="Environment variables that the program is given.",
        examples=[["DOCS_TOKEN"]],
    )
    bearer: Variable = Field(
        ABSENT,
        description="The environment variable that holds the bearer token for the url.",
        examples=["DOCS_TOKEN"],
    )
    allow: Annotated[list[Literally], Field(min_length=1)] = Field(
        ABSENT,
        description="The tools of the server that may be used; without it: all.",
        examples=[["search"]],
    )


SchemaOrName: TypeAlias = Literally | dict[str, Data]


class ToolSpec(Model):
    """A tool; it has at most one of python, http, shell, mcp and uses, or is a route."""

    description: str = Field(
        ABSENT,
        description="What it is good for, for the model.",
        examples=["Finds pages of the shop."],
    )
    python: PythonName = Field(
        ABSENT,
        description="A function of a module: under the pipeline's folder, or installed.",
        examples=["shop.search:find"],
    )
    http: HttpSpec = Field(
        ABSENT, description="One HTTP request.", examples=[{"url": "https://example.org/weather"}]
    )
    shell: Command | ShellSpec = Field(
        ABSENT,
        description="A program and its arguments; no shell parses them.",
        examples=[["git", "log", "--oneline"]],
    )
    mcp: McpSpec = Field(
        ABSENT, description="All tools of an MCP server.", examples=[{"command": ["docs-server"]}]
    )
    uses: Literally = Field(
        ABSENT,
        description="Another pipeline file, whose inputs are the tool's arguments.",
        examples=["./review.yaml"],
    )
    parameters: SchemaOrName = Field(
        ABSENT,
        description="The JSON Schema of its arguments, or the name of an entry of schemas.",
        examples=[{"type": "object", "properties": {"city": {"type": "string"}}}],
    )
    returns: SchemaOrName = Field(
        ABSENT,
        description="The JSON Schema of what it gives, or the name of an entry of schemas.",
        examples=[{"type": "string"}],
    )
    pure: bool = Field(
        ABSENT,
        description="true: equal arguments give equal results, which may be kept.",
        examples=[True],
        json_schema_extra={"default": False},
    )
    timeout: Duration = Field(
        ABSENT,
        description="Of one call. Without it 60s; a pipeline takes as long as its steps do.",
        examples=["5s"],
    )
