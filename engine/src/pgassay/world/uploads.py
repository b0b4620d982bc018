"""Objects of Storage, and the buckets in which they lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgassay.catalog.model import Policy
from pgassay.catalog.tables import Surface
from pgassay.solver.model import Made, Reason, RowNeed, Unreached
from pgassay.world.attempts import Attempts, without_triggers
from pgassay.world.model import NOBODY, SHARED, MadeRow, Missing
from pgassay.world.objects import (
    BUCKETS,
    OBJECTS,
    make_bucket,
    make_object,
    named_buckets,
    object_values,
)
from pgassay.world.presence import query
from pgassay.world.statements import literal


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """Makes objects; `owners` are the names and ids of those who upload."""

    surface: Surface
    attempts: Attempts
    policies: Sequence[Policy]
    owners: Sequence[tuple[str, str]]

    def objects(self) -> Iterator[MadeRow | Missing]:
        """An object of each, and one of nobody's, in every bucket that there is or that policies name."""
        if OBJECTS not in self.surface.by_name:
            return
        there = {str(name) for (name,) in query(self.attempts.session, f"select t.id from {BUCKETS} as t")}
        for name in named_buckets(self.policies):
            if name not in there:
                why = f"the bucket {name}, which policies name"
                yield self._plain(BUCKETS, SHARED, make_bucket(name), why=why)
        buckets = query(
            self.attempts.session, f"select t.id, t.allowed_mime_types[1] from {BUCKETS} as t order by t.id"
        )
        for bucket, mime in buckets:
            for whose, owner in [*self.owners, (NOBODY, None)]:
                where = "t.owner_id is null" if owner is None else f"t.owner_id = {literal(owner)}"
                found = f"select 1 from {OBJECTS} as t where t.bucket_id = {literal(str(bucket))} and {where}"
                if not query(self.attempts.session, found):
                    values = object_values(str(bucket), owner, whose, *([str(mime)] if mime else []))
                    why = f"an object of {whose} in {bucket}"
                    yield self._plain(OBJECTS, whose, make_object(values), why=why)

    def upload(self, need: RowNeed) -> Made | Unreached:
        """An object that a condition asks for."""
        buckets = query(self.attempts.session, f"select t.id from {BUCKETS} as t order by t.id limit 1")
        bucket = need.values.get("bucket_id") or str(next(iter(buckets), ("files",))[0])
        before: tuple[str, ...] = ()
        if not query(self.attempts.session, f"select 1 from {BUCKETS} as t where t.id = {literal(bucket)}"):
            before = (make_bucket(bucket),)
        names = self.surface.by_name[OBJECTS].columns
        asked = {name: value for name, value in need.values.items() if not names[name].generated}
        values = object_values(bucket, need.values.get("owner_id"), need.purpose) | asked
        row = self._plain(OBJECTS, need.purpose, *before, make_object(values), why=need.why)
        if isinstance(row, Missing):
            return Unreached(goal=f"a row of {OBJECTS}", reason=Reason.REFUSED, what=row.what)
        return Made(
            table=OBJECTS,
            values=values,
            statements=row.statements,
            purpose=need.purpose,
            why=need.why,
            unchecked=row.unchecked,
        )

    def _plain(self, table: str, whose: str, *statements: str, why: str) -> MadeRow | Missing:
        """By these statements, if need be without triggers."""
        refusal = self.attempts.refusal(statements)
        statements = without_triggers(statements) if refusal else statements
        if refusal and self.attempts.refusal(statements):
            return Missing(table=table, whose=whose, what=refusal)
        return MadeRow(table=table, whose=whose, statements=statements, why=why, unchecked=bool(refusal))
