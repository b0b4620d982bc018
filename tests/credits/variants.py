"""The schema as a hurried developer would have written it: patches that are plausible, and wrong."""

from __future__ import annotations

from pathlib import Path

from pgassay.database import Session

_HERE = Path(__file__).parent

NAIVE = {path.stem: path for path in sorted((_HERE / "naive").glob("*.sql"))}
"""Wrong in some order, batch or conflict; files by name."""
SWALLOWED_ERROR = _HERE / "faults" / "swallowed_error.sql"
"""Wrong only when something fails in the middle."""
TWO_TRANSACTIONS = _HERE / "crashes" / "two_transactions.sql"
"""Wrong only when the server crashes in between."""
LAST_WORDS = _HERE / "crashes" / "last_words.sql"
"""Not wrong: what a client sees when the server ends just after an error."""


def make_naive(session: Session, patch: Path) -> None:
    """Apply a patch in the session's transaction, as the owner of the schema."""
    with session.as_owner():
        session.execute(patch.read_text(encoding="utf-8"))
