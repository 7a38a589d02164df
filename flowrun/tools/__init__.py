"""Tools that steps and models call: Python, HTTP, shell and MCP behind one protocol."""
