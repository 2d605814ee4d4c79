"""Numbers in sentences."""


def count(number: int) -> str:
    return f"{number:,}"


def many(number: int, singular: str, plural: str = "") -> str:
    """`1 check`, `1,204 checks`; with both words given, more than a noun: `1 copy is`, `2 copies are`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
