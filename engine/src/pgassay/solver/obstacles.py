"""What a search meets that nobody can set, and why not."""

from __future__ import annotations

from pgassay.solver.model import Reason

CLOCK = ("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday")
PRESENT = frozenset((*CLOCK, "current_timestamp", "current_date", "localtimestamp"))
"""The words for it, with those that are no functions."""
CHANCE = ("random", "gen_random_uuid", "gen_random_bytes", "uuid_generate_v4", "setseed")
HASHES = (
    *("md5", "sha224", "sha256", "sha384", "sha512", "digest", "hmac", "crypt", "hashtext"),
    *("hashtextextended", "crc32", "crc32c", "crypto_generichash", "crypto_shorthash"),
)


class Obstacles:
    """Those of one search, of which the first is told."""

    def __init__(self) -> None:
        self._met: dict[str, Reason] = {}

    def meet(self, what: str, reason: Reason) -> None:
        """Remember one."""
        self._met.setdefault(what, reason)

    def meet_name(self, name: str) -> None:
        """Remember a function, or something else with a name, that no rule knows."""
        reason = Reason.CLOCK if name in CLOCK else Reason.CHANCE if name in CHANCE else Reason.OPAQUE
        self.meet(f"{name}()", reason)

    @property
    def first(self) -> tuple[str, Reason] | None:
        return next(iter(self._met.items()), None)
