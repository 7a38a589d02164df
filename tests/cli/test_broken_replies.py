from __future__ import annotations

import pytest

from tests.cli.command import flowrun, write
from tests.support.endpoint import endpoint


@pytest.mark.parametrize("fault", ["error-chunk", "error-bare"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_pitfall_57_an_error_within_a_reply_fails_the_step(fault: str, is_streamed: bool) -> None:
    """Not every client raises for one that comes after the status 200."""
    words = ["--stream"] if is_streamed else []
    with endpoint() as server:
        write("flowrun.toml", f'[endpoints.mine]\nbase_url = "{server.url}"\n')
        write("one.yaml", f"""
            steps:
              one: {{model: mine/chaos-{fault}, prompt: x, retry: 0}}
              two: {{prompt: "{{{{ one }}}}", model: mine/echo}}
            outputs: {{two: "{{{{ two }}}}"}}
        """)  # fmt: skip
        done = flowrun("execute", "one.yaml", *words)
        seen = [each.model for each in server.seen]
    assert (done.code, seen) == (1, [f"chaos-{fault}"])
    assert "Half an" not in done.out
    assert "reported an error: the" in done.err
