"""What an attempt of the search shows: more rows, other effects, or what only others should be told. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from pgassay.catalog.compare import ChangeKind, SchemaChange
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.tables import Table
from pgassay.database.actor import classify
from pgassay.database.pipeline import Answer
from pgassay.diff.difference import AccessChange
from pgassay.diff.experiments import Experiment
from pgassay.diff.probes import SearchProbe
from pgassay.diff.secrets import is_told
from pgassay.diff.sentences import join
from pgassay.diff.stated import is_choice_gone
from pgassay.matrix.model import Action, Direction
from pgassay.observation import Outcome
from pgassay.solver.model import Reason

Rows = tuple[tuple[str | None, ...], ...]

AS_OWNER = ("set local role none",)
_NO_PRIVILEGE = "42501"
_ABSENT = dict.fromkeys(("3F000", "42P01"), "not there")  # the schema, the table
CLOSED = (_NO_PRIVILEGE, *_ABSENT)
_OF_A_CONSTRAINT = "23"
_FIRST = 2  # statements, by which the persona becomes itself
_HOW = {
    Reason.CHANCE: "by chance",
    Reason.CLOCK: "at some times",
    Reason.HASH: "once they know what was hashed",
}
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
    plain: dict[tuple[bool, str, str], set[Rows]] = field(default_factory=lambda: defaultdict(set))
    calls: list[tuple[Experiment, SearchProbe, Answer, Answer]] = field(default_factory=list)

    def is_gain(self, attempt: SearchProbe, before: Answer, after: Answer) -> bool:
        is_trusted = attempt.witness.persona.role in self.trusted
        if before.sqlstate in _ABSENT and (is_trusted or _is_judged(attempt)):
            return False
        if attempt.is_blanket and _refuses_rows(before):  # HEAD may only find fewer
            return False
        if attempt.follows:
            return not is_trusted and self._tells(attempt, before, after)
        passes = (
            attempt.invented and before.sqlstate in CLOSED and after.sqlstate.startswith(_OF_A_CONSTRAINT)
        )
        return (
            passes
            or (attempt.widens and _answers_otherwise(before, after))
            or _opens(self.tables, attempt, before, after)
            or self._is_wider(attempt, before, after)
            or (not is_trusted and self._tells(attempt, before, after))
            or ((attempt.weighs or not is_trusted) and _writes_otherwise(attempt, before, after))
        )

    def _is_wider(self, attempt: SearchProbe, before: Answer, after: Answer) -> bool:
        """Whether HEAD lets the statement reach more rows, or lets more writes stay."""
        counts = zip_longest(*(_found(attempt, answer) for answer in (before, after)), fillvalue=0)
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
        statement = attempt.witness.statement
        return any(
            is_told(s, said) and s not in was and s not in statement
            for s in (*self.secrets[attempt.key.persona], *(one.value for one in attempt.canaries))
        )

    def remember(self, experiment: Experiment, attempt: SearchProbe, before: Answer, after: Answer) -> None:
        """A call that returns something else."""
        is_answered = attempt.key.action is Action.EXECUTE and not before.sqlstate and not after.sqlstate
        if is_answered and after.rows[_FIRST] != before.rows[_FIRST]:
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
    return "\n".join([*_told(answer), *(value for row in rows for value in row if value)])


def _told(answer: Answer) -> list[str]:
    """What is said beside the rows."""
    return [text for text in (answer.message, answer.detail, *answer.notices) if text]


def _writes_otherwise(attempt: SearchProbe, before: Answer, after: Answer) -> bool:
    """Whether the same write leaves other numbers in columns that the persona may not write.

    Not where it chose them in BASE.
    """
    if not attempt.values or before.sqlstate or after.sqlstate:
        return False
    if attempt.weighs and before.rows[-1] == after.rows[-1]:
        return False  # what was written is as it was
    if attempt.key.action is not Action.EXECUTE and _found(attempt, after)[0] < _found(attempt, before)[0]:
        return False  # the write itself is lost, and its effects with it
    left, leaves = (answer.rows[-len(attempt.values)] for answer in (before, after))
    is_otherwise = sorted(map(str, left)) != sorted(map(str, leaves))
    return is_otherwise and not is_choice_gone(attempt.witness.statement, left, leaves)


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


def _found(attempt: SearchProbe, answer: Answer) -> list[int]:
    """How many rows the persona's own statement reached, then the owner's looks; 0 if it was refused."""
    own, *looks = answer.counts[_FIRST:] or (0,)
    if not own and attempt.key.action is not Action.EXECUTE:  # what is there was there before
        return [0]
    return [0 if attempt.is_silent else own, *looks[len(AS_OWNER) :][: len(attempt.looks)]]


def _describe_otherwise(attempt: SearchProbe, before: Answer, after: Answer) -> tuple[str, str]:
    """What is told or written where as many rows are reached as before."""
    key = attempt.key
    if after.sqlstate.startswith(_OF_A_CONSTRAINT) and before.sqlstate in CLOSED:
        told = f"{key.object}: no privilege and no policy refuses any more, only this: {after.message}"
        return told, f"refused, {before.sqlstate}"
    if after.sqlstate or after.notices != before.notices:
        said, was = ("; ".join(_told(answer)) for answer in (after, before))
        return f"{key.object} and is told of others: {said}", was or "nothing"
    if attempt.follows:
        return f"{key.object} to find there what stands in rows of others", "not there"
    if _writes_otherwise(attempt, before, after):
        elsewhere = f" on {join(_find_weighed(before, after))}" if attempt.weighs else ""
        return f"{key.object} with other effects{elsewhere}", "without"
    return _describe_answer(attempt)


def _find_weighed(before: Answer, after: Answer) -> list[str]:
    """The tables that weigh otherwise then."""
    return [table or "" for table, weight in after.rows[-1] if (table, weight) not in before.rows[-1]]


def _describe_answer(attempt: SearchProbe) -> tuple[str, str]:
    key = attempt.key
    if key.action is Action.EXECUTE and attempt.widens:
        return f"{key.object} to get another answer", "what BASE's condition left of it"
    if attempt.breaks_out:
        return f"{key.object} and have SQL run there that they pass", "a value"
    return f"{key.object} to get what only others got", "what is their own"


def tell_opening(experiment: Experiment, people: Sequence[str]) -> AccessChange:
    """What will be open to `people`, by chance or to who knows a word: nothing that is tried shows it."""
    attempt = experiment.attempts[0]
    opening = experiment.openings[0]
    when = opening.word.format(opening.moment) if opening.moment else ""
    how = when or _HOW[opening.reason]
    key = attempt.key
    columns = f" {key.variant} of" if key.variant != "-" else ""
    given = f", given {experiment.given}" if experiment.given else ""
    causes = experiment.changes
    what = f"{key.object} to get more" if key.action is Action.EXECUTE else f"rows of {key.object}"
    told = f"{join(people)} can {key.action.value.upper()}{columns} {what} {how} ({opening.text})"
    return AccessChange(
        direction=Direction.GAINED,
        message=" ".join([f"{told}{given}. Found by search.", *map(str, causes[:2])]),
        witness=attempt.witness,
        setup=experiment.setup,
        before=opening.reason.value,
        after=opening.reason.value,
        causes=causes,
    )


def tell(
    experiment: Experiment,
    attempt: SearchProbe,
    before: Answer,
    after: Answer,
    people: Sequence[str] = (),
) -> AccessChange:
    """What an attempt lets the persona do; `people`: all who can, the persona first."""
    key = attempt.key
    (old, *less), (new, *more) = (_found(attempt, answer) for answer in (before, after))
    stays = any(there > was for there, was in zip_longest(more, less, fillvalue=0)) and new <= old
    grown = [there > was for there, was in zip_longest(more, less, fillvalue=0)] if stays else []
    was = f"refused, {before.sqlstate}" if before.sqlstate else "put back by a trigger" if stays else f"{old}"
    columns = f" {key.variant} of" if key.variant != "-" else ""
    given = " and ".join(text for text in (experiment.given, attempt.given) if text)
    of_which = f"{new} of the rows of {key.object}{' for good' if stays else ''}"
    if attempt.bare and not new:
        of_which = f"any row of {key.object} that there may be"
        was = _ABSENT.get(before.sqlstate, was if before.sqlstate else "filtered")
    if key.action is Action.EXECUTE:
        of_which = f"{key.object} to {'write more' if stays else f'get {new} of its rows'}"
        was = "less" if stays and not before.sqlstate else was
    is_otherwise = new <= old and not stays and not attempt.bare
    if is_otherwise:
        of_which, was = _describe_otherwise(attempt, before, after)
    deed = f"{key.action.value.upper()}{columns} {of_which} (was: {was})"
    names = tuple(people) or (key.persona,)
    message = f"{join(names)} can now {deed}{f', given {given}' if given else ''}. Found by search."
    is_new = SchemaChange(kind=ChangeKind.ADDED, key=ObjectKey("relation", key.table, ""))
    causes = (is_new,) if is_new in experiment.changes else experiment.changes
    looks = attempt.values if is_otherwise else ()
    return AccessChange(
        direction=Direction.GAINED,
        message=" ".join([message, *map(str, causes[:2])]),
        witness=attempt.witness,
        setup=experiment.setup,
        looks=(*looks, *(look for look, more in zip(attempt.looks, grown, strict=False) if more)),
        before=was,
        after=str(new),
        causes=causes,
    )
