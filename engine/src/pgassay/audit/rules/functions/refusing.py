"""What functions that ask who calls let everybody do: each user to each row of others, without any rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pgassay.audit.asking import tells_callers_apart
from pgassay.audit.calls import samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.model import Step
from pgassay.audit.ranks import unranked
from pgassay.audit.reach import Reach
from pgassay.audit.rules.functions.deeds import Deed, deeds_of
from pgassay.audit.scene import Scene
from pgassay.catalog.model import Function
from pgassay.matrix.model import Action
from pgassay.observation import Persona

_DEEDS = 8


def refused_to_nobody(  # noqa: PLR0913 - who calls what, and what came of it
    scene: Scene,
    persona: Persona,
    function: Function,
    seen: dict[Persona, Reach],
    deeds: Sequence[Deed],
    *,
    solved: bool = False,
) -> list[Deed]:
    """Of a function that asks who calls: what each user does to each row of others, or only who has no id.

    Where it asks no more than if somebody calls, what it says itself counts, too; but no number goes up.
    """
    apart = tells_callers_apart(scene, function)
    counting = _is_plain if apart else _is_said_at_all
    chosen = [d for d in deeds if (counting(d) or not persona.id) and d.action is not Action.INSERT]
    if not chosen:
        return []
    theirs = {user: deeds_of(scene, user, function, seen, solved=solved) for user in scene.users}
    if persona.id is None:
        done = {(d.call.arguments, d.key) for some in theirs.values() for d in some}
        owned = [d for d in chosen if _has_owner(d)]
        return [replace(d, chosen=True) for d in owned if (d.call.arguments, d.key) not in done]
    sample, action = chosen[0].sample, chosen[0].action
    for user, some in theirs.items():
        rows = {row.key for row in sample.rows if row.owners and user.id not in row.owners}
        reached = {
            d.key for d in some if d.sample.object == sample.object and d.action is action and counting(d)
        }
        if not rows or rows - reached:
            return []
    some = [d for d in chosen if d.action is Action.DELETE or d.taken or not d.others]
    ranks = list(unranked(scene, persona, samples_of(scene, function))) if some else []
    return [d for d in some[:_DEEDS] if not _needs_rank(scene, d, ranks)]


def _needs_rank(scene: Scene, deed: Deed, ranks: Sequence[str]) -> bool:
    """Whether it is only done by who stands in a list of those who may, or has something said of him."""
    steps = (
        *(Step(statement=text) for text in deed.call.setup),
        Step(who=deed.call.persona, statement=deed.call.statement),
        Step(statement=deed.look, shows=deed.shows),
    )
    return any(not plays(scene.session, (Step(statement=text), *steps)) for text in ranks)


def _is_said_at_all(deed: Deed) -> bool:
    return _is_plain(deed) or deed.stated


def _is_plain(deed: Deed) -> bool:
    """Whether the caller said what stands there: adding to what is another's is what payments do."""
    return deed.chosen and not deed.summed


def _has_owner(deed: Deed) -> bool:
    return any(row.owners for row in deed.sample.rows if row.key == deed.key)
