"""What happens to accounts: sign-up, a new address, a sign-in, new metadata, deletion. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from pgassay.catalog.literals import Literals, find_literals
from pgassay.catalog.model import Column
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.diff.loaded import LoadedSide
from pgassay.diff.metadata import USERS, VALUES, find_addresses, find_followers, nest
from pgassay.matrix.statements import MOMENTS, literal

_NEW = "5157ed00-0000-4000-8000-000000000000"
_ADDRESS = "pgassay-{}@example.com"
_MOST_STATES = 8
_MOST_DOCUMENTS, _MOST_WORDS, _MOST_ADDRESSES = 24, 12, 4
_ROW_OF_A_DOCUMENT = frozenset(
    f"{kind}_{verb}" for kind in ("json", "jsonb") for verb in ("populate_record", "to_record")
)


@dataclass(frozen=True, kw_only=True)
class AccountEvent:
    """What the platform does to an account when its user asks; `document` are the metadata that he chose.

    `erases`: what is personal may be expected to be gone then.
    """

    title: str
    statement: str
    document: Mapping[str, object] | None = None
    erases: bool = False


def make_events(head: LoadedSide, literals: Literals, changed: Literals) -> Iterator[AccountEvent]:
    values = list(dict.fromkeys([*VALUES, *literals.strings]))
    documents = [nest(path, value) for path in literals.paths for value in values][:_MOST_DOCUMENTS]
    documents += [nest(path, word) for path in changed.paths for word in _find_words(head, changed)]
    documents += [{name: value} for name in _find_populated(head, literals) for value in VALUES]
    addresses = tuple(islice(find_addresses(changed), _MOST_ADDRESSES))
    yield _sign_up({}, "Whoever signs up")
    for address in addresses:
        yield _sign_up({}, f"Whoever signs up as {address}", address)
    for document in documents:
        yield _sign_up(document, f"Whoever signs up with the metadata {json.dumps(document)}")
    for persona in head.personas:
        if persona.id is None:
            continue
        where = f"where id::text = {literal(persona.id)}"
        for title, what in (
            (f"A new e-mail address of {persona.name}", f"email = {literal(_ADDRESS.format(persona.name))}"),
            *((f"The address {one} of {persona.name}", f"email = {literal(one)}") for one in addresses),
            (f"A sign-in of {persona.name}", "last_sign_in_at = pg_catalog.now()"),
            (f"New metadata of {persona.name}", """raw_user_meta_data = '{"pgassay": 1}'"""),
        ):
            change = f"update {USERS} set {what} {where}"
            yield AccountEvent(title=title, statement=change)
            for state, setup in islice(_find_states(head, changed, persona.id), _MOST_STATES):
                yield AccountEvent(title=f"{title}, given {state},", statement=f"{setup}; {change}")
            yield AccountEvent(
                title=f"{title}, whose account was deleted softly,",
                statement=f"update {USERS} set deleted_at = pg_catalog.now() {where}; {change}",
            )
        for how, statement in (
            ("", f"delete from {USERS} {where}"),
            (" softly", f"update {USERS} set deleted_at = pg_catalog.now() {where}"),
        ):
            title = f"Deleting the account of {persona.name}{how}"
            yield AccountEvent(title=title, statement=statement, erases=True)


def _find_states(head: LoadedSide, changed: Literals, id_: str) -> Iterator[tuple[str, str]]:
    """Other states of the user's rows, where a changed function names the column; made without triggers."""
    near = find_followers(head.inventory)
    for table in (one for one in head.surface.by_name.values() if one.name in near and one.stored):
        for column in (one for one in table.columns.values() if one.name in changed.words):
            for value in _find_values(column) if not column.generated else ():
                for owner in islice(_find_owners(table), 1):
                    change = (
                        f"update {table.name} set {column.quoted} = {value} where {owner} = {literal(id_)}"
                    )
                    yield (
                        f"{column.name} = {value} in the user's row of {table.name}",
                        f"alter table {table.name} disable trigger user; {change}; "
                        f"alter table {table.name} enable trigger user",
                    )


def _find_values(column: Column) -> Iterator[str]:
    """The states that a row may be in: a yes or no, a label, whether something has happened."""
    if column.labels or column.base == "bool":
        yield from map(literal, column.labels or ("false", "true"))
    elif column.base in MOMENTS and not column.not_null:
        yield from ("pg_catalog.now()", "null")


def _find_owners(table: Table) -> Iterator[str]:
    """The columns that say which user a row is about."""
    for key in table.foreign_keys:
        if key.target == USERS and len(key.columns) == 1:
            yield quoted(key.columns[0])
    for index in table.unique:
        if len(index.columns) == 1 and table.columns[index.columns[0]].base == "uuid":
            yield quoted(index.columns[0])


def _find_words(head: LoadedSide, changed: Literals) -> list[str]:
    """What CHECKs list, and enums have, of the columns that a changed function names: a tier, a role."""
    near = find_followers(head.inventory)
    checks = [
        find_literals([str(facts.get("definition"))])
        for key, facts in head.inventory.objects.items()
        if key.kind == "constraint" and key.object in near
    ]
    tables = [one for one in head.surface.by_name.values() if one.name in near]
    columns = [column for one in tables for column in one.columns.values() if column.name in changed.words]
    listed = [word for one in checks if one.words & changed.words for word in one.strings]
    return list(dict.fromkeys([*(word for one in columns for word in one.labels), *listed]))[:_MOST_WORDS]


def _find_populated(head: LoadedSide, literals: Literals) -> list[str]:
    """The columns that metadata name where a whole row is made of them."""
    if literals.words.isdisjoint(_ROW_OF_A_DOCUMENT):
        return []
    near = find_followers(head.inventory)
    keys = [key for key in head.inventory.objects if key.kind == "column" and key.object in near]
    return list(dict.fromkeys(key.name for key in keys))[:_MOST_DOCUMENTS]


def _sign_up(
    document: Mapping[str, object], title: str, address: str = _ADDRESS.format("new")
) -> AccountEvent:
    values = [_NEW, address, json.dumps(dict(document))]
    text = f"insert into {USERS} (id, email, raw_user_meta_data) values ({', '.join(map(literal, values))})"
    return AccountEvent(title=title, statement=text, document=document)
