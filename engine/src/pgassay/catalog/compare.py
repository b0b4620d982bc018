"""What differs between two inventories, as facts and as sentences. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pgassay.catalog.inventory import Inventory, Properties
from pgassay.catalog.model import ObjectKey

_SHOWN = 160  # characters of an expression
_LEAD = 4  # words that two expressions share before they part
_TRUE = ("true", "on")
_CLAUSES = ("using", "with check")
_NAMED = ("policy", "trigger", "rule", "constraint", "index")
_OF_OTHERS = ("role", "bucket", "default privileges", "setting")
_SUBJECTS = {
    "relation": "{object}",
    **dict.fromkeys(("function", "type", "schema", "sequence", "statistics"), "{kind} {object}"),
    "role": "Role {name}",
    "bucket": "Bucket {name}",
    "publication": "{object} in publication {name}",
    "column": "Column {name} of {object}",
    "comment": "Comment on {name}",
    "setting": "Setting {name} of {object} in this database",
}


class ChangeKind(Enum):
    """What happened to an object."""

    ADDED = "added"
    DROPPED = "dropped"
    ALTERED = "altered"
    RENAMED = "renamed"


@dataclass(frozen=True, kw_only=True)
class SchemaChange:
    """One object that came, went or has a new name, or one property of it, which None says it has not."""

    kind: ChangeKind
    key: ObjectKey
    property: str = ""
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        return _describe(self)


def compare_inventories(base: Inventory, head: Inventory) -> tuple[SchemaChange, ...]:
    """All changes, sorted by object. A policy, trigger, constraint or index is known by its content too."""
    renamed = _find_renamed(base, head)
    changes: list[SchemaChange] = []
    for key in sorted({*base.objects, *head.objects}):
        before, after = base.objects.get(key), head.objects.get(key)
        if key in renamed:
            changes.append(
                SchemaChange(kind=ChangeKind.RENAMED, key=key, before=renamed[key].name, after=key.name)
            )
        elif key in renamed.values():
            continue
        elif before is None or after is None:
            changes += _one_sided(key, before, after)
        else:
            changes += _altered(key, before, after)
    return tuple(changes)


def _one_sided(key: ObjectKey, before: Properties | None, after: Properties | None) -> Iterator[SchemaChange]:
    """A grantee's first privileges, or the loss of the last, are changes of privileges."""
    if key.kind.startswith("grant") or key.kind in _OF_OTHERS:
        yield from _altered(key, before or {}, after or {})
        return
    yield SchemaChange(kind=ChangeKind.DROPPED if after is None else ChangeKind.ADDED, key=key)


def _altered(key: ObjectKey, before: Properties, after: Properties) -> Iterator[SchemaChange]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield SchemaChange(kind=ChangeKind.ALTERED, key=key, property=name, before=old, after=new)


def _find_renamed(base: Inventory, head: Inventory) -> dict[ObjectKey, ObjectKey]:
    """New names to old ones: of what came and what went, those with the same content on the same object."""
    found: dict[ObjectKey, ObjectKey] = {}
    gone = [key for key in base.objects if key not in head.objects and key.kind in _NAMED]
    for key in head.objects:
        if key in base.objects or key.kind not in _NAMED:
            continue
        for old in gone:
            same_place = (old.kind, old.object) == (key.kind, key.object)
            if same_place and old not in found.values() and _content(base, old) == _content(head, key):
                found[key] = old
                break
    return found


def _content(inventory: Inventory, key: ObjectKey) -> Properties:
    """The properties without the object's own name, which the definition of a trigger or index repeats."""
    quoted = (key.name, f'"{key.name}"')
    return {
        name: " ".join(word for word in value.split() if word not in quoted)
        for name, value in inventory.objects[key].items()
    }


def _describe(change: SchemaChange) -> str:
    subject = _spell_object(change.key)
    match change.kind:
        case ChangeKind.ADDED:
            return f"{subject} is new."
        case ChangeKind.DROPPED:
            return f"{subject} was dropped."
        case ChangeKind.RENAMED:
            return f'{subject} had the name "{change.before}".'
    if change.key.kind.startswith("grant"):
        return _describe_grant(change)
    if change.key.kind == "default privileges":
        where = f" in schema {change.key.object}" if change.key.object else ""
        verb = "gets" if change.before is None else "no longer gets"
        return f"What {change.key.name} creates{where} {verb} {change.property} by default."
    return _describe_property(change, subject)


def _describe_property(change: SchemaChange, subject: str) -> str:
    what = change.property
    if what.endswith("row level security"):
        verb = "enabled" if change.after in _TRUE else "disabled"
        return f"{what.capitalize()} of {change.key.object} was {verb}."
    if what == "roles":
        return f"{subject} now applies to {change.after} (was: {change.before})."
    spelled = what.upper() if what in _CLAUSES else what
    if change.after is None:
        return f"{subject} lost its {spelled}{' clause' if what in _CLAUSES else ''}."
    if change.before is None:
        return f"{subject} now has {spelled} {_short(change.after)}."
    if what in ("definition", "body"):
        return f"{subject} has another {what}."
    after, before = _contrast(change.after, change.before)
    return f"{subject}: {spelled} is now {after} (was: {before})."


def _describe_grant(change: SchemaChange) -> str:
    key, what = change.key, change.property
    on = key.object if key.kind == "grant" else f"{key.kind.removeprefix('grant on ')} {key.object}"
    verb, _, columns = what.partition(" ")
    granted = f"{verb.upper()} {columns}".strip() + f" on {on}"
    if change.before is None:
        return f"{granted} is now granted to {key.name}."
    if change.after is None:
        return f"{granted} is no longer granted to {key.name}."
    return f"{granted} is granted to {key.name} {change.after} (was: {change.before})."


def _spell_object(key: ObjectKey) -> str:
    template = _SUBJECTS.get(key.kind, '{kind} "{name}" on {object}')
    if not key.object and "{object}" in template:
        template = '{kind} "{name}"'
    return template.format(kind=key.kind.capitalize(), object=key.object, name=key.name)


def _contrast(one: str, other: str) -> tuple[str, str]:
    """Both in short, from a few words before they part."""
    words, others = one.split(), other.split()
    same = next((n for n, (a, b) in enumerate(zip(words, others, strict=False)) if a != b), len(words))
    start = max(0, same - _LEAD) if len(one) > _SHOWN or len(other) > _SHOWN else 0
    first, second = (_short(" ".join(["…", *some[start:]] if start else some)) for some in (words, others))
    return first, second


def _short(text: str) -> str:
    return textwrap.shorten(text, _SHOWN, placeholder=" …")
