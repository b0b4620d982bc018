"""Accounts that come or change with metadata of their user's choice, and the rows that this leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from pglast import parser

from pgassay.audit.listed import listed_values
from pgassay.audit.scene import Scene, run
from pgassay.catalog.literals import Literals, find_literals
from pgassay.catalog.model import Constraint, Function, Policy
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.diff.metadata import USERS, VALUES, leaves, nest
from pgassay.matrix.statements import literal
from pgassay.observation import Persona
from pgassay.world.accounts import Account, guess_metadata

Document = Mapping[str, object]
Facts = Mapping[tuple[str, str], frozenset[str | None]]
"""By table and column: the values of the rows that an event wrote."""

_GIVEN = "raw_user_meta_data"
_OF_SERVER = "raw_app_meta_data"
_IDENTITY = "identity_data"  # of auth.identities: Auth keeps the same there
_FILLING = {"jsonb_populate_record", "jsonb_to_record", "jsonb_populate_recordset", "json_populate_record"}
_NOTHING: Document = MappingProxyType({})
_IDS = ("5157ed00-0000-4000-8000-000000000001", "5157ed00-0000-4000-8000-000000000002")
MOST = 96
"""How many documents are tried at most."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """A sign-up, or an account's new metadata: `given` is what its user chose besides what is `plain`."""

    persona: Persona
    verb: str
    plain: Document
    given: Document
    statements: tuple[str, ...]


def texts_that_ask(scene: Scene) -> list[str]:
    """What in the schema reads metadata of the user's choice from accounts."""
    texts = [
        *(f.text for f in scene.catalog.of(Function) if scene.is_ours(f)),
        *(text for policy in scene.catalog.of(Policy) for _, text in policy.clauses),
        *(table.definition or "" for table in scene.surface.reachable),
    ]
    return [text for text in texts if {_GIVEN, _IDENTITY} & find_literals([text]).words]


def asked_elsewhere(scene: Scene) -> frozenset[str]:
    """Names in policies, and in functions that do not read the metadata themselves."""
    reading = set(texts_that_ask(scene))
    policies = [text for some in scene.policies.values() for policy in some for _, text in policy.clauses]
    functions = [f.text for f in scene.catalog.of(Function) if scene.is_ours(f) and f.text not in reading]
    return find_literals([*policies, *functions]).words


def sign_up(scene: Scene, plain: Document, given: Document = _NOTHING, *, number: int = 0) -> Event:
    """As Auth does it."""
    account = Account(
        name=f"newcomer{number}",
        id=_IDS[number],
        email=f"pgassay-newcomer{number}@example.com",
        metadata={**plain, **given},
    )
    tables = scene.surface.by_name
    claims: dict[str, object] = {"sub": account.id, "role": "authenticated", "user_metadata": {}}
    claims["email"] = account.email
    persona = replace(scene.users[0], name="newcomer", claims=claims)
    statements = account.statements(tables[USERS], tables.get("auth.identities"))
    return Event(persona=persona, verb="insert", plain=plain, given=given, statements=statements)


def new_metadata(scene: Scene, plain: Document, given: Document = _NOTHING, *, number: int = 0) -> Event:
    """As Auth does it where a user asks for it, after an ordinary sign-up."""
    event = sign_up(scene, plain, number=number)
    document = literal(json.dumps({**plain, **given}))
    text = f"update {USERS} set {_GIVEN} = {document} where id = {literal(event.persona.id)}"
    return replace(event, verb="update", given=given, statements=(*event.statements, text))


def ordinary(scene: Scene, texts: Sequence[str]) -> Document | None:
    """What an application gives, with as little as possible of what is asked for; None if nothing passes."""
    for document in (*guess_metadata("newcomer", ()), *guess_metadata("newcomer", texts)):
        with scene.session.undone():
            if all(run(scene.session, None, text) for text in sign_up(scene, document).statements):
                return document
    return None


def hostile(scene: Scene, texts: Sequence[str]) -> Iterator[Document]:
    """Each path that is asked for, with each value that may matter at its end."""
    literals = find_literals(texts)
    values = dict.fromkeys([*VALUES, *_known(scene, literals)])
    for value in values:
        for path in dict.fromkeys([*literals.paths, *_keys(scene, literals)]):
            yield nest(path, value)


def _keys(scene: Scene, literals: Literals) -> Iterator[tuple[str]]:
    """Keys that no arrow names: arguments of functions, subscripts, columns of a record to fill."""
    yield from ((text,) for text in literals.strings if text.isidentifier())
    if literals.words & _FILLING:
        for table in _tables(scene).values():
            if table.relation in literals.words:
                yield from ((name,) for name in table.columns)


def _known(scene: Scene, literals: Literals) -> Iterator[object]:
    """Labels and keys of the tables that are written, then what the schema compares with."""
    near = [table for table in _tables(scene).values() if table.relation in literals.words]
    for table in near:
        for column in table.columns.values():
            yield from listed_values(scene, table, column)
        for key in table.foreign_keys:
            target = scene.sample_of.get(key.target or "")
            if target and key.target != USERS and len(target.key) == 1:
                yield from (row.key[0] for row in target.rows[:3])
        checks = scene.catalog.parts(Constraint).get(table.oid, ())
        yield from find_literals(one.definition for one in checks if one.type == "c").strings
    yield from (text for text in (*literals.strings, *scene.literals.strings) if 0 < len(text) <= 40)


def _tables(scene: Scene) -> dict[str, Table]:
    """What events write, except what is the platform's own."""
    found = scene.surface.tables.values()
    return {table.name: table for table in found if table.stored and scene.is_the_projects(table)}


def observe(scene: Scene, events: Sequence[Event]) -> list[Facts | None]:
    """What each event writes, undone again; None where it is refused."""
    tables = list(_tables(scene).values())
    look = [scene.planned(look_at_new(tables))] if tables else []
    answers = scene.ask(None, [[*event.statements, *look] for event in events])
    return [None if answer.sqlstate else _facts(answer.rows[-1] if look else ()) for answer in answers]


def _facts(rows: Sequence[Sequence[str | None]]) -> Facts:
    found: dict[tuple[str, str], set[str | None]] = {}
    for name, document in rows:
        for column, value in json.loads(document or "{}").items():
            found.setdefault((str(name), column), set()).add(spelled(value))
    return {key: frozenset(values) for key, values in found.items()}


def spelled(value: object) -> str | None:
    """As text that the server takes for it."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def chosen(plain: Facts, again: Facts, facts: Facts, given: Document) -> Iterator[tuple[str, str, str]]:
    """Table, column and value of what is otherwise than after an ordinary event; not what is drawn anew."""
    said = {spelled(value) for value in leaves(given)}
    for key, values in facts.items():
        is_drawn = plain.get(key) != again.get(key)
        for value in values - plain.get(key, frozenset()):
            if value is not None and (not is_drawn or value in said):
                yield (*key, value)


def look_at_new(tables: Sequence[Table]) -> str:
    """The rows that this transaction wrote, as documents, each with its table."""
    return " union all ".join(
        f"select {literal(table.name)}::text, pg_catalog.to_jsonb(t.*)::text from {table.name} as t "
        "where pg_catalog.age(t.xmin) <= 0"
        for table in tables
    )


def look_at(table: str, column: str, value: str) -> str:
    """What this transaction wrote with that value."""
    test = f"t.{quoted(column)}::text = {literal(value)} and pg_catalog.age(t.xmin) <= 0"
    return f"select 1 from {table} as t where {test}"


def from_the_server(scene: Scene, given: Document) -> Iterator[str]:
    """The functions that read what was given, as they would read it from what only the server sets."""
    path = _path(given)
    for function in scene.catalog.of(Function):
        if not scene.is_ours(function) or function.language not in ("sql", "plpgsql"):
            continue
        text = function.definition if function.sql_body else function.body
        changed = _from_app(text, path)
        if changed != text:
            yield function.definition.replace(text, changed)


def _path(document: object) -> tuple[str, ...]:
    if not isinstance(document, Mapping):
        return ()
    [(name, inner)] = document.items()
    return (name, *_path(inner))


def _from_app(text: str, path: Sequence[str]) -> str:
    """Where the name of the metadata stands before this path, that of the server's stands then."""
    tokens = list(parser.scan(text))
    for place in reversed(range(len(tokens))):
        word = tokens[place]
        if text[word.start : word.end + 1].lower() != _GIVEN:
            continue
        shown = [text[t.start : t.end + 1] for t in tokens[place + 1 : place + 1 + 2 * len(path)]]
        if [one.strip("'") for one in shown[1::2]] == list(path):
            text = text[: word.start] + _OF_SERVER + text[word.end + 1 :]
    return text
