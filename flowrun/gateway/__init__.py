"""The chat-completions endpoint: one front over every provider."""
