"""Views that ask whether their reader stands in a table, and not what the rows have to do with him."""

from __future__ import annotations

from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import given_row, owner_columns
from pgassay.catalog.tables import Table
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona

_NOBODY = "5e0c0de5-0000-4000-8000-00000000000e"
_MOST = 1000  # rows that are compared


def shows_any_member(scene: Scene, view: Table) -> bool:
    """Whether each user of such a table sees the same rows, and who is not in it none.

    Of a table to which others lead that the view reads: a mere list of those who may is none.
    """
    read = scene.inventory.reach(view.name) - {view.name}
    samples = [sample for sample in scene.samples if sample.table.name in read and sample.table.stored]
    return any(_is_for_any(scene, view, one) for one in samples if _is_led_to(one, samples))


def _is_led_to(one: Sample, samples: list[Sample]) -> bool:
    single = any(set(index.columns) <= owner_columns(one) for index in one.table.unique)
    leads = (key.target for other in samples if other is not one for key in other.table.foreign_keys)
    return single and one.table.name in leads


def _is_for_any(scene: Scene, view: Table, members: Sample) -> bool:
    without = (u for u in scene.users if not any(u.id in row.owners for row in members.rows))
    given = [text for user in without if (text := given_row(members, user))]
    look = f"select t::text from {view.name} as t order by 1 limit {_MOST}"
    if len(scene.users) < 2:
        return False
    nobody = Persona(name="nobody", role=scene.users[0].role, claims={"sub": _NOBODY})
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in given):
            return False
        answers = [answer for p in (*scene.users, nobody) for answer in scene.ask(p, [[look]])]
    if any(answer.sqlstate for answer in answers):
        return False
    *seen, none = (answer.rows[0] for answer in answers)
    return bool(seen[0]) and not none and all(rows == seen[0] for rows in seen)
