"""The rules: each a module with a function `find`, which yields findings of one loaded schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgassay.audit.model import Finding
from pgassay.audit.rules import strangers
from pgassay.audit.scene import Scene

RULES: tuple[Callable[[Scene], Iterator[Finding]], ...] = (strangers.find,)
