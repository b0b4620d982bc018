"""What an attempt of the search shows, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from pgassay.catalog.compare import ChangeKind, SchemaChange
from pgassay.catalog.model import ObjectKey
from pgassay.database.pipeline import Answer
from pgassay.diff.difference import AccessChange
from pgassay.diff.experiments import Experiment
from pgassay.diff.judgement import ABSENT, CLOSED, OF_A_CONSTRAINT, count_found, read_told, writes_otherwise
from pgassay.diff.probes import SearchProbe
from pgassay.diff.sentences import join
from pgassay.matrix.model import Action, Direction
from pgassay.solver.model import Reason

_HOW = {
    Reason.CHANCE: "by chance",
    Reason.CLOCK: "at some times",
    Reason.HASH: "once they know what was hashed",
}


def _describe_otherwise(attempt: SearchProbe, before: Answer, after: Answer) -> tuple[str, str]:
    """What is told or written where as many rows are reached as before."""
    key = attempt.key
    if after.sqlstate.startswith(OF_A_CONSTRAINT) and before.sqlstate in CLOSED:
        told = f"{key.object}: no privilege and no policy refuses any more, only this: {after.message}"
        return told, f"refused, {before.sqlstate}"
    if after.sqlstate or after.notices != before.notices:
        said, was = ("; ".join(read_told(replace(one, context=""))) for one in (after, before))
        return f"{key.object} and is told of others: {said or after.context}", was or "nothing"
    if attempt.follows:
        return f"{key.object} to find there what stands in rows of others", "not there"
    if writes_otherwise(attempt, before, after):
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
    (old, *less), (new, *more) = (count_found(attempt, answer) for answer in (before, after))
    stays = any(there > was for there, was in zip_longest(more, less, fillvalue=0)) and new <= old
    grown = [there > was for there, was in zip_longest(more, less, fillvalue=0)] if stays else []
    put_back = "less" if attempt.found_more else "put back by a trigger"
    was = f"refused, {before.sqlstate}" if before.sqlstate else put_back if stays else f"{old}"
    columns = f" {key.variant} of" if key.variant != "-" else ""
    given = " and ".join(text for text in (experiment.given, attempt.given) if text)
    kept = f" {attempt.found_more or 'for good'}" if stays else ""
    of_which = f"{new} of the rows of {key.object}{kept}"
    if attempt.bare and not new:
        of_which = f"any row of {key.object} that there may be"
        was = ABSENT.get(before.sqlstate, was if before.sqlstate else "filtered")
    if key.action is Action.EXECUTE:
        of_which = (
            f"{key.object} to {attempt.found_more or 'write more' if stays else f'get {new} of its rows'}"
        )
        was = "less" if stays and not before.sqlstate else was
    is_otherwise = new <= old and not stays and not attempt.bare
    of_which, was = _describe_otherwise(attempt, before, after) if is_otherwise else (of_which, was)
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
