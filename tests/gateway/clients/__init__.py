"""Real clients against a running server, over providers that answer by a script.

Each cell of the table is a test of its own for each client; what a provider is asked is checked by
the types of its own client package.

    feature                        openai  openrouter  gumloop  anthropic  gemini  embedded
    chat, stream                     x         x          x         x        x        x
    tools, two turns, parallel       x         x          x         x        x
    on to another provider           x         x          x         x        x
    a picture in a result            x         x          x         x        x
    a tool without arguments         x         x          x         x        x
    a forced tool                                                                     x
    json_schema                      x         x          x         x        x        x
    pictures in, inline and by URL   x         x          x         x        x
    pictures out, whole and frames   x         x                             x        x
    pictures edited                  x
    cut by length, content filter    x         x          x         x        x
    an error instead of an answer    x         x          x         x        x
    an error in mid-stream, a cut    x         x          x         x        x
    too many requests                x                              x        x
    thoughts, and signatures back              x                    x        x
    use in a stream, three forms     x         x          x         x        x
    the caller's own provider key    x                              x        x

The clients are `openai` and `gumloop`, each in its two forms; what is no provider's matter (a
wrong key, an empty account, a body that is none, the list of models, pipelines) is asked by each
client once.
"""
