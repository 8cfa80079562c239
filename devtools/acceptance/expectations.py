"""Comparing a JSON document with what it should be, value by value, all of them."""

from typing import Any

MISSING = "<missing>"


def at(document: Any, path: str) -> Any:
    """The value at a dotted path; MISSING where the document has no such field."""
    for key in path.split("."):
        if not isinstance(document, dict) or key not in document:
            return MISSING
        document = document[key]
    return document


class Expectations:
    """Collects the values that are not as expected, under their names."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def equal(self, name: str, actual: Any, expected: Any) -> None:
        """Compare the types too: 1 is not true, and an amount is not a count."""
        if type(actual) is not type(expected) or actual != expected:
            self.wrong.append(f"{name} is {actual!r}, expected {expected!r}")

    def amount(self, name: str, actual: Any, expected: str) -> None:
        """Compare an amount as it is written: 400000.0 is not 400000.00."""
        if str(actual) != expected or isinstance(actual, str):
            self.wrong.append(f"{name} is {actual!r}, expected the number {expected}")
