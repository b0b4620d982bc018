"""Triggers that do not run, or not when they should."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.catalog.model import Trigger
from pgassay.mutation.operators.base import Edit, change, example
from pgassay.mutation.trees import Rewrite, Slot, read, write

_AFTER, _BEFORE = 0, 2  # bits of pg_trigger.tgtype, as CreateTrigStmt.timing has them
_SHOP = """
    create table public.shop (id int);
    create function public.stamp() returns trigger language plpgsql as 'begin return new; end';
"""
_STAMP = f"""{_SHOP} create trigger stamp before update on public.shop
    for each row when (old.id is null) execute function public.stamp();"""
_AGAIN = "drop trigger stamp on public.shop; CREATE TRIGGER stamp"
_STAMP_ROW = "FOR EACH ROW EXECUTE PROCEDURE public.stamp()"


def _drop(trigger: Trigger) -> str:
    return f"drop trigger {trigger.quoted} on {trigger.table}"


def _recreated(trigger: Trigger, attribute: str, value: object) -> tuple[str, ...]:
    """Dropped and made anew with one attribute of its CREATE TRIGGER changed; fires when it fired before."""
    tree = read(trigger.definition)
    made = Rewrite(Slot(tree, attribute), value).render(tree)
    again = f"alter table {trigger.table} {trigger.enabling} trigger {trigger.quoted}"
    return (_drop(trigger), made, *([again] if trigger.enabled != "O" else []))


@example(_STAMP, "drop trigger stamp on public.shop")
def drop_trigger(thing: Trigger) -> Iterator[Edit]:
    """The trigger is gone."""
    yield change("was dropped", _drop(thing))


@example(_STAMP, "alter table public.shop disable trigger stamp")
def disable_trigger(thing: Trigger) -> Iterator[Edit]:
    """The trigger is there and does not fire."""
    if thing.enabled != "D":
        yield change("was disabled", f"alter table {thing.table} disable trigger {thing.quoted}")


@example(
    f"{_SHOP} create trigger stamp before insert on public.shop"
    " for each row execute function public.stamp();",
    f"{_AGAIN} AFTER INSERT ON public.shop {_STAMP_ROW}",
)
@example(
    f"{_SHOP} create trigger stamp after insert on public.shop referencing new table as fresh"
    " for each statement execute function public.stamp();",
    f"{_AGAIN} BEFORE INSERT ON public.shop REFERENCING NEW TABLE AS fresh"
    " FOR EACH STATEMENT EXECUTE PROCEDURE public.stamp()",
    invalid=True,
)
def swap_timing(thing: Trigger) -> Iterator[Edit]:
    """BEFORE is AFTER, or the other way round."""
    timing = read(thing.definition).timing
    if timing in (_AFTER, _BEFORE):
        new = _AFTER if timing == _BEFORE else _BEFORE
        yield change(f"now fires {'AFTER' if new == _AFTER else 'BEFORE'}", *_recreated(thing, "timing", new))


@example(_STAMP, f"{_AGAIN} BEFORE UPDATE ON public.shop {_STAMP_ROW}")
def drop_when(thing: Trigger) -> Iterator[Edit]:
    """The trigger fires without asking."""
    condition = read(thing.definition).whenClause
    if condition is not None:
        yield change(f"lost its WHEN ({write(condition)})", *_recreated(thing, "whenClause", None))


@example(
    f"{_SHOP} create trigger stamp before insert or delete on public.shop"
    " for each row execute function public.stamp();",
    f"{_AGAIN} BEFORE DELETE ON public.shop {_STAMP_ROW}",
    f"{_AGAIN} BEFORE INSERT ON public.shop {_STAMP_ROW}",
)
def drop_event(thing: Trigger) -> Iterator[Edit]:
    """The trigger does not fire for one of its commands."""
    events = read(thing.definition).events
    for bit, name in ((4, "INSERT"), (8, "DELETE"), (16, "UPDATE"), (32, "TRUNCATE")):
        if events & bit and events != bit:
            yield change(f"no longer fires on {name}", *_recreated(thing, "events", events & ~bit))


@example(
    f"{_STAMP} alter table public.shop enable always trigger stamp;",
    "alter table public.shop enable trigger stamp",
)
@example(_STAMP)
def drop_always(thing: Trigger) -> Iterator[Edit]:
    """The trigger does not fire under session_replication_role = replica."""
    if thing.enabled == "A":
        yield change("is no longer ENABLE ALWAYS", f"alter table {thing.table} enable trigger {thing.quoted}")
