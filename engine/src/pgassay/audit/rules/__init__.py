"""The rules: each a module with a function `find`, which yields findings of one loaded schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgassay.audit.model import Finding
from pgassay.audit.rules import (
    blocked,
    cascades,
    catalog,
    chains,
    claims,
    colleagues,
    default_privileges,
    defaults,
    depends,
    driven,
    expired,
    functions,
    groups,
    many,
    moved,
    nobody,
    pointless,
    precedence,
    priced,
    races,
    revokes,
    search_path,
    signup,
    states,
    strangers,
    topics,
    twice,
    views,
    withdrawn,
)
from pgassay.audit.scene import Scene

Rule = Callable[[Scene], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    nobody.find,
    strangers.find,
    groups.find,
    views.find,
    colleagues.find,
    revokes.find,
    default_privileges.find,
    pointless.find,
    precedence.find,
    chains.find,
    blocked.find,
    cascades.find,
    moved.find,
    defaults.find,
    states.find,
    depends.find,
    driven.find,
    priced.find,
    claims.find,
    signup.find,
    withdrawn.find,
    topics.find,
    expired.find,
    functions.find,
    twice.find,
    many.find,
    search_path.find,
    catalog.find,
    races.find,
)
