from __future__ import annotations

from decimal import Decimal

import pytest

from flowrun.chat.usage import Usage
from flowrun.providers.openai_usage import image_usage_of, usage_of


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (None, None),
        ([], None),
        ({}, None),
        ({"total_tokens": 3}, None),
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 0, 0, 5)),
        ({"prompt_tokens": 10.0}, Usage(10)),
        ({"completion_tokens": 5}, Usage(output_tokens=5)),
        (
            {
                "prompt_tokens": 1110,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 100},
                "completion_tokens_details": {"reasoning_tokens": 6},
                "cost": 0.0125,
            },
            Usage(10, 1000, 100, 7, Decimal("0.0125"), reasoning_tokens=6),
        ),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(0, 5)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 4,
                "prompt_tokens_details": {"image_tokens": 3},
                "completion_tokens_details": {"image_tokens": 9, "reasoning_tokens": 9},
            },
            Usage(
                5,
                output_tokens=4,
                reasoning_tokens=4,
                image_input_tokens=3,
                image_output_tokens=4,
            ),
        ),
        (
            {
                "prompt_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 9},
            },
            Usage(0, 3, 2),
        ),
        ({"prompt_tokens": -5, "completion_tokens": -7}, None),
        ({"prompt_tokens": "many", "completion_tokens": True}, None),
        ({"prompt_tokens": 10**400, "completion_tokens": 1.5, "cost": 10**400}, None),
        ({"prompt_tokens": float("inf"), "cost": float("nan")}, None),
        ({"prompt_tokens": 1, "prompt_tokens_details": []}, Usage(1)),
        ({"cost": 0}, Usage(cost_usd=Decimal(0))),
        ({"cost": "free"}, None),
    ],
)
def test_tokens_land_in_one_bucket_each(reported: object, usage: Usage | None) -> None:
    assert usage_of(reported) == usage


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (None, None),
        ({}, None),
        (
            {
                "input_tokens": 50,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
                "output_tokens": 50,
                "total_tokens": 100,
            },
            Usage(50, output_tokens=50, image_input_tokens=40, image_output_tokens=50),
        ),
        (
            {
                "input_tokens": 9,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens": 50,
                "output_tokens_details": {"image_tokens": 30, "text_tokens": 20},
            },
            Usage(5, 4, output_tokens=50, image_output_tokens=30),
        ),
    ],
)
def test_what_a_picture_took_is_told_apart(reported: object, usage: Usage | None) -> None:
    assert image_usage_of(reported) == usage
