"""What the catalogs alone tell: more that API roles hold, and what no statement of a persona tries. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgassay.catalog.compare import ChangeKind, SchemaChange
from pgassay.catalog.inventory import Inventory, follow
from pgassay.catalog.model import UNTRIED, ObjectKey
from pgassay.diff.function_gains import judge_function
from pgassay.diff.sentences import join

CatalogGain = tuple[str, tuple[SchemaChange, ...]]
"""A sentence, and the changes that it is about."""

_DEEDS = {
    "trigger": "put triggers on {}",
    "references": "let foreign keys refer to {}",
    "maintain": "maintain {} (VACUUM, REINDEX, LOCK)",
    "create": "create objects in schema {}",
}
_READS = {"select": "read large object {}", "update": "write large object {}"}
_ATTRIBUTES = ("superuser", "login", "createrole", "createdb", "bypassrls")
_TIMEOUT = re.compile(r"(\d+)\s*(us|ms|s|min|h|d)?$")
_MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_AUTHENTICATOR = "authenticator"


def find_catalog_gains(
    changes: Sequence[SchemaChange], *, base: Inventory, head: Inventory, roles: Iterable[str]
) -> Iterator[CatalogGain]:
    """What changes in the catalogs open, whoever tries; `roles` are those of the personas."""
    facts = _Facts(base=base, head=head, roles=_api_roles(base, roles) | _api_roles(head, roles))
    yield from _find_held(changes, facts)
    yield from _find_defaults(changes, facts)
    for change in changes:
        if (find := _OF_KIND.get(change.key.kind)) and (sentence := find(change, facts)):
            yield sentence, (change,)


def find_untried(changes: Iterable[SchemaChange]) -> Iterator[SchemaChange]:
    """Changes on which access may depend, and that no statement of a persona tries."""
    return (change for change in changes if change.key.kind in UNTRIED)


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """Both schemas, and the roles whose privileges are those of requests of the API."""

    base: Inventory
    head: Inventory
    roles: frozenset[str]

    def was_there(self, kind: str, object_: str) -> bool:
        return ObjectKey(kind, object_, "") in self.base.objects


def _api_roles(schema: Inventory, roles: Iterable[str]) -> frozenset[str]:
    """Those that a request may have, but such as no policy binds; with what they are members of."""
    steps = {
        key.name: {name.removeprefix("member of ") for name in said if name.startswith("member of ")}
        for key, said in schema.roles.items()
    }
    bound = {
        key.name
        for key, said in schema.roles.items()
        if "true" not in (said.get("bypassrls"), said.get("superuser"))
    }
    named = {*roles, *steps.get(_AUTHENTICATOR, ())} & bound
    return frozenset({"public", *named, *(reached for name in named for reached in follow(steps, name))})


def _find_held(changes: Iterable[SchemaChange], facts: _Facts) -> Iterator[CatalogGain]:
    """Privileges that the matrix does not try, and the right to hand them on; a sentence for each object."""
    found: dict[tuple[str, str], list[SchemaChange]] = defaultdict(list)
    for change in changes:
        key = change.key
        if key.kind.startswith("grant") and key.name in facts.roles and _is_more(change, facts):
            found[key.kind, key.object].append(change)
    for (kind, name), some in found.items():
        deeds = dict.fromkeys(_spell_deed(kind, name, change) for change in some)
        people = join(list(dict.fromkeys(change.key.name for change in some)))
        yield f"{people} can now {join(list(deeds))}.", tuple(some)


def _is_more(change: SchemaChange, facts: _Facts) -> bool:
    """Of an object that was there before, and not what everybody held already."""
    key, verb = change.key, change.property.split(" ")[0]
    if change.after is None or not _is_known(change, facts):
        return False
    everybody = facts.base.objects.get(key._replace(name="public"), {})
    if change.after != "held":  # with grant option
        return True
    untried = key.kind == "grant on large object" or verb in _DEEDS
    return untried and change.before is None and change.property not in everybody


def _is_known(change: SchemaChange, facts: _Facts) -> bool:
    kinds = {"grant": "relation", "grant on function": "function", "grant on schema": "schema"}
    kind = kinds.get(change.key.kind)
    return kind is None or kind == "schema" or facts.was_there(kind, change.key.object)


def _spell_deed(kind: str, name: str, change: SchemaChange) -> str:
    verb, _, columns = change.property.partition(" ")
    if change.after != "held":
        return f"grant {verb.upper()} on {name} to others"
    deed = (_READS if kind == "grant on large object" else _DEEDS)[verb].format(name)
    return f"{deed} {columns}".strip()


def _find_defaults(changes: Iterable[SchemaChange], facts: _Facts) -> Iterator[CatalogGain]:
    """What is open as soon as it is created; one sentence for each role that will create it, and schema."""
    found: dict[ObjectKey, list[SchemaChange]] = defaultdict(list)
    for change in changes:
        privilege, _, role = change.property.partition(" to ")
        is_back = privilege.startswith("no execute") and change.after is None
        is_held = change.before is None and not privilege.startswith("no execute")
        if change.key.kind == "default privileges" and role in facts.roles and (is_back or is_held):
            found[change.key].append(change)
    for key, some in found.items():
        where = f" in schema {key.object}" if key.object else ""
        opened: dict[str, dict[str, None]] = defaultdict(dict)
        for change in some:
            privilege, _, role = change.property.removeprefix("no ").partition(" to ")
            verb, _, what = privilege.partition(" on ")
            opened[what].setdefault(verb.upper())
            opened[what + " to"].setdefault(role)
        told = [
            f"{join(list(opened[what + ' to']))} will hold {join(list(verbs))} on {what}"
            for what, verbs in opened.items()
            if not what.endswith(" to")
        ]
        yield f"{join(told)} that {key.name} creates{where} from now on.", tuple(some)


def _judge_role(change: SchemaChange, facts: _Facts) -> str:
    """Roles belong to the whole cluster: what widens one of them widens it everywhere."""
    what, name = change.property, change.key.name
    is_new = not any(key.name == name for key in facts.base.roles)
    if what in _ATTRIBUTES or (what == "inherit" and not is_new):
        widens = change.after == "true"
    elif what.startswith("member of "):
        widens = change.after is not None and (name in facts.roles or name == _AUTHENTICATOR or not is_new)
    elif what == "settings":
        widens = (name in facts.roles or name == _AUTHENTICATOR or not is_new) and _are_wider(
            change.before or "", change.after or ""
        )
    else:
        widens = False
    return f"Roles changed. {change}" if widens else ""


def _are_wider(before: str, after: str) -> bool:
    """Whether any setting lets more through: of a limit of time we know, of others we suppose it."""
    old, new = _by_name(before), _by_name(after)
    return any(_is_wider(name, old.get(name), new.get(name)) for name in {*old, *new})


def _is_wider(name: str, before: str | None, after: str | None) -> bool:
    if before == after:
        return False
    if not name.endswith("_timeout"):
        return True
    limits = [_milliseconds(value) for value in (before, after)]
    return None in limits or limits[1] > limits[0]  # type: ignore[operator]


def _milliseconds(value: str | None) -> float | None:
    """0 and nothing are no limit; None for what does not read as a time."""
    found = _TIMEOUT.match((value or "0").strip("'\" "))
    if not found:
        return None
    return int(found[1]) * _MILLISECONDS[found[2] or "ms"] or float("inf")


def _judge_setting(change: SchemaChange, facts: _Facts) -> str:
    """Of the database, for a role or for all: without one, what the role has everywhere holds."""
    key = change.key
    concerns = not key.object or key.object in facts.roles or key.object == _AUTHENTICATOR
    before = change.before or _of_role(facts.base, key)
    after = change.after or _of_role(facts.head, key)
    if not concerns or not _is_wider(key.name, before, after):
        return ""
    whose = f"requests as {key.object}" if key.object else "everybody"
    return f"{key.name} for {whose} is now {after or 'not set'} (was: {before or 'not set'})."


def _of_role(schema: Inventory, key: ObjectKey) -> str | None:
    said = schema.objects.get(ObjectKey("role", "", key.object), {})
    return _by_name(said.get("settings", "")).get(key.name)


def _by_name(settings: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in settings.split(", ") if "=" in part)


def _judge_bucket(change: SchemaChange, facts: _Facts) -> str:
    name, what = change.key.name, change.property
    if (what, change.after) == ("public", "true"):
        return f"Everybody can now read the objects of bucket {name}, and no policy is asked."
    if change.key not in facts.base.objects or change.before is None:
        return ""
    if what == "file_size_limit" and (change.after is None or int(change.after) > int(change.before)):
        limit = f"of {change.after} bytes" if change.after else "of any size"
        return f"Files {limit} can now be put into bucket {name} (was: {change.before} bytes)."
    if what == "allowed_mime_types":
        return (
            f"Files of {_more_types(change)} can now be put into bucket {name}."
            if _more_types(change)
            else ""
        )
    return ""


def _more_types(change: SchemaChange) -> str:
    if change.after is None:
        return "any type"
    before, after = (
        text.strip("[]{}").replace('"', "").split(",") for text in (change.before or "", change.after)
    )
    known = {one.strip() for one in before}
    return join([one.strip() for one in after if one.strip() not in known])


def _judge_relation(change: SchemaChange, _: _Facts) -> str:
    sent = {"full": "whole rows", "index": "the columns of an index"}
    if change.property != "replica identity" or change.after not in sent or change.before == "full":
        return ""
    return (
        f"Whoever listens to changes of {change.key.object} is now sent {sent[change.after]} as they were "
        "before, of DELETE without any policy."
    )


def _judge_publication(change: SchemaChange, facts: _Facts) -> str:
    """Of a whole one, or of a table that was there before."""
    key, what = change.key, change.property
    more = sorted(set((change.after or "").split(", ")) - set((change.before or "").split(", ")))
    if not key.object:
        all_tables = (what, change.after) == ("all tables", "true")
        told = (
            f"tells of {join(more)}"
            if what == "publishes" and more
            else "has all tables"
            if all_tables
            else ""
        )
        return f"Publication {key.name} now {told}." if told else ""
    if not facts.was_there("relation", key.object):
        return ""
    known = [name for name in more if ObjectKey("column", key.object, name) in facts.base.objects]
    published = {"columns": join(known), "rows": "Other rows", "": "Changes"}.get(what, "")
    is_less = change.kind is ChangeKind.DROPPED or not published
    return "" if is_less else f"{published} of {key.object} are now published in {key.name}."


_OF_KIND: Mapping[str, Callable[[SchemaChange, _Facts], str]] = {
    "role": _judge_role,
    "setting": _judge_setting,
    "bucket": _judge_bucket,
    "relation": _judge_relation,
    "publication": _judge_publication,
    "function": lambda change, facts: judge_function(
        change, base=facts.base, head=facts.head, roles=facts.roles
    ),
}
