"""What makes outcomes of two schedules the same, and what does not. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from pgassay.races.effects import Reader, Result, Seen, Shape
from pgassay.races.line import Reply
from pgassay.races.reset import TableChange

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
LOG = Shape(
    drawn=frozenset(["id"]), referring={"account": "accounts", "after": "log"}, moments=frozenset(["at"])
)
ID, OTHER = "0b5c9a52-0000-4000-8000-000000000001", "0b5c9a52-0000-4000-8000-000000000002"


def row(**cells: str | None) -> str:
    return json.dumps(cells)


def seen(
    *new: str, gone: tuple[str, ...] = (), replies: tuple[Reply | None, ...] = (), now: datetime = NOW
) -> Seen:
    return Seen(replies=replies, changes=(TableChange(table="log", gone=gone, new=new),), now=now)


def read(one: Seen, mask: frozenset[tuple[str, str]] = frozenset()) -> Result:
    return Reader(shapes={"log": LOG}, mask=mask).read(one)


def test_ids_are_named_by_their_rows_and_not_by_equal_numbers_of_other_tables() -> None:
    forth = seen(row(id="1", account="1"), row(id="2", account="2"))
    back = seen(row(id="1", account="2"), row(id="2", account="1"))
    assert read(forth) == read(back)
    assert read(forth) != read(seen(row(id="1", account="1"), row(id="2", account="1")))


def test_rows_that_refer_to_new_rows_are_told_apart_by_what_these_are() -> None:
    first = (row(id="1", note="a"), row(id="2", note="b"))
    assert read(seen(*first, row(id="3", after="1"))) == read(
        seen(row(id="5", note="b"), row(id="4", note="a"), row(id="6", after="4"))
    )
    assert read(seen(*first, row(id="3", after="1"))) != read(seen(*first, row(id="3", after="2")))


def test_an_id_that_was_there_before_is_itself() -> None:
    was = row(id="7", note="a")
    assert read(seen(row(id="7", note="b"), gone=(was,))) != read(seen(row(id="8", note="b"), gone=(was,)))


def test_long_ids_are_found_inside_documents_and_answers() -> None:
    one, other = (
        seen(row(id=id_, note=f"/jobs/{id_}"), replies=(Reply(columns=("id",), rows=((id_,),)),))
        for id_ in (ID, OTHER)
    )
    assert read(one) == read(other)
    assert read(one) != read(seen(row(id=ID, note=f"/jobs/{OTHER}")))


def test_moments_are_hours_from_now_unless_they_were_there() -> None:
    def until(days: int, now: datetime) -> Seen:
        return seen(row(at=(now + timedelta(days=days)).isoformat()), now=now)

    later = NOW + timedelta(minutes=3)
    assert read(until(30, NOW)) == read(until(30, later))
    assert read(until(30, NOW)) != read(until(60, NOW))
    kept = row(at="2029-05-05T00:00:00+00:00", note="a")
    assert [
        '"at": "2029-05-05T00:00:00+00:00"' in line
        for line in read(seen(kept.replace('"a"', '"b"'), gone=(kept,))).effects[0].new
    ] == [True]
    assert read(seen(row(at="infinity"))) != read(seen(row(at="-infinity")))


def test_what_differs_between_two_runs_of_one_order_is_masked() -> None:
    one, other = seen(row(code="x", note="a")), seen(row(code="y", note="a"))
    noise = Reader(shapes={"log": LOG}).noise(one, other)
    assert noise == {("log", "code")}
    assert read(one, noise) == read(other, noise)
    assert read(one, noise) != read(seen(row(code="x", note="b")), noise)


def test_a_row_that_is_as_it_was_is_no_effect() -> None:
    masked = frozenset([("log", "code")])
    assert read(seen(row(code="x"), gone=(row(code="y"),)), masked).effects == ()


def test_a_refused_session_has_no_answer() -> None:
    assert read(seen(replies=(None, Reply(columns=("n",), rows=(("1",),), count=1)))).answers == (
        None,
        '[1, [["1"]]]',
    )
