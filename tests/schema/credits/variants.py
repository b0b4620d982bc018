"""The schema as a hurried developer would have written it: patches that are plausible, and wrong."""

from __future__ import annotations

from pathlib import Path

from pgassay.database import Session

NAIVE = {path.stem: path for path in sorted(Path(__file__).with_name("naive").glob("*.sql"))}
"""The file of each variant by its name."""


def make_naive(session: Session, name: str) -> None:
    """Apply a variant in the session's transaction, as the owner of the schema."""
    with session.as_owner():
        session.execute(NAIVE[name].read_text(encoding="utf-8"))
