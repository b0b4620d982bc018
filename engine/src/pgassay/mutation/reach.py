"""Which tests could notice a change of a thing at all: those that use it, or what uses it. Pure.

Names stand without their schema, so that two objects of one name are taken for one: rather a test too many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pgassay.catalog.inventory import follow
from pgassay.catalog.model import Column, Constraint, Function, Index, Policy, Thing, Trigger, Type
from pgassay.mutation.footprint import Footprint
from pgassay.mutation.things import Privilege, TableSecurity, View, bare_name, scan

# What describes everything, and what describes things of one kind.
EVERYWHERE = ("information_schema", "pg_depend", "pg_description", "obj_description")
_CATALOGS: Mapping[type[Thing], tuple[str, ...]] = {
    TableSecurity: ("pg_class", "pg_tables", "reg"),
    Column: ("pg_attr", "pg_get_expr", "pg_get_serial", "col_description"),
    Constraint: ("pg_constraint", "pg_get_constraint", "pg_index"),
    Index: ("pg_index", "pg_get_index", "pg_class", "pg_stat", "pg_relation", "pg_am"),
    Policy: ("pg_polic", "pg_get_expr"),
    Trigger: ("pg_trigger", "pg_get_trigger"),
    Function: ("pg_proc", "pg_get_function", "regproc", "to_regproc", "plpgsql_check"),
    View: ("pg_class", "pg_rewrite", "pg_views", "pg_get_view", "pg_options", "pg_relation"),
    Type: ("pg_enum", "pg_type", "regtype"),
    Privilege: ("has_", "aclexplode", "pg_class", "pg_attr", "pg_proc", "pg_namespace", "pg_default_acl"),
}


_ACTING = frozenset(("CASCADE", "SET"))  # what a foreign key does writes to its table


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What a test must do to notice: use one of `used`, write one of `written`, or ask one of `catalogs`.

    Only statements of `roles` count, or of all but `spared` ones, where they are given. Where calls are
    counted, only tests that make the server run the function `called` use it. `catalogs` are beginnings of
    words. A test that names `hints`, such as columns, is likelier to notice; an INSERT need not.
    """

    used: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()
    hints: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    spared: frozenset[str] = frozenset()
    called: str = ""
    catalogs: tuple[str, ...] = ()

    def covers(self, footprint: Footprint) -> bool:
        """Whether a test with this footprint could notice."""
        if footprint.describes(self.catalogs):
            return True
        if footprint.structural:
            return footprint.uses(self.names)
        if self.called and footprint.counts_calls:
            return self.called in footprint.reached
        if self.roles:
            return footprint.uses_as(self.roles, self.used)
        if self.spared:
            return footprint.uses_as(footprint.roles - self.spared, self.used)
        return footprint.uses(self.used) or footprint.writes(self.written)

    @property
    def names(self) -> frozenset[str]:
        return self.used | self.written


class Reaches:
    """Follows names through the texts of functions, views and policies, and through triggers.

    `unbound` are the roles that policies do not bind: the owner, and those with BYPASSRLS.
    """

    def __init__(self, things: Iterable[Thing], *, unbound: Iterable[str]) -> None:
        self._unbound = frozenset(unbound)
        self._callers: dict[str, set[str]] = defaultdict(set)
        self._readers: dict[str, set[str]] = defaultdict(set)
        self._firing: dict[str, set[str]] = defaultdict(set)
        self._parents: dict[str, set[str]] = defaultdict(set)
        self._columns: dict[str, set[str]] = defaultdict(set)
        self._typed: dict[str, set[str]] = defaultdict(set)
        for thing in things:
            self._index(thing)

    def _index(self, thing: Thing) -> None:
        name = bare_name(thing.key.object)
        match thing:
            case Function():
                _enter(self._callers, thing.body, name)
            case View():
                _enter(self._readers, thing.definition, name)
            case Policy():
                _enter(self._readers, f"{thing.using or ''} {thing.check or ''}", name)
            case Trigger():
                self._firing[bare_name(thing.function)].add(name)
                _enter(self._firing, thing.definition, name)
            case Constraint():
                self._index_constraint(thing, name)
            case Column():
                self._columns[name].add(thing.name)
                self._typed[thing.type].add(name)
                _enter(self._firing, thing.default or "", name)

    def _index_constraint(self, constraint: Constraint, name: str) -> None:
        if constraint.type == "c":
            _enter(self._firing, constraint.definition, name)
        elif constraint.target and _ACTING & set(scan(constraint.definition)):
            self._parents[name].add(bare_name(constraint.target))

    def find(self, thing: Thing) -> Reach:
        """What a test must do to notice a change of `thing`."""
        return replace(self._find(thing), catalogs=(*EVERYWHERE, *_CATALOGS.get(type(thing), ())))

    def _find(self, thing: Thing) -> Reach:
        # Only the catalog and plans show an index that is not unique.
        name = bare_name(thing.key.object)
        match thing:
            case Privilege():
                found = self._of_right(thing, name)
            case Policy() | TableSecurity():
                found = self._through(used={name}, readers=True, spared=self._unbound)
            case Constraint():
                columns = frozenset(self._columns[name] & set(scan(thing.definition)))
                tables = {name, bare_name(thing.target or thing.table)}
                found = replace(self._through(written=tables), hints=columns)
            case Index():
                is_unique = "unique" in map(str.lower, scan(thing.definition)[:2])
                found = self._through(written={name} if is_unique else ())
            case Column():
                found = self._through(written={name})
            case Trigger():
                found = self._through(written={name})
                # Also the tables whose changes foreign keys carry on to this one.
                found = replace(found, written=found.written | follow(self._parents, name))
            case Function() if (
                thing.language == "plpgsql"
            ):  # a body that the server may put in a call's place, it does not count
                found = replace(self._through(used={name}, readers=True), called=name)
            case Type():
                found = self._through(used={name, *self._typed[thing.type]}, readers=True)
            case _:
                found = self._through(used={name}, readers=True)
        return found

    def _of_right(self, right: Privilege, name: str) -> Reach:
        roles = frozenset() if right.role == "public" else frozenset((right.role,))
        hints = frozenset((right.column,)) if right.column else frozenset()
        return replace(self._through(used={name}, readers=True), hints=hints, roles=roles)

    def _through(
        self,
        *,
        used: Iterable[str] = (),
        written: Iterable[str] = (),
        readers: bool = False,
        spared: frozenset[str] = frozenset(),
    ) -> Reach:
        """Add who uses these, over any number of steps; `readers`: views and policies among them."""
        found, fired = set(used), set(written)
        ahead = [*found, *fired]
        while ahead:
            name = ahead.pop()
            callers = self._callers[name] | (self._readers[name] if readers else set())
            tables = self._firing[name]
            ahead += [*(callers - found), *(tables - fired)]
            found |= callers
            fired |= tables
        return Reach(used=frozenset(found), written=frozenset(fired), spared=spared)


def _enter(index: dict[str, set[str]], text: str, name: str) -> None:
    for word in scan(text):
        if word != name:
            index[word].add(name)
