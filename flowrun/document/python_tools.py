"""Python tools: the module under the pipeline's folder, and what its source tells."""

from __future__ import annotations

from dataclasses import replace

from flowrun.document.python_source import Signature, functions, signature
from flowrun.document.slots import SlotReader
from flowrun.document.source import Path
from flowrun.document.tool import PythonFunction, Tool
from flowrun.errors import FlowrunError, did_you_mean


class PythonTools:
    """Reads, and never imports, the modules that tools name."""

    def __init__(self, slots: SlotReader) -> None:
        self._slots = slots

    def tool(self, tool: Tool, path: Path, name: str) -> Tool:
        """The tool with its function; of an installed module only the names are known."""
        module, _, function = name.partition(":")
        file, text = self._source(module)
        tool = replace(tool, action=PythonFunction(module, function, file))
        if not file:
            return tool
        told = self._signature(path, name, text)
        if told is None:
            return replace(tool, is_partial=True)
        return replace(
            tool,
            description=tool.description or told.description,
            parameters=told.parameters if tool.parameters is None else tool.parameters,
            returns=told.returns if tool.returns is None else tool.returns,
        )

    def _source(self, module: str) -> tuple[str, str]:
        """The module's file under the folder and its text, nothing if it is not there."""
        stem = module.replace(".", "/")
        for file in (f"{stem}.py", f"{stem}/__init__.py"):
            try:
                return file, self._slots.read_file(file)
            except FlowrunError:
                continue
        return "", ""

    def _signature(self, path: Path, name: str, text: str) -> Signature | None:
        module, _, function = name.partition(":")
        try:
            found = signature(text, function)
            if found is not None:
                return found
            names = functions(text)
        except SyntaxError as error:
            line = "" if error.lineno is None else f"line {error.lineno}: "
            message = f'module "{module}" is no Python: {line}{error.msg}'
            self._slots.note(path, message, "bad-module", length=len(name))
            return None
        message = f'module "{module}" has no function "{function}"'
        mend = did_you_mean(function, names)
        if not mend:
            mend = f"it has {', '.join(names[:12])}" if names else f"write def {function} there"
        self._slots.note(path, message, "unknown-function", mend=mend, length=len(name))
        return None
