"""The plainest script that asks once: what a one-step pipeline competes with at start-up."""

import sys

import httpx2

reply = httpx2.post(
    f"{sys.argv[1]}/chat/completions",
    json={"model": "word", "messages": [{"role": "user", "content": "Say a word."}]},
)
reply.raise_for_status()
print(reply.json()["choices"][0]["message"]["content"])
