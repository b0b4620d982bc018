"""The rules: each a module with a function `find`, which yields findings of one loaded schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgassay.audit.model import Finding
from pgassay.audit.rules import chains, default_privileges, defaults, pointless, revokes, strangers, views
from pgassay.audit.scene import Scene

RULES: tuple[Callable[[Scene], Iterator[Finding]], ...] = (
    strangers.find,
    views.find,
    revokes.find,
    default_privileges.find,
    pointless.find,
    chains.find,
    defaults.find,
)
