"""Act as personas: in one transaction that rolls back, or over real connections as PostgREST does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from select import select
from typing import Any, Self

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

from pgassay.database.actor import OFTEN, Actor, Tried, failed
from pgassay.database.model import Database
from pgassay.errors import CannotJudgeError
from pgassay.observation import Attempt, Outcome, Persona
from pgassay.supabase.identity import (
    AUTHENTICATOR,
    NOBODY,
    Identity,
    Roles,
    owner_identity,
    request_identity,
    session_identity,
)
from pgassay.supabase.session_user import pretend_login


class Session(Actor):
    """Acts as personas over one connection, in one transaction; fast, for tests that roll back.

    The connection is the schema's owner's, and never a superuser's, whose rights the schema could take.
    Statements outside `act_as` run as the owner. With `longest`, no statement of a persona takes more
    milliseconds, whatever its role's settings say. What only a real login can prove, such as that `reset
    role` gives nothing away, needs `request`. Every transaction begins with the statements `first`, which
    the owner runs. `ended_by_others`: whether anybody committed or rolled back such a transaction.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        *,
        owner: str,
        prepares: bool = False,
        first: Sequence[str] = (),
    ) -> None:
        super().__init__(connection, prepares=prepares)
        self._owner = owner
        self._first = first
        self._roles = Roles(connection)
        self._identities: dict[Persona, Identity] = {}
        self._identity = NOBODY
        self._begun = Counter[Identity]()  # transactions that began as somebody
        self._login: tuple[str, ...] | None = None  # what pretends authenticator's, once it is known
        self._pretends = False
        self._begins = 0  # transactions within one `transaction`: more than one, where a test ends its own
        self.longest: int | None = None
        self.ended_by_others = False

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """One isolated test: whatever happens inside is rolled back at the end."""
        try:
            yield self
        finally:
            is_open = self.connection.info.transaction_status != TransactionStatus.IDLE
            self.ended_by_others |= self._begins > is_open
            self._begins = 0
            self._identity = NOBODY
            self._pretends = False
            if not self.connection.closed:
                self.run_plainly("rollback")

    def _begin(self) -> str:
        self._begins += 1
        begin = super()._begin()
        if not self._first:
            return begin
        self._is_tame = False
        self.run_plainly(begin)
        try:
            for statement in self._first:
                self.run_plainly(statement)
        except psycopg.Error as error:
            raise CannotJudgeError("Cannot begin a transaction as it shall begin.", why=str(error)) from error
        return ""

    def act_as(self, persona: Persona) -> AbstractContextManager[Self]:
        """Become `persona` at once, in one round trip; as a context manager, until its end."""
        self._pretend_login()
        return self._switch(self._identity_of(persona))

    def _identity_of(self, persona: Persona | None) -> Identity:
        if persona is None:
            return owner_identity(self._owner)
        if persona not in self._identities:
            self._identities[persona] = self._limited(session_identity(persona, self._roles))
        return self._identities[persona]

    def _limited(self, identity: Identity) -> Identity:
        if self.longest is None:
            return identity
        return replace(identity, role=f"{identity.role}; set local statement_timeout = {self.longest}")

    def refusal(self, persona: Persona) -> Attempt | None:
        """The answer to every request of `persona` where the project's hook or pre-request function fails.

        The platform answers so without running anything of the request: a refusal, whatever its SQLSTATE.
        """
        with self.undone():
            try:
                self.act_as(persona)
            except psycopg.Error as error:
                if self.connection.closed:
                    raise
                return replace(failed(error), outcome=Outcome.DENIED_GRANT)
        return None

    def as_owner(self) -> AbstractContextManager[Self]:
        """Become the role that owns the schema, as `act_as` does."""
        return self._switch(self._identity_of(None))

    @contextmanager
    def undone(self) -> Iterator[Self]:
        """A block that leaves no trace: at its end all is rolled back, and the session acts as before."""
        self._pretend_login()
        former = self._identity
        self._send_plain("savepoint pgassay_undone")
        try:
            yield self
        finally:
            self._identity = former  # `set local` is undone as well
            if not self.connection.closed:
                self.run_plainly("rollback to savepoint pgassay_undone; release savepoint pgassay_undone")

    @contextmanager
    def undone_as(self, persona: Persona | None, *, then: str = "") -> Iterator[Self]:
        """As `undone`, acting as a persona or the owner: one message takes one there, and one back.

        `then`: a statement that is sent with the first.
        """
        self._pretend_login()
        former, identity = self._identity, self._identity_of(persona)
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            self.run_plainly("savepoint pgassay_undone")  # raises: nothing of ours is there to go back to
        try:
            self._send_plain(_joined("savepoint pgassay_undone", former.leave, identity.become, then))
            self._identity = identity
            yield self
        finally:
            self._identity = former
            if not self.connection.closed:
                self.run_plainly("rollback to savepoint pgassay_undone; release savepoint pgassay_undone")

    def try_as(self, persona: Persona | None, statement: str) -> Tried:
        """What becomes of a statement of a persona or the owner; its effects stay. One message.

        Raises psycopg.Error when the connection is lost.
        """
        self._pretend_login()
        former, identity = self._identity, self._identity_of(persona)
        there = _joined("savepoint pgassay_attempt", former.leave, identity.become)
        back = _joined(identity.leave, former.become, "release savepoint pgassay_attempt")
        started = time.perf_counter()
        try:
            self._send_plain(there)
            count = self._run_and_count(f"{statement}\n; {back}")  # it may end with a comment
        except psycopg.Error as error:
            if self.connection.closed:
                raise
            self.run_plainly("rollback to savepoint pgassay_attempt; release savepoint pgassay_attempt")
            return Tried(sqlstate=failed(error).sqlstate)
        finally:
            self.wait(time.perf_counter() - started)
        return Tried(count=count)

    def _run_and_count(self, statements: str) -> int:
        """How many rows the first of several statements in one message returned or touched; 0 for none."""
        connection = self.connection.pgconn
        connection.send_query(statements.encode())
        counts = []
        failure: psycopg.Error | None = None
        while True:
            while connection.status == ConnStatus.OK and connection.is_busy():
                select([connection.socket], [], [])  # outside of libpq, in which no other thread would run
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                break
            if result.status == ExecStatus.FATAL_ERROR:
                failure = error_from_result(result, encoding=self.connection.info.encoding)
            counts.append(result.command_tuples or 0)
        if failure or not counts:
            raise failure or psycopg.OperationalError("the connection was lost")
        return counts[0]

    def _pretend_login(self) -> None:
        """Once a transaction, as the owner and outside any savepoint of ours."""
        if self._pretends:
            return
        self._pretends = True
        if self._login is None:
            self._send_plain("")
            self._login = pretend_login(self.connection)
        if self._login:
            self._send_plain("; ".join(self._login))

    def _switch(self, identity: Identity) -> AbstractContextManager[Self]:
        former = self._identity
        if former is not NOBODY or not self._begin_as(identity):
            self._send_plain(_joined(former.leave, identity.become))
        self._identity = identity
        return self._acting(former)

    def _begin_as(self, identity: Identity) -> bool:
        """Whether the transaction began with what is prepared for somebody whom tests become often."""
        is_open = self.connection.info.transaction_status != TransactionStatus.IDLE
        if not self.prepares or is_open or not identity.settings:
            return False
        self._begun[identity] += 1
        if (times := self._begun[identity]) < OFTEN:
            return False
        name = f"pgassay_identity_{[*self._begun].index(identity)}"
        if times == OFTEN:
            self.run_plainly(f"prepare {name} as {identity.settings}")
        try:
            self.run_plainly(f"begin; execute {name}; {identity.role}")
        except psycopg.errors.InvalidSqlStatementName:  # somebody deallocated everything
            self.run_plainly("rollback")
            self._begun[identity] = 0
            return False
        self._is_tame = True
        return True

    @contextmanager
    def _acting(self, former: Identity) -> Iterator[Self]:
        """The time for which the session acts as somebody: `former` before and after."""
        try:
            yield self
        finally:
            # After an error everything up to the rollback fails, and the rollback undoes the identity too.
            if self.connection.info.transaction_status == TransactionStatus.INTRANS:
                self._switch(former)


def _joined(*statements: str) -> str:
    return "; ".join(filter(None, statements))


class Client(Actor):
    """One connection of PostgREST's pool, logged in as authenticator; serves any number of requests."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        self._roles = Roles(connection)

    @contextmanager
    def request(self, persona: Persona) -> Iterator[Self]:
        """One request, one transaction: committed at the end, rolled back when the block raises."""
        self._send_plain(request_identity(persona, self._roles).become)
        try:
            yield self
        except BaseException:
            if not self.connection.closed:
                self.connection.execute("rollback")
            raise
        self.connection.execute("commit")


@contextmanager
def open_client(database: Database) -> Iterator[Client]:
    """A connection logged in as authenticator. Raises ServerError when that role cannot log in."""
    with closing(database.connect(user=AUTHENTICATOR, autocommit=True)) as connection:
        yield Client(connection)


@contextmanager
def open_session(database: Database) -> Iterator[Session]:
    """A session of the owner's in one transaction, which is rolled back. Raises ServerError."""
    with (
        closing(database.connect()) as connection,
        Session(connection, owner=database.owner).transaction() as session,
    ):
        yield session


@contextmanager
def request(database: Database, persona: Persona) -> Iterator[Client]:
    """One request over a new connection, committed at the end; see `Client.request` to reuse one."""
    with open_client(database) as client, client.request(persona):
        yield client
