"""The search itself, on a model of transactions: every order is run, and pruning loses none that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgassay.races.explorer import (
    Explorer,
    HeldLock,
    Key,
    Peculiar,
    Touched,
    commute,
    count_orders,
    footprint_of,
)
from pgassay.races.model import StepKind


@dataclass(frozen=True)
class Act:
    """A step of the model: it reads what is committed of some tables, and adds a mark to others."""

    kind: StepKind
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


@dataclass
class ModelRun:
    """Tables are lists of marks: those who write see them at once, those who read when they are committed.

    What a session has read so far decides what it writes. BEGIN takes a snapshot of everything.
    """

    programs: Mapping[str, Sequence[Act]]
    taken: dict[str, int] = field(default_factory=dict)
    marks: dict[str, list[str]] = field(default_factory=dict)
    committed: dict[str, list[str]] = field(default_factory=dict)
    seen: dict[str, list[object]] = field(default_factory=dict)
    touched: dict[str, list[Act]] = field(default_factory=dict)
    schedule: list[str] = field(default_factory=list)

    @property
    def left(self) -> dict[str, int]:
        return {name: len(acts) - self.taken.get(name, 0) for name, acts in self.programs.items()}

    @property
    def ready(self) -> tuple[str, ...]:
        return tuple(name for name, count in self.left.items() if count)

    def repeat(self, session: str) -> None:
        act = self.programs[session][self.taken.get(session, 0)]
        self.taken[session] = self.taken.get(session, 0) + 1
        self.schedule.append(session)
        seen = self.seen.setdefault(session, [])
        mine = self.touched.setdefault(session, [])
        match act.kind:
            case StepKind.BEGIN:
                seen.append(sorted(self.committed.items()))
            case StepKind.STATEMENT:
                mine.append(act)
                seen += [self.committed.get(table) for table in sorted(act.reads)]
                for table in sorted(act.writes):
                    seen.append(tuple(self.marks.setdefault(table, [])))
                    self.marks[table].append(f"{session}{hash(repr(seen))}")
            case _:
                for table in written_by(mine):
                    own = [mark for mark in self.marks[table] if mark.startswith(session)]
                    self.committed[table] = sorted(self.committed.get(table, []) + own)

    def go(self, session: str) -> Touched:
        act = self.programs[session][self.taken.get(session, 0)]
        self.repeat(session)
        touched = self.touched[session] if act.kind is not StepKind.BEGIN else []
        written = written_by(touched)
        read = {table for done in touched for table in done.reads} - written
        return print_of(act.kind, read=list(read), locked=list(written))

    def finish(self) -> str:
        return repr([sorted(part.items()) for part in (self.marks, self.committed, self.seen)])

    def abandon(self) -> None:
        pass


def written_by(acts: Sequence[Act]) -> set[str]:
    return {table for act in acts for table in act.writes}


def print_of(
    kind: StepKind = StepKind.STATEMENT, *, read: Sequence[str] = (), locked: Sequence[str] = ()
) -> Touched:
    return Touched(kind=kind, read=frozenset(map(table, read)), locked=frozenset(map(table, locked)))


def table(name: str) -> Key:
    return ("relation", name)


TABLES = st.frozensets(st.sampled_from("xyz"), max_size=2)
STATEMENT = st.builds(Act, st.just(StepKind.STATEMENT), TABLES, TABLES)
SHORT = STATEMENT.map(lambda statement: [statement, Act(StepKind.COMMIT)])
LONG = st.builds(
    lambda snapshot, statements: [*([Act(StepKind.BEGIN)] * snapshot), *statements, Act(StepKind.COMMIT)],
    st.booleans(),
    st.lists(STATEMENT, min_size=1, max_size=2),
)
PROGRAMS = st.fixed_dictionaries({"a": LONG, "b": LONG}) | st.fixed_dictionaries(dict.fromkeys("abc", SHORT))


def states(programs: Mapping[str, Sequence[Act]], *, prune: bool) -> tuple[set[str], Explorer[str]]:
    explorer = Explorer(lambda: ModelRun(programs), prune=prune)
    return set(explorer.explore()), explorer


@given(programs=PROGRAMS)
def test_pruning_reaches_every_state(programs: dict[str, list[Act]]) -> None:
    whole, everything = states(programs, prune=False)
    pruned, explorer = states(programs, prune=True)
    assert pruned == whole
    orders = count_orders({name: len(acts) for name, acts in programs.items()})
    assert everything.census.schedules == orders
    assert explorer.census.schedules + explorer.census.pruned == orders


def test_every_order_is_run_once() -> None:
    step = Act(StepKind.STATEMENT, writes=frozenset("x"))
    programs = {"a": [step, step], "b": [step], "c": [step]}
    runs: list[ModelRun] = []

    def start() -> ModelRun:
        runs.append(ModelRun(programs))
        return runs[-1]

    assert len(list(Explorer(start, prune=False).explore())) == 12
    assert len({tuple(run.schedule) for run in runs}) == 12


def test_steps_that_commute_are_run_in_one_order() -> None:
    programs = {
        name: [Act(StepKind.STATEMENT, writes=frozenset(name)), Act(StepKind.COMMIT)] for name in "abc"
    }
    _, explorer = states(programs, prune=True)
    assert (explorer.census.schedules, explorer.census.pruned) == (1, 89)


@pytest.mark.parametrize(("bound", "schedules"), [(0, 2), (1, 6), (2, 14), (3, 18), (4, 20)])
def test_bound_limits_how_often_a_session_is_interrupted(bound: int, schedules: int) -> None:
    step = Act(StepKind.STATEMENT, writes=frozenset("x"))
    explorer = Explorer(lambda: ModelRun({"a": [step] * 3, "b": [step] * 3}), prune=False, bound=bound)
    assert len(list(explorer.explore())) == schedules


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (print_of(locked="x"), print_of(locked="y"), True),
        (print_of(locked="x"), print_of(locked="x"), False),
        (print_of(locked="x"), print_of(read="x"), True),  # what is not committed is invisible
        (print_of(StepKind.COMMIT, locked="x"), print_of(read="x"), False),
        (print_of(StepKind.COMMIT, locked="x"), print_of(locked="x"), False),
        (print_of(StepKind.ROLLBACK, locked="x"), print_of(locked="x"), False),  # it frees locks
        (print_of(StepKind.COMMIT, locked="x"), print_of(read="y"), True),
        (print_of(StepKind.COMMIT, read="x"), print_of(locked="x"), True),
        (print_of(StepKind.COMMIT, locked="x"), print_of(StepKind.COMMIT, locked="x"), True),
        (print_of(StepKind.BEGIN), print_of(locked="x"), True),
        (print_of(StepKind.BEGIN), print_of(StepKind.COMMIT, locked="x"), False),  # it takes a snapshot
        (print_of(StepKind.BEGIN), print_of(StepKind.COMMIT, read="x"), True),
        (print_of(StepKind.BEGIN), print_of(StepKind.BEGIN), True),
        (None, print_of(), False),
    ],
)
def test_what_commutes(one: Touched | None, other: Touched | None, expected: bool) -> None:
    assert commute(one, other) is expected
    assert commute(other, one) is expected


PECULIAR = Peculiar(sequences=frozenset({table("seq")}), own=frozenset({table("own")}))


@pytest.mark.parametrize(
    ("mode", "name", "expected"),
    [
        ("AccessShareLock", "x", print_of(read="x")),
        ("RowShareLock", "x", print_of(locked="x")),
        ("RowExclusiveLock", "x", print_of(locked="x")),
        ("AccessShareLock", "seq", print_of(locked=["seq"])),
        ("RowExclusiveLock", "own", print_of()),
        ("AccessExclusiveLock", "x", None),
    ],
)
def test_what_a_lock_says(mode: str, name: str, expected: Touched | None) -> None:
    assert footprint_of(StepKind.STATEMENT, [HeldLock(key=table(name), mode=mode)], PECULIAR) == expected
