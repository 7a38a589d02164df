"""The parts of one reply in Gemini's protocol: what each says, and where it stood.

One counter of calls runs over the whole reply, in however many events it comes. A call is whole
when it comes, and without an id it gets one that no other reply's call has. Drafts of a picture
stand among the thoughts and are left there.
Source: ai.google.dev, Gemini API, GenerateContentResponse, Thought signatures.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping

from flowrun.chat.images import Image
from flowrun.chat.messages import Block, Delta, ToolCallPiece
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError
from flowrun.providers.anthropic_tools import ANSWER
from flowrun.providers.gemini_messages import NAME
from flowrun.providers.reading import mapping_of, text_of, without_halves


class Parts:
    """Reads the parts of one reply, one after another."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._images = 0
        self._notes: list[Block] = []

    @property
    def has_calls(self) -> bool:
        """Whether a tool is called that is one."""
        return bool(self._ids)

    def notes(self) -> tuple[Block, ...]:
        """Where everything stood; nothing if nothing of it was signed."""
        is_signed = any(each.keys() & {"signature", "block"} for each in self._notes)
        return tuple(self._notes) if is_signed else ()

    def read(self, part: Mapping[str, JsonValue], reply_id: str) -> Delta:
        """What a part says; kinds that were not asked for say nothing."""
        signature = without_halves(text_of(part.get("thoughtSignature")))
        if part.get("thought") is True:
            return self._thought(part, signature)
        match part:
            case {"functionCall": dict(call)} if call.get("name") == ANSWER:
                return self._text(_spelled(call), "")
            case {"functionCall": dict(call)}:
                return self._call(call, signature, reply_id)
            case {"inlineData": dict(data)}:
                return self._image(data, signature)
            case _:
                return self._text(without_halves(text_of(part.get("text"))), signature)

    def _thought(self, part: Mapping[str, JsonValue], signature: str) -> Delta:
        text = without_halves(text_of(part.get("text")))
        if signature and "inlineData" not in part:
            block: Block = {"thought": True, "text": text, "thoughtSignature": signature}
            self._notes.append({"by": NAME, "block": block})
        return Delta(reasoning=text)

    def _call(self, call: Mapping[str, JsonValue], signature: str, reply_id: str) -> Delta:
        index, arguments = len(self._ids), _spelled(call)
        name = without_halves(text_of(call.get("name")))
        identity = without_halves(text_of(call.get("id")))
        if not identity or identity in self._ids:
            told = json.dumps([reply_id, index, name, arguments, signature])
            identity = f"call_{hashlib.sha256(told.encode()).hexdigest()[:24]}"
        self._ids.add(identity)
        self._note({"call": index}, signature)
        return Delta(tool_calls=(ToolCallPiece(index, identity, name, arguments),))

    def _image(self, data: Mapping[str, JsonValue], signature: str) -> Delta:
        """Raises: ProviderError if it is no picture that can be read."""
        try:
            image = Image.from_bytes(base64.b64decode(text_of(data.get("data")), validate=True))
        except (binascii.Error, ValueError) as error:
            raise ProviderError(f"gave a picture that cannot be read: {error}") from error
        self._note({"image": self._images}, signature)
        self._images += 1
        return Delta(images=(image,))

    def _text(self, text: str, signature: str) -> Delta:
        """What is unsigned is one text, in however many parts it comes."""
        before = self._notes[-1] if self._notes else {}
        length = before.get("text")
        if not signature and isinstance(length, int) and "signature" not in before:
            self._notes[-1] = {**before, "text": length + len(text)}
        elif text or signature:
            self._note({"text": len(text)}, signature)
        return Delta(text=text)

    def _note(self, place: Block, signature: str) -> None:
        self._notes.append({"by": NAME, **place, **({"signature": signature} if signature else {})})


def _spelled(call: Mapping[str, JsonValue]) -> str:
    """The arguments of a call as JSON text."""
    args = mapping_of(call.get("args"))
    return without_halves(json.dumps(args, ensure_ascii=False, separators=(",", ":")))
