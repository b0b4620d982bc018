"""Hold contracts against a loaded database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import psycopg

from pgassay.database import Session
from pgassay.database.actor import classify
from pgassay.errors import CannotJudgeError
from pgassay.observation import Outcome, Persona
from pgassay.plans.checks import find_breaches
from pgassay.plans.model import OWNER, Contract, Judgement, Sighting
from pgassay.plans.observing import read_functions, watch

Look = Callable[[Session, Contract], tuple[Sighting, ...]]


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Judges contracts in one session's transaction; `personas` are those of the project by name."""

    session: Session
    personas: Mapping[str, Persona]

    def judge(self, contracts: Iterable[Contract], *, look: Look = watch) -> tuple[Judgement, ...]:
        """One judgement a contract, as the schema is now in this transaction. Nothing is kept.

        Raises CannotJudgeError for a persona that is not configured, and when the server goes away.
        """
        functions = read_functions(self.session)

        def judge_one(contract: Contract) -> Judgement:
            try:
                sightings = self._look_as(contract, look)
            except psycopg.Error as error:
                if self.session.connection.closed:
                    raise CannotJudgeError("The server went away.", why=str(error).strip()) from error
                return _refused(contract, error)
            breaches = find_breaches(contract, sightings, functions)
            return Judgement(contract=contract, sightings=sightings, breaches=breaches)

        return tuple(map(judge_one, contracts))

    def _look_as(self, contract: Contract, look: Look) -> tuple[Sighting, ...]:
        if contract.persona == OWNER:
            with self.session.as_owner():
                return look(self.session, contract)
        if contract.persona not in self.personas:
            raise CannotJudgeError(
                f'There is no persona "{contract.persona}".',
                why=f'The contract "{contract.name}" in {contract.file} names it.',
                fixes=(f"name one of: {', '.join((OWNER, *self.personas))}",),
            )
        with self.session.act_as(self.personas[contract.persona]):
            return look(self.session, contract)


def _refused(contract: Contract, error: psycopg.Error) -> Judgement:
    """A refusal by the schema is a breach; anything else, such as a missing column, is a fault."""
    diag = error.diag
    said = f"{error.sqlstate}: {diag.message_primary or error}"
    if classify(error.sqlstate or "", diag.source_function or "") is Outcome.ERROR:
        return Judgement(contract=contract, fault=f"does not run: {said}")
    return Judgement(contract=contract, breaches=(f"is refused: {said}",))
