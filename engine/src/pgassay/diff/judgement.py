"""What counts as a gain: more rows, other effects, or what only others should be told. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from pgassay.catalog.tables import Table
from pgassay.database.actor import classify
from pgassay.database.pipeline import Answer
from pgassay.diff.experiments import Experiment
from pgassay.diff.probes import SearchProbe
from pgassay.diff.repetition import Repetitions
from pgassay.diff.secrets import is_told
from pgassay.diff.stated import is_choice_gone
from pgassay.diff.weights import SOFT
from pgassay.matrix.model import Action
from pgassay.observation import Outcome

COUNTED = -2
"""Which of the answers after something that is weighed says how many rows tables have."""
Rows = tuple[tuple[str | None, ...], ...]

AS_OWNER = ("set local role none",)
_NO_PRIVILEGE = "42501"
ABSENT = dict.fromkeys(("3F000", "42P01"), "not there")  # the schema, the table
CLOSED = (_NO_PRIVILEGE, *ABSENT)
OF_A_CONSTRAINT = "23"
TAKEN = "23505"
_FIRST = 2  # statements, by which the persona becomes itself
_YES, _NO = (("t",),), (("f",),)


@dataclass
class Judge:
    """What counts as a gain of the search; `tables` are BASE's, `trusted` roles that no policy binds.

    `plain`: what functions return, by whether they are HEAD's, where no text breaks out.
    """

    tables: Mapping[str, Table]
    trusted: frozenset[str]
    secrets: Mapping[str, tuple[str, ...]]
    returned: dict[tuple[str, str], set[Rows]] = field(default_factory=lambda: defaultdict(set))
    affirmed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    repetitions: Repetitions = field(default_factory=Repetitions)
    plain: dict[tuple[bool, str, str], set[Rows]] = field(default_factory=lambda: defaultdict(set))
    calls: list[tuple[Experiment, SearchProbe, Answer, Answer]] = field(default_factory=list)

    def is_gain(self, attempt: SearchProbe, before: Answer, after: Answer) -> bool:
        is_trusted = attempt.witness.persona.role in self.trusted and not attempt.is_public
        if before.sqlstate in ABSENT and (is_trusted or _is_judged(attempt)):
            return False
        if before.sqlstate in ABSENT and len(before.rows) > _FIRST:
            return False  # it went through: what is looked at afterwards is not there
        if attempt.is_blanket and _refuses_rows(before):  # HEAD may only find fewer
            return False
        if attempt.follows:
            return not is_trusted and self._tells(attempt, before, after)
        passes = attempt.invented and before.sqlstate in CLOSED and after.sqlstate.startswith(OF_A_CONSTRAINT)
        return (
            passes
            or (attempt.widens and _answers_otherwise(before, after))
            or _opens(self.tables, attempt, before, after)
            or self._is_wider(attempt, before, after)
            or (not is_trusted and self._tells(attempt, before, after))
            or (not is_trusted and self._confirms(attempt, before, after))
            or self.repetitions.is_gain(attempt, before, after)
            or ((attempt.weighs or not is_trusted) and writes_otherwise(attempt, before, after))
        )

    def _is_wider(self, attempt: SearchProbe, before: Answer, after: Answer) -> bool:
        """Whether HEAD lets the statement reach more rows, or lets more writes stay."""
        counts = zip_longest(*(count_found(attempt, answer) for answer in (before, after)), fillvalue=0)
        grown = [new > old for old, new in counts]
        return any(grown[1:] if self._is_known(attempt, before, after) else grown)

    def _is_known(self, attempt: SearchProbe, before: Answer, after: Answer) -> bool:
        """Whether a call says no, answers with the caller's own, or as BASE does, asked otherwise."""
        if attempt.key.action is not Action.EXECUTE or before.sqlstate or after.sqlstate:
            return False
        returned = self.returned[attempt.key.object, attempt.key.persona]
        return attempt.is_own or after.rows[_FIRST] == _NO or after.rows[_FIRST] in returned

    def learn(self, attempts: Iterable[SearchProbe], *sides: Iterable[Answer]) -> None:
        """What BASE's functions return, and HEAD's, before HEAD's answers are judged by it."""
        attempts, sides = tuple(attempts), tuple(map(tuple, sides))
        self.repetitions.learn(attempts, *sides)
        for attempt, *answers in zip(attempts, *sides, strict=False):
            who = (attempt.key.object, attempt.key.persona)
            for of_head, answer in enumerate(answers) if attempt.key.action is Action.EXECUTE else ():
                if not answer.sqlstate and not attempt.breaks_out:
                    self.plain[bool(of_head), *who].add(answer.rows[_FIRST])
                if not answer.sqlstate and not of_head:
                    self.returned[who].add(answer.rows[_FIRST])
                    if answer.rows[_FIRST] == _YES:
                        self.affirmed[attempt.witness.statement].add(attempt.key.persona)

    def _tells(self, attempt: SearchProbe, before: Answer, after: Answer) -> bool:
        """Whether a message of HEAD, or the row that was written, holds what stands in rows of others."""
        said, was = (_shown(attempt, answer) for answer in (after, before))
        if said == was:
            return False
        witness = attempt.witness
        own = f"{witness.statement} {json.dumps(dict(witness.persona.claims))}"  # what it says itself
        return any(
            is_told(s, said) and s not in was and s not in own
            for s in (*self.secrets[attempt.key.persona], *(one.value for one in attempt.canaries))
        )

    def _confirms(self, attempt: SearchProbe, before: Answer, after: Answer) -> bool:
        """Whether a refusal of HEAD's says that somebody has what nobody tells the persona in BASE."""
        is_known = not before.sqlstate and after.sqlstate == TAKEN
        return is_known and not frozenset(attempt.guesses).isdisjoint(self.secrets[attempt.key.persona])

    def remember(self, experiment: Experiment, attempt: SearchProbe, before: Answer, after: Answer) -> None:
        """A call that returns something else; not one that said yes, and now says no."""
        is_answered = attempt.key.action is Action.EXECUTE and not before.sqlstate and not after.sqlstate
        answers = [answer.rows[_FIRST] for answer in (before, after)] if is_answered else []
        if answers and answers[0] != answers[1] and answers != [_YES, _NO]:
            self.calls.append((experiment, attempt, before, after))

    def find_crossing(self) -> tuple[Experiment, SearchProbe, Answer, Answer] | None:
        """A call that returns in HEAD what in BASE it returned to others only.

        A yes does so for the same arguments: they say whom or what it is about.
        """
        for experiment, attempt, before, after in self.calls:
            rows, name = after.rows[_FIRST], attempt.key.object
            others = {p for (f, p), returned in self.returned.items() if f == name and rows in returned}
            if rows == _YES and not attempt.key.object.endswith("()"):
                others = self.affirmed[attempt.witness.statement]
            crosses = others and attempt.key.persona not in others
            if crosses or (attempt.breaks_out and self._is_run(attempt, before, after)):
                return experiment, attempt, before, after
        return None

    def _is_run(self, attempt: SearchProbe, before: Answer, after: Answer) -> bool:
        """Whether a text gets what no other one gets in HEAD, and in BASE what others get too."""
        who = (attempt.key.object, attempt.key.persona)
        return (
            before.rows[_FIRST] in self.plain[False, *who]
            and after.rows[_FIRST] not in self.plain[True, *who]
        )


def _refuses_rows(answer: Answer) -> bool:
    return classify(answer.sqlstate, answer.source_function) is Outcome.DENIED_POLICY


def _is_judged(attempt: SearchProbe) -> bool:
    """Whether the matrix has told already what a new table shows: it has rows."""
    return attempt.key.action is Action.SELECT and not attempt.bare


def _shown(attempt: SearchProbe, answer: Answer) -> str:
    """What the persona is told, and what it wrote or got."""
    is_shown = not answer.sqlstate and (len(attempt.values) > 1 or attempt.reveals)
    rows = answer.rows[_FIRST if attempt.reveals else -1] if is_shown else ()
    return "\n".join([*read_told(answer), *(value for row in rows for value in row if value)])


def read_told(answer: Answer) -> list[str]:
    """What is said beside the rows."""
    error = (answer.message, answer.detail, answer.hint, answer.context)
    return [text for text in (*error, *answer.notices) if text]


def writes_otherwise(attempt: SearchProbe, before: Answer, after: Answer) -> bool:
    """Whether the same write leaves other numbers in columns that the persona may not write.

    Not where it chose them in BASE, nor where a weighed call leaves nothing any more.
    """
    if not attempt.values or before.sqlstate or after.sqlstate:
        return False
    if attempt.weighs and (attempt.repeats or before.rows[-1] == after.rows[-1]):
        return False  # what was written is as it was
    left, leaves = (answer.rows[-len(attempt.values)] for answer in (before, after))
    is_call = attempt.key.action is Action.EXECUTE
    is_less = count_found(attempt, after)[0] < count_found(attempt, before)[0]
    is_lost = attempt.weighs and left and not leaves if is_call else is_less  # and its effects with it
    is_otherwise = _hard(left) != _hard(leaves) or _is_more(left, leaves)
    if attempt.weighs:
        counts = before.rows[COUNTED], after.rows[COUNTED]
        is_otherwise |= _hard(counts[0]) != _hard(counts[1]) or _is_more(*counts)
    return is_otherwise and not is_lost and not is_choice_gone(attempt.witness.statement, left, leaves)


def _hard(rows: Rows) -> list[str]:
    """What rights keep from a persona."""
    return sorted(str(row) for row in rows if not (row and (row[0] or "").startswith(SOFT)))


def _is_more(left: Rows, leaves: Rows) -> bool:
    """Whether of what policies alone keep from a persona HEAD leaves more: rows, or a larger sum."""
    before, after = (_sum_softly(rows) for rows in (left, leaves))
    return any(amount > before.get(place, 0) for place, amount in after.items())


def _sum_softly(rows: Rows) -> dict[tuple[str, int], float]:
    """By table the number of its rows, and by the place of a value the sum of the numbers there."""
    found: dict[tuple[str, int], float] = defaultdict(float)
    for table, *said in (row for row in rows if row and (row[0] or "").startswith(SOFT)):
        values = json.loads(said[0] or "0") if said else 0
        for place, value in enumerate(values if isinstance(values, list) else [values], start=1):
            if isinstance(value, int | float):
                found[table or "", place] += value
        found[table or "", 0] += 1
    return found


def _answers_otherwise(before: Answer, after: Answer) -> bool:
    """Whether HEAD gives something, and something else."""
    return not before.sqlstate and not after.sqlstate and after.rows[_FIRST] not in ((), before.rows[_FIRST])


def _opens(tables: Mapping[str, Table], attempt: SearchProbe, before: Answer, after: Answer) -> bool:
    """Whether HEAD would show any row that there may be, where BASE has a guard or no such table.

    `tables` and views of BASE may keep their rows from a persona, if they have any.
    """
    table = tables.get(attempt.key.table)
    if not attempt.bare or after.sqlstate:
        return False
    if table is None or before.sqlstate == _NO_PRIVILEGE:
        return True
    open_before = table.privileges[attempt.witness.persona.role].reads_all
    return not before.sqlstate and (table.invoker or not open_before)


def count_found(attempt: SearchProbe, answer: Answer) -> list[int]:
    """How many rows the persona's own statement reached, then the owner's looks; 0 if it was refused."""
    own, *looks = answer.counts[_FIRST:] or (0,)
    if not own and attempt.key.action is not Action.EXECUTE:  # what is there was there before
        return [0]
    return [0 if attempt.is_silent else own, *looks[len(AS_OWNER) :][: len(attempt.looks)]]
