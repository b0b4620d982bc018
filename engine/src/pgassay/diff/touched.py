"""What a change can have to do with: all else answers alike on both sides, and need not be asked. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pglast import ast, parser

from pgassay.catalog.compare import ChangeKind, SchemaChange, compare_inventories
from pgassay.catalog.inventory import Inventory, Properties, follow
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.database import Script

_DECLARING = (
    *(ast.CreateStmt, ast.CreatePolicyStmt, ast.CreateFunctionStmt, ast.CreateTrigStmt, ast.CreateSchemaStmt),
    *(ast.IndexStmt, ast.ViewStmt, ast.CommentStmt, ast.GrantStmt, ast.AlterTableStmt, ast.AlterPolicyStmt),
    *(
        ast.CreateEnumStmt,
        ast.CreateDomainStmt,
        ast.CompositeTypeStmt,
        ast.CreateExtensionStmt,
    ),
    *(ast.RenameStmt, ast.AlterOwnerStmt, ast.AlterFunctionStmt, ast.AlterDefaultPrivilegesStmt),
    *(ast.CreateStatsStmt, ast.TransactionStmt, ast.CreateSeqStmt, ast.AlterSeqStmt, ast.AlterEnumStmt),
    ast.CreatePublicationStmt,
)
"""Statements that write no rows. What any other does may differ between two schemas."""
_OPENING = ("policy", "grant", "grant on function")
_AT_WRITES = ("trigger", "column", "constraint", "index", "type", "rule")
_OF_REQUESTS = ("setting", "role")
_SECURITY = ("row level security", "forced row level security")
_DYNAMIC = ("execute", "query_to_xml", "cursor_to_xml", "database_to_xml", "schema_to_xml", "dblink")
_READ = ("sql", "plpgsql")
_OURS = "pgassay."
_PLATFORM = "supabase_"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Both inventories with all that there is, and the scripts of both sides that put rows into tables.

    `worlds`: those that are the same on both sides. `hooks`: functions that are called for every request.
    `is_alike`: all else that a side is loaded with is the same on both.
    """

    base: Inventory
    head: Inventory
    before: Sequence[Script]
    after: Sequence[Script]
    worlds: Sequence[Script] = ()
    hooks: Collection[str] = ()
    is_alike: bool = True


def find_touched(evidence: Evidence) -> frozenset[str] | None:
    """The relations and functions that may answer otherwise in HEAD; None where all may."""
    base, head = evidence.base, evidence.head
    changes = [one for one in compare_inventories(base, head) if one.key.kind != "comment"]
    deeds = [list(_find_deeds(scripts)) for scripts in (evidence.before, evidence.after)]
    judge = _Judge(base=base, head=head)
    if not evidence.is_alike or deeds[0] != deeds[1] or not all(map(judge.is_local, changes)):
        return None
    names = {change.key.object for change in changes}
    touched = judge.find_users(names, opens=judge.opens_for_others(changes)) if names else frozenset[str]()
    texts = [*deeds[1], *(script.text for script in evidence.worlds)]
    if names and judge.decides_rows(changes, touched, texts, evidence.hooks):
        return None
    return touched


def _find_deeds(scripts: Iterable[Script]) -> Iterator[str]:
    """The statements that may write rows, or do what nobody can tell."""
    for script in scripts:
        try:
            parsed = parser.parse_sql(script.text)
        except parser.ParseError:
            yield script.text
            continue
        for raw in parsed:
            if not isinstance(raw.stmt, _DECLARING):
                begin, length = raw.stmt_location or 0, raw.stmt_len or 0  # in characters, as pglast counts
                yield script.text[begin : begin + length if length else None]


@dataclass(frozen=True, kw_only=True)
class _Judge:
    base: Inventory
    head: Inventory

    @property
    def _both(self) -> tuple[Inventory, Inventory]:
        return self.base, self.head

    def is_local(self, change: SchemaChange) -> bool:
        """Whether it matters to those alone that name the object."""
        kind, name = change.key.kind, change.key.object
        if kind in _OPENING or kind == "function":
            return True
        if kind == "relation" and change.kind is ChangeKind.ALTERED and change.property in _SECURITY:
            return True
        return kind in ("relation", "column", "rule") and all(
            said.objects.get(ObjectKey("relation", name, ""), {"kind": "view"}).get("kind") == "view"
            for said in self._both
        )

    def opens_for_others(self, changes: Iterable[SchemaChange]) -> bool:
        """Whether only policies and privileges differ, and none of an owner of functions."""
        owners = {
            said.get("owner")
            for one in self._both
            for key, said in one.objects.items()
            if key.kind == "function"
        }
        return all(_only_opens(one) and one.key.name not in owners for one in changes)

    def find_users(self, names: Collection[str], *, opens: bool) -> frozenset[str]:
        """They, and all that needs one of them, over any number of steps, or may: by text that it runs.

        Where the change only `opens` or closes for others, it is nothing to functions of a trusted owner.
        """
        users: dict[str, set[str]] = defaultdict(set)
        for inventory in self._both:
            for user, used in inventory.needs.items():
                for name in () if opens and self._is_above(user) else used:
                    users[name].add(user)
        start = {*names, *self._find_opaque()}
        return frozenset(start.union(*(follow(users, name) for name in start)))

    def _find_opaque(self) -> Iterator[str]:
        """Functions that run text, or cannot be read. The platform's own use no table of a project."""
        for inventory in self._both:
            for key, said in inventory.objects.items():
                if key.kind != "function" or "body" not in said or _is_platforms(key, said):
                    continue
                words = find_literals([said["body"]]).words
                if said.get("language") not in _READ or not words.isdisjoint(_DYNAMIC):
                    yield key.object

    def decides_rows(
        self,
        changes: Iterable[SchemaChange],
        touched: Collection[str],
        texts: Collection[str],
        hooks: Collection[str],
    ) -> bool:
        """Whether one of these may decide what rows there are, or whether a request begins at all.

        Policies and privileges bind nobody who loads rows: but for functions of others, and other roles.
        """
        functions = [
            name
            for name in touched
            if not name.startswith(_OURS) and any(_function(name) in one.objects for one in self._both)
        ]
        called = find_literals([*hooks, *self._say(_OF_REQUESTS)]).words
        if any(_bare(name) in called for name in functions):
            return True
        if all(map(_only_opens, changes)):
            return any(map(_changes_role, texts)) or not all(map(self._is_trusted, functions))
        words = find_literals([*texts, *self._say(_AT_WRITES)]).words
        return any(_bare(name) in words for name in functions)

    def _say(self, kinds: Collection[str]) -> Iterator[str]:
        """All that objects of these kinds say on both sides."""
        for inventory in self._both:
            for key, said in inventory.objects.items():
                yield from said.values() if key.kind in kinds else ()

    def _is_trusted(self, function: str) -> bool:
        """Whether it runs as its caller, or as one whom no policy binds, as the first superuser."""
        return all(
            said.get("security") != "definer" or self._is_unbound(said, one)
            for one, said in self._of(function)
        )

    def _is_above(self, function: str) -> bool:
        """Whether it runs as one whom no policy binds, whoever calls it."""
        found = list(self._of(function))
        return bool(found) and all(
            said.get("security") == "definer" and self._is_unbound(said, one) for one, said in found
        )

    def _of(self, function: str) -> Iterator[tuple[Inventory, Properties]]:
        for one in self._both:
            if said := one.objects.get(_function(function)):
                yield one, said

    def _is_unbound(self, said: Properties, inventory: Inventory) -> bool:
        role = inventory.objects.get(ObjectKey("role", "", said.get("owner", "")), {"superuser": "true"})
        return "true" in (role.get("bypassrls"), role["superuser"])


def _is_platforms(key: ObjectKey, said: Properties) -> bool:
    return key.object.startswith(_OURS) or said.get("owner", "").startswith(_PLATFORM)


def _only_opens(change: SchemaChange) -> bool:
    return change.key.kind in _OPENING or change.property in _SECURITY


def _changes_role(text: str) -> bool:
    """Whether a script acts as somebody else, whom policies may bind."""
    literals = find_literals([text])
    words = [word for word in text.lower().split() if word not in ("local", "session")]
    sets = ("role", "role;", "authorization")
    return any(one == "set" and other.startswith(sets) for one, other in pairwise(words)) or (
        "set_config" in literals.words and not {"role", "session_authorization"}.isdisjoint(literals.strings)
    )


def _function(name: str) -> ObjectKey:
    return ObjectKey("function", name, "")


def _bare(function: str) -> str:
    return function.split("(", maxsplit=1)[0].rpartition(".")[2].strip('"')
