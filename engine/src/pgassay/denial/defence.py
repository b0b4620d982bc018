"""Take defences away, for one moment, and see what they were good for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from pgassay.database import Session
from pgassay.denial.guard import Guard
from pgassay.errors import CannotJudgeError


class CannotRemoveError(CannotJudgeError):
    """A guard that the schema's owner cannot remove, or that is not there. Carries the `guard`."""

    def __init__(self, guard: Guard, *, why: str) -> None:
        super().__init__(
            f"Cannot remove the {guard}.",
            why=f"{guard.removal}: {why}",
            fixes=("name what is there, and what the schema's owner may change",),
        )
        self.guard = guard


@contextmanager
def removed(session: Session, guards: Iterable[Guard]) -> Iterator[Session]:
    """A block without `guards`, in which the session acts as owner; all is rolled back at its end.

    With no guards, a block that leaves no trace. Raises CannotRemoveError.
    """
    with session.undone():
        session.as_owner()
        _remove(session, tuple(guards))
        yield session


def _remove(session: Session, guards: tuple[Guard, ...]) -> None:
    for guard in guards:
        try:
            session.connection.execute(guard.removal.encode())
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            raise CannotRemoveError(guard, why=error.diag.message_primary or str(error)) from error


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What defences are good for against one attack.

    `intact`: the attack succeeds although all stand. `together`: it succeeds when all are gone. `sole`: those
    whose removal alone lets it through. `idle`: those that do not stop it when they stand alone.
    """

    guards: tuple[Guard, ...]
    intact: bool
    together: bool
    sole: tuple[Guard, ...]
    idle: tuple[Guard, ...]

    @property
    def proven(self) -> bool:
        """They stop the attack, nothing else does, and each has a part in it."""
        return not self.intact and self.together and not self.idle

    @property
    def overlap(self) -> tuple[Guard, ...]:
        """The guards that others make up for: with one of these gone, the attack is still stopped."""
        return tuple(g for g in self.guards if g not in (*self.sole, *self.idle)) if self.together else ()

    def __str__(self) -> str:
        lines = [f"{len(self.guards)} declared: {'; '.join(map(str, self.guards))}"]
        if self.intact:
            lines.append("the attack succeeds although nothing was removed")
        elif not self.together:
            lines.append("the attack fails even with all of them removed")
        labels = (("alone", self.sole), ("overlap", self.overlap), ("idle", self.idle))
        lines += [f"{label}: {'; '.join(map(str, some))}" for label, some in labels if some]
        return "\n".join(lines)


def needed(session: Session, guards: Iterable[Guard], attack: Callable[[], bool]) -> Worth:
    """Try `attack`, which says whether it succeeded, without: none, all, each alone, all but each.

    Every try is rolled back. Raises CannotRemoveError.
    """
    declared = tuple(guards)

    def succeeds(*gone: Guard) -> bool:
        with removed(session, gone):
            return attack()

    together = succeeds(*declared)
    others = {guard: tuple(other for other in declared if other != guard) for guard in declared}
    return Worth(
        guards=declared,
        intact=succeeds(),
        together=together,
        sole=tuple(guard for guard in declared if succeeds(guard)),
        idle=tuple(
            guard for guard in declared if len(declared) > 1 and together and succeeds(*others[guard])
        ),
    )
