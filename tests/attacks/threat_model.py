"""docs/threat-model.md, made from the catalogue: `python -m tests.attacks.threat_model` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pgassay.denial import Constraint, Grant, Guard, NoPolicy, Policy, Trigger
from pgassay.observation import Outcome
from tests.attacks.attack import Attack, Section, Written
from tests.attacks.catalogue import SECTIONS

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "threat-model.md"

HEAD = """\
# Threat model

What a hostile client, a stolen key or an unlucky backend will try, and what stops it. Made from
`tests/attacks/catalogue` by `make threat-model`; a test fails when this page is stale.

Every row without a test of its own is tried by `tests/attacks/test_attacks.py`, in four ways:

1. The attack ends as the row says, and no row of any table changes.
2. Whoever may do the same kind of thing does it: the target is there.
3. The refusal is taken apart: without exactly the defences under "held by" the statement succeeds, with any
   one of them left it does not.
4. Against a naive twin of the schema, which lacks those defences, the attack succeeds.

"Held by" with a number means that the defences overlap: each stops the attack without the others. Attacks
that are alike differ only in the names after the colon. Alice and Bob are users, Dave's account is closed,
anon is a visitor, service the backend with its key, owner the role that owns the tables.
"""
_PLAIN = {
    Outcome.FILTERED: "0 rows",
    Outcome.DENIED_GRANT: "no grant",
    Outcome.DENIED_POLICY: "policy",
    Outcome.REJECTED: "refused",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table: attacks of one family that end alike and are held alike."""

    attack: str
    who: str
    outcome: str
    held_by: tuple[str, ...]
    behind: str = ""
    test: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        number = f"**{len(self.held_by)}:** " if len(self.held_by) > 1 else ""
        held = f"{number}{'; '.join(self.held_by)}{self.behind}"
        cells = (self.attack, self.who, self.outcome, held, self.test)
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def render(sections: Iterable[Section] = SECTIONS) -> str:
    """The page as a whole."""
    sections = tuple(sections)
    bodies = (line for section in sections for line in _section(section))
    return "\n".join([HEAD, *_counts(sections), *bodies])


def _counts(sections: tuple[Section, ...]) -> Iterator[str]:
    yield "| section | attacks | held by 1 | by 2 | by 3 or more | tests of their own |"
    yield "|---|--:|--:|--:|--:|--:|"
    for section in sections:
        yield _count(f"[{section.title}](#{_anchor(section.title)})", section.attacks)
    yield _count("**all**", tuple(attack for section in sections for attack in section.attacks))
    yield ""


def _count(title: str, attacks: tuple[Attack | Written, ...]) -> str:
    held = [len(attack.defences) for attack in attacks if isinstance(attack, Attack)]
    numbers = (len(attacks), held.count(1), held.count(2), sum(n > 2 for n in held), len(attacks) - len(held))
    return f"| {title} | {' | '.join(map(str, numbers))} |"


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _section(section: Section) -> Iterator[str]:
    rows = list(_rows(section))
    yield from (f"## {section.title}", "")
    if section.intro:
        yield from (section.intro, "")
    yield from ("| attack | who | outcome | held by | test |", "|---|---|---|---|---|")
    yield from map(str, rows)
    yield ""
    notes = list(dict.fromkeys(note for row in rows for note in row.notes))
    yield from (f"* {note}" for note in notes)
    if notes:
        yield ""


def _rows(section: Section) -> Iterator[Row]:
    for _, attacks in groupby(section.attacks, key=_likeness):
        yield _row(tuple(attacks))


def _likeness(attack: Attack | Written) -> object:
    """Attacks with one likeness that stand side by side become one row."""
    if isinstance(attack, Written) or not attack.of:
        return id(attack)
    held = tuple(sorted(_shape(guard, attack.name) for guard in attack.defences))
    return attack.of, attack.by, attack.outcome, attack.sqlstate, attack.constraint, held


def _row(attacks: tuple[Attack | Written, ...]) -> Row:
    first = attacks[0]
    notes = tuple(f"{attack.name}: {attack.note}" for attack in attacks if attack.note)
    if isinstance(first, Written):
        return Row(
            attack=first.name,
            who=first.by,
            outcome=first.outcome,
            held_by=(first.defence,),
            test=f"`{first.test}`",
            notes=notes,
        )
    several = isinstance(first, Attack) and len(attacks) > 1
    held = sorted({_shape(guard, first.name) if several else _name(guard) for guard in first.defences})
    names = ", ".join(attack.name for attack in attacks)
    title = f"{first.of}: {names}" if first.of else names
    return Row(
        attack=f"{title} ({len(attacks)} alike)" if several else title,
        who=first.by,
        outcome=" ".join(filter(None, (_PLAIN[first.outcome], first.sqlstate, first.constraint))),
        held_by=tuple(held),
        behind="".join(f"; which rests on {_name(guard)}" for guard in first.rests_on),
        notes=notes,
    )


def _shape(guard: Guard, name: str) -> str:
    """The guard without the name that tells an attack from its family."""
    if isinstance(guard, Policy):
        text = f"policy for {guard.command} on {_short(guard.table)}, {guard.clause}"
    else:
        text = _name(guard)
    return text.replace(name, "…")


def _name(guard: Guard) -> str:
    match guard:
        case Grant(privilege=privilege, object=thing, columns=columns):
            where = f" ({', '.join(columns)})" if columns else ""
            return f"no grant: {privilege}{where} on {_short(thing)}"
        case Policy(table=table, name=name, clause=clause):
            return f"policy “{name}” on {_short(table)}, {clause}"
        case NoPolicy(table=table, command=command):
            return f"no policy: {command} on {_short(table)}"
        case Trigger(name=name):
            return f"trigger {name}"
        case Constraint(name=name):
            return f"constraint {name}"
    return _short(str(guard))


def _short(name: str) -> str:
    return name.replace("public.", "")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
