"""What was read of a schema already, whoever asks: searches come back to the same policies and checks."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
_MOST = 20_000


class Memory:
    """Values by what they are read of, which never changes. Where they are too many, all are forgotten.

    A key that has the id of an object in it stays right as long as the value keeps that object.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """What is known of a key, else what is read."""
        if key in self._known:
            found: T = self._known[key]
            return found
        value = read()
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = value
        return value
