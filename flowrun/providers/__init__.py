"""Where a request goes: dialects, endpoints and the wrappers round them."""
