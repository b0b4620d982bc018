"""Terms: moments from which on something is to be over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from pgassay.audit.scene import Scene
from pgassay.audit.words import is_end, is_revocation, is_stop
from pgassay.audit.writes import owner_columns
from pgassay.catalog.model import Column, Function, Policy, Relation
from pgassay.matrix.model import Action, RowClass
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import MOMENTS
from pgassay.observation import Outcome
from pgassay.plpgsql.tokens import UnplacedError, read_tokens
from pgassay.solver.obstacles import PRESENT

_AROUND_NOW = PRESENT | {
    "(",
    ")",
    "select",
    "as",
    "pg_catalog",
    ".",
}
_COMPARING = ("<", ">", "<=", ">=")


@dataclass(frozen=True, kw_only=True)
class Term:
    """A column with such a moment, and the schema owner's statements that let it be over, or far away."""

    sample: Sample
    column: Column
    ended: str = "now() - interval '1 second'"
    lasting: str = "now() + interval '1 year'"

    def _set(self, value: str) -> str:
        return f"update {self.sample.table.name} as t set {self.column.quoted} = {value}"

    @property
    def over(self) -> str:
        return self._set(self.ended)

    @property
    def far(self) -> str:
        return self._set(self.lasting)


def find_terms(scene: Scene) -> Iterator[Term]:
    """What begins in the future, is compared with the present, or is called so; no stamp of the present."""
    texts = (
        *(text for policy in scene.catalog.of(Policy) for _, text in policy.clauses),
        *(f.text for f in scene.catalog.of(Function) if scene.is_ours(f)),
        *(r.definition for r in scene.catalog.of(Relation) if r.definition),
    )
    compared = frozenset(name for text in texts for name in compared_with_now(text))
    for sample in scene.samples:
        if sample.table.kind not in "rp" or sample.object != sample.table.name:
            continue
        for column in sample.table.columns.values():
            if column.base not in MOMENTS or column.generated:
                continue
            # A column that begins with the present says when something was.
            is_later = _begins_later(scene, column) if column.default else column.name in compared
            if is_later or is_end(column) or _is_lent(scene, sample, column):
                yield Term(sample=sample, column=column)


def _is_lent(scene: Scene, sample: Sample, column: Column) -> bool:
    """Whether it ends what users have, and do not give themselves: what they enter just takes place."""
    users = {persona.name for persona in scene.users}
    return (
        is_stop(column)
        and not column.default
        and bool(owner_columns(sample))
        and not any(
            cell.outcome is Outcome.ALLOWED
            for action, name in ((Action.INSERT, "-"), (Action.UPDATE, column.name))
            for cell in scene.cells.get((sample.object, action), ())
            if cell.key.persona in users and cell.key.rows is RowClass.OWN
            if cell.key.variant.split("=")[0] == name
        )
    )


def find_revocations(scene: Scene) -> Iterator[Term]:
    """What says, by a truth value or a moment that is not there at first, that a row holds no more."""
    for sample in scene.samples:
        if sample.table.kind not in "rp" or sample.object != sample.table.name:
            continue
        for column in sample.table.columns.values():
            if column.generated or not is_revocation(column):
                continue
            if column.base == "bool" and column.default == "false":
                yield Term(sample=sample, column=column, ended="true", lasting="false")
            elif column.base in MOMENTS and not column.not_null and not column.default:
                yield Term(sample=sample, column=column, lasting="null")


def _begins_later(scene: Scene, column: Column) -> bool:
    [answer] = scene.ask(None, [[f"select ({column.default}) > now() + interval '1 minute'"]])
    return not answer.sqlstate and answer.rows[0][0][0] in ("t", "true")


def compared_with_now(text: str) -> Iterator[str]:
    """The names that `<` or `>` compares with the present, `( SELECT now() AS now)` as well as `now()`.

    Nothing of what cannot be read as tokens.
    """
    try:
        tokens = read_tokens(text)
    except UnplacedError:
        return
    words = [token.word or text[token.start + 1 : token.end - 1] for token in tokens]
    for at in (at for at, word in enumerate(words) if word in _COMPARING):
        before, after = words[:at], words[at + 1 :]
        if before and _is_now(after):
            yield before[-1]
        if _is_now(reversed(before)):
            last = next((k for k, dot in enumerate((*after[1::2], "")) if dot != "."), 0)
            yield from after[2 * last : 2 * last + 1]


def _is_now(words: Iterable[str]) -> bool:
    """Whether the first words say no more than the present."""
    return any(word in PRESENT for word in takewhile(_AROUND_NOW.__contains__, words))
