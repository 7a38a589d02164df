"""The words of the language: which keys there are, and which are for asking a model."""

from __future__ import annotations

import re

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
"""What a step, an input, an output, a schema, a tool and a loop variable may be called."""

WIRE_NAME = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
"""What a provider takes as the name of a schema or a tool."""

PYTHON_NAME = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*\Z"
)
"""A function of a module: `package.module:function`."""

TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
"""What HTTP takes as the name of a header. Source: RFC 9110, section 5.6.2."""

KINDS = ("prompt", "messages", "call", "value", "uses", "steps")
"""A step has exactly one of these."""

TOOL_KINDS = ("python", "http", "shell", "mcp", "uses")
"""A tool has at most one of these; without any it is a route."""

OPTIONS = (
    "temperature", "top_p", "top_k", "max_completion_tokens", "max_tokens", "seed", "stop",
    "frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias",
    "reasoning_effort", "reasoning", "verbosity", "service_tier", "metadata", "user",
    "prompt_cache_key",
)  # fmt: skip
"""What goes over the wire beside the messages, under the wire's own names."""

NUMBERS = frozenset(
    (
        "temperature", "top_p", "top_k", "max_completion_tokens", "max_tokens", "seed",
        "frequency_penalty", "presence_penalty", "repetition_penalty",
    )
)  # fmt: skip
"""Which of them are numbers."""

ASKING = (
    *OPTIONS,
    "model",
    "system",
    "provider",
    "retry",
    "repair",
    "fallback",
    "timeout",
    "cache",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_turns",
)
"""What `defaults` may say for all steps that ask a model."""

ONLY_ASKING = frozenset(
    (*ASKING, "response_format", "modalities", "image_config", "samples")
) - {"timeout"}  # fmt: skip
"""What has no meaning in a step that asks no model."""

BESIDE_TOOLS = ("tool_choice", "parallel_tool_calls", "max_turns")
"""What has no effect in a step without tools."""

SCHEMA_WORDS = frozenset(
    (
        "$anchor", "$comment", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$ref", "$schema",
        "$vocabulary", "additionalItems", "additionalProperties", "allOf", "anyOf", "const",
        "contains", "contentEncoding", "contentMediaType", "contentSchema", "default",
        "definitions", "dependencies", "dependentRequired", "dependentSchemas", "deprecated",
        "description", "else", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum",
        "format", "if", "items", "maxContains", "maxItems", "maxLength", "maxProperties",
        "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum",
        "multipleOf", "not", "oneOf", "pattern", "patternProperties", "prefixItems", "properties",
        "propertyNames", "readOnly", "required", "then", "title", "type", "unevaluatedItems",
        "unevaluatedProperties", "uniqueItems", "writeOnly",
    )
)  # fmt: skip
"""What an input may say beside its default: the words of JSON Schema, of every draft."""

PATH_WORDS = frozenset(("type", "default", "description", "title", "examples", "$comment"))
"""What an input may say that takes a path."""

RESERVED = frozenset(("inputs", "run", "loop", "previous", "rounds", "round"))
"""Names that a template finds taken, beside Jinja's globals."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """A duration such as `90s`, `1.5m`, `500ms` or `2h`, in seconds.

    Raises: ValueError for any other form, and for no time at all.
    """
    match = _DURATION.match(duration)
    if match is None or (found := float(match[1]) * _SECONDS[match[2]]) <= 0:
        raise ValueError("must be a number above 0 with its unit: 500ms, 90s, 5m or 1h")
    return found


KEYWORDS = frozenset(
    (
        "and", "or", "not", "in", "is", "if", "else", "elif", "for", "true", "false", "none",
        "True", "False", "None", "set", "import", "recursive", "self", "super", "caller",
        "varargs", "kwargs",
    )
)  # fmt: skip
"""Words that a template reads as something else than a name."""
