"""The embedded picture: drawn by rule where an image model is asked for, and marked as such.

It lets a pipeline run offline from end to end, pictures to pictures included. It is no model,
and every picture says so.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncGenerator, Mapping
from decimal import Decimal
from importlib.util import find_spec

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.images import Image
from flowrun.chat.messages import ChatReply, ChatRequest, Delta, ImageUrl, Text, fold
from flowrun.chat.usage import Usage
from flowrun.digest import JsonValue, digest
from flowrun.errors import NotInstalled, Unsupported

MODEL = "placeholder"
CAPABILITIES = Capabilities(
    images_in=True,
    images_out=True,
    text_out=False,
    json_schema=False,
    json_object=False,
    tools=False,
)
SAID = "a placeholder: no image model was used"
"""What the reply says beside its picture."""


def missing() -> str | None:
    """What keeps pictures from being drawn here and how to mend it, None if nothing does."""
    if find_spec("PIL") is not None:
        return None
    return (
        'the placeholder picture needs the package "pillow", which is not installed; run '
        "`pip install '.[local]'` in a checkout of this project, or `pip install pillow`"
    )


class Placeholder:
    """A Provider of pictures that follow from the prompt, the pictures in it, and the seed."""

    async def send(self, request: ChatRequest) -> ChatReply:
        """The whole reply: one picture."""
        return fold([delta async for delta in self.stream(request)])

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The picture in one piece."""
        image = await asyncio.to_thread(_drawn, request)
        usage = Usage(cost_usd=Decimal(0))
        yield Delta(
            text=SAID, images=(image,), finish_reason="stop", usage=usage, model=request.model
        )

    async def aclose(self) -> None:
        """Nothing is held open."""


def _drawn(request: ChatRequest) -> Image:
    """The picture. Raises: Unsupported for what cannot be drawn."""
    _check(request)
    if problem := missing():
        raise NotInstalled(problem)
    # Costs a tenth of a second, and the package belongs to an extra.
    from flowrun.providers.drawing import FORMATS, Sketch, draw

    width, height = _size(request.image_config)
    output_format = request.image_config.get("output_format") or "png"
    if not isinstance(output_format, str) or output_format not in FORMATS:
        raise _refused("output_format", output_format, "png, jpeg or webp")
    prompt = " ".join(_texts(request)).encode("utf-8", "replace").decode().strip()
    pictures = request.images()
    seed = digest(
        "placeholder/1",
        {
            "prompt": prompt,
            "pictures": [each.sha256 for each in pictures],
            "seed": request.options.get("seed"),
        },
    )
    try:
        data = draw(Sketch(prompt, width, height, seed, pictures, output_format))
    except ValueError as error:
        raise Unsupported(f"the placeholder cannot be drawn: {error}") from error
    return Image.from_bytes(data, text=SAID)


def _check(request: ChatRequest) -> None:
    if not request.wants_image:
        raise Unsupported(
            "local/placeholder draws pictures only; ask for one with modalities: [image], "
            "or use local/smollm2-135m-instruct for text"
        )
    if request.response_format.kind != "text":
        raise Unsupported("local/placeholder cannot answer in JSON, it draws pictures only")
    if request.tools:
        raise Unsupported("local/placeholder cannot call tools, it draws pictures only")
    unknown = sorted(request.image_config.keys() - _CONFIG)
    if unknown:
        known = ", ".join(sorted(_CONFIG))
        raise Unsupported(
            f'local/placeholder does not know "{unknown[0]}" of image_config; it knows {known}'
        )


def _texts(request: ChatRequest) -> list[str]:
    """The text of the last turn. Raises: Unsupported for a picture that has to be fetched."""
    found = []
    for part in request.messages[-1].parts if request.messages else ():
        if isinstance(part, ImageUrl):
            raise Unsupported("local/placeholder fetches no pictures; give the picture itself")
        if isinstance(part, Text):
            found.append(part.text.strip())
    return found


_CONFIG = frozenset(
    ("aspect_ratio", "image_size", "size", "output_format", "quality", "background")
) | {"partial_images"}
_LEAST, _MOST = 64, 2048
_SIDES = {"512": 512, "1K": 1024, "2K": 1448, "4K": 2048}
"""The side of a square of each `image_size`; the larger ones are drawn smaller than named."""


def _size(config: Mapping[str, JsonValue]) -> tuple[int, int]:
    """Width and height in pixels. Raises: Unsupported for a size that is not understood."""
    size = config.get("size") or "auto"
    if size != "auto":
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size) if isinstance(size, str) else None
        if match is None:
            raise _refused("size", size, 'WIDTHxHEIGHT, as "1024x768", or auto')
        width, height = int(match[1]), int(match[2])
        if not (_LEAST <= width <= _MOST and _LEAST <= height <= _MOST):
            raise _refused("size", size, f"sides from {_LEAST} to {_MOST} pixels")
        return width, height
    named = config.get("image_size") or "1K"
    if not isinstance(named, str) or named not in _SIDES:
        raise _refused("image_size", named, ", ".join(_SIDES))
    ratio = math.sqrt(_ratio(config.get("aspect_ratio") or "1:1"))
    side = min(_SIDES[named], _MOST / max(ratio, 1 / ratio))
    return _rounded(side * ratio), _rounded(side / ratio)


def _ratio(named: JsonValue) -> float:
    match = re.fullmatch(r"(\d{1,4}):(\d{1,4})", named) if isinstance(named, str) else None
    if match is None or not (int(match[1]) and int(match[2])):
        raise _refused("aspect_ratio", named, 'WIDTH:HEIGHT, as "16:9"')
    ratio = int(match[1]) / int(match[2])
    if not 1 / 8 <= ratio <= 8:
        raise _refused("aspect_ratio", named, "at most 8:1 and at least 1:8")
    return ratio


def _rounded(side: float) -> int:
    return max(_LEAST, round(side / 16) * 16)


def _refused(name: str, value: JsonValue, wanted: str) -> Unsupported:
    return Unsupported(f'local/placeholder takes {wanted} for "{name}", not "{value}"')
