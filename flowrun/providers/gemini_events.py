"""The events of one reply in Gemini's protocol as deltas; a whole reply is read as the only one.

Each event is a reply as far as it goes: `candidates` with a content of parts, `usageMetadata`,
and at some event, not always the last one, a `finishReason`. Nothing says that a stream is over
but its end, so that why the reply ends is told then.
Source: ai.google.dev, Gemini API, GenerateContentResponse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flowrun.chat.messages import Delta, FinishReason
from flowrun.errors import AccessDenied, ProviderError, Unavailable
from flowrun.providers.gemini_errors import error_of_body, objects_of
from flowrun.providers.gemini_parts import Parts
from flowrun.providers.gemini_usage import UsageSoFar
from flowrun.providers.reading import items_of, mapping_of, text_of, without_halves
from flowrun.providers.wording import brief

_FINISH: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "ESCALATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
_PASSING: Mapping[str, str] = {
    "MALFORMED_FUNCTION_CALL": "wrote a call of a tool that cannot be read",
    "UNEXPECTED_TOOL_CALL": "called a tool that it was not given",
    "MALFORMED_RESPONSE": "wrote a reply that cannot be read",
    "NO_IMAGE": "drew no picture",
    "IMAGE_OTHER": "drew no picture, for a reason that it does not tell",
    "OTHER": "ended its reply for a reason that it does not tell",
}
_UNSAID = ("", "FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED")


class EventDecoder:
    """Reads the events of one reply, or a whole one; `mask` as in GeminiDialect."""

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        self._mask = mask
        self.closed = False
        self.has_answer = False
        self._id = ""
        self._reason: FinishReason | None = None
        self._parts = Parts()
        self._usage = UsageSoFar()

    @property
    def complete(self) -> bool:
        """Whether the reply came to its end, though usage may follow."""
        return self._reason is not None

    def feed(self, data: str) -> list[Delta]:
        """What one event says. Raises: ProviderError if it reports an error."""
        text = data.strip()
        if not text or self.closed:
            return []
        if text.startswith("[DONE]"):  # which it never says, but those who stand in for it may
            self.closed = True
            return []
        events = objects_of(text)
        if events is None:
            said = brief(text, limit=80, mask=self._mask)
            raise Unavailable(f"sent an event that is not JSON: {said}")
        return [delta for event in events for delta in self.read(event, is_whole=False)]

    def finish(self) -> list[Delta]:
        """Why it ends, and what goes back. Raises: Unavailable if the stream was cut."""
        if self._reason is None:
            raise Unavailable("cut the stream before the reply was complete")
        # It says STOP of a reply that calls tools; a cut one has cut calls, and stays cut.
        is_calling = self._reason == "stop" and self._parts.has_calls
        reason: FinishReason = "tool_calls" if is_calling else self._reason
        return [Delta(finish_reason=reason, blocks=self._parts.notes())]

    def read(self, event: Mapping[str, object], *, is_whole: bool) -> list[Delta]:
        """What one object says; a whole reply ends even where it does not say why.

        Raises: ProviderError if it is an error instead, or ends as no reply does.
        """
        if (error := error_of_body(event, mask=self._mask)) is not None:
            raise error
        identity = without_halves(text_of(event.get("responseId")))
        self._id = self._id or identity
        head = Delta(
            usage=self._usage.hear(event.get("usageMetadata")),
            model=without_halves(text_of(event.get("modelVersion"))),
            id=identity,
        )
        found = [head, *self._blocked(mapping_of(event.get("promptFeedback")))]
        for each in items_of(event.get("candidates")):
            if isinstance(each, Mapping) and each.get("index") in (None, 0):
                self.has_answer = True
                found += self._candidate(each, is_whole=is_whole)
                break
        return [each for each in found if each != Delta()]

    def _blocked(self, feedback: Mapping[str, object]) -> list[Delta]:
        """What is said of a prompt that was not answered."""
        if text_of(feedback.get("blockReason")) in _UNSAID:
            return []
        self.has_answer = True
        self._reason = "content_filter"
        return [Delta(refusal=without_halves(text_of(feedback.get("blockReasonMessage"))))]

    def _candidate(self, candidate: Mapping[str, object], *, is_whole: bool) -> list[Delta]:
        content = mapping_of(candidate.get("content"))
        found = [
            self._parts.read(each, self._id)
            for each in items_of(content.get("parts"))
            if isinstance(each, dict)
        ]
        reason = text_of(candidate.get("finishReason"))
        if reason in _UNSAID:
            reason = "STOP" if is_whole else ""
        if reason:
            self._reason = self._end(reason)
        if self._reason == "content_filter":
            message = without_halves(text_of(candidate.get("finishMessage")))
            found.append(Delta(refusal=message))
        return found

    def _end(self, reason: str) -> FinishReason:
        """Raises: ProviderError for an end that no reply has."""
        if reason in _PASSING:
            raise Unavailable(_PASSING[reason])
        match reason:
            case "TOO_MANY_TOOL_CALLS":
                raise ProviderError("called too many tools")
            case "MISSING_THOUGHT_SIGNATURE":
                raise ProviderError("misses a signature in the conversation")
            case "PUP_LIMITED_DISABLED":
                raise AccessDenied("ended its reply: the account is limited or disabled")
        known = _FINISH.get(reason)
        if known is None:
            said = brief(reason, mask=self._mask)
            raise ProviderError(f'ended its reply for an unknown reason: "{said}"')
        return known
