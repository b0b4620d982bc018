"""Users whom a condition names by their ids, such as the one who runs the place. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Function
from pgassay.observation import Persona
from pgassay.solver.model import Atom

_OWN = ("sub", "email", "phone", "session_id", "user_metadata")  # claims that nobody else has


def named_users(atom: Atom, people: Sequence[Persona], functions: Iterable[Function]) -> Iterator[Persona]:
    """Who the ids in an atom, and in the functions that it calls, may be: as the first user in all else."""
    somebody = next((one for one in people if one.id is not None), None)
    if somebody is None:
        return
    words = find_literals([atom.text]).words
    texts = [atom.text, *(one.text for one in functions if one.name in words)]
    found = (_as_id(text) for one in texts for text in find_literals([one]).strings)
    for id_ in dict.fromkeys(filter(None, found)):
        claims = {name: value for name, value in somebody.claims.items() if name not in _OWN}
        yield Persona(name=f"user-{id_[:8]}", role=somebody.role, claims={**claims, "sub": id_})


def _as_id(text: str) -> str:
    try:
        return str(uuid.UUID(text)) if len(text) == len(str(uuid.UUID(int=0))) else ""
    except ValueError:
        return ""
