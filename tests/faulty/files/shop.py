"""A function that faulty files name as a tool."""


def find(query: str = "bees") -> list[str]:
    """Finds pages of the shop."""
    return [query]
