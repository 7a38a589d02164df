"""Where answers are kept: cache, resume and replay behind one protocol."""
