"""What HEAD asks before it lets a role do something, beside what BASE asked: where the two differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.catalog.model import ObjectKey, Policy
from pgassay.catalog.tables import Privileges, Table
from pgassay.diff.flattening import Bodies, expand, flatten
from pgassay.diff.former import Former
from pgassay.diff.narrowing import narrow
from pgassay.matrix.model import Action
from pgassay.solver.schema import check_text

_NEVER, _ALWAYS = "false", "true"
_CLAUSES = ((Action.SELECT, "using"), (Action.UPDATE, "using"), (Action.DELETE, "using"))
_CHECKS = ((Action.INSERT, "with check"), (Action.UPDATE, "with check"))


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """The conditions of both sides under which `role` may do `action` on a row of `table`.

    `clause`: "using" for a row that is there, "with check" for one that is written.
    """

    table: str
    action: Action
    clause: str
    role: str
    base: str
    head: str
    changes: tuple[SchemaChange, ...]

    @property
    def opened(self) -> str:
        """True where HEAD lets the role do what BASE did not."""
        return f"({narrow(self.head, self.base)}) and ({self.base}) is not true"

    def __str__(self) -> str:
        return f"{self.clause} for {self.action.value.upper()} on {self.table} by {self.role}"


@dataclass(frozen=True, kw_only=True)
class TwoSchemas:
    """The tables of both sides by name, what their catalogs say, and BASE's functions beside HEAD's."""

    base: Mapping[str, Table]
    head: Mapping[str, Table]
    before: Inventory
    after: Inventory
    former: Former

    @cached_property
    def bodies(self) -> Bodies:
        """Those of HEAD's functions in SQL without arguments."""
        return {
            (schema, name.removesuffix("()")): said["body"]
            for key, said in self.after.objects.items()
            if key.kind == "function" and key.object.endswith("()")
            for schema, _, name in [key.object.rpartition(".")]
            if said.get("language") == "sql" and said.get("security") == "invoker" and "body" in said
        }

    @cached_property
    def _new(self) -> Bodies:
        """Those that BASE has not."""
        known = {key.object for key in self.before.objects if key.kind == "function"}
        return {
            (schema, name): body
            for (schema, name), body in self.bodies.items()
            if f"{schema}.{name}()" not in known
        }

    def contrasts(self, changes: Sequence[SchemaChange], roles: Iterable[str]) -> Iterator[Contrast]:
        """Those of tables and roles that both sides have, in the order of HEAD's catalog."""
        known = list(dict.fromkeys(roles))
        for name, table in self.head.items():
            if name not in self.base or not table.reachable or not table.truncatable:
                continue
            reach = self.before.reach(name) | self.after.reach(name)
            near = tuple(change for change in changes if change.key.object in reach)
            for role in known if near else ():
                yield from self._of_table(table, role, near)

    def finds_alike(self, name: str, role: str, action: Action) -> bool:
        """Whether a statement of the role finds the same rows on both sides."""
        before, after = (tables[name].privileges[role] for tables in (self.base, self.head))
        return self.former.rename(ask(before, action, "using")) == ask(after, action, "using")

    def _of_table(self, table: Table, role: str, near: tuple[SchemaChange, ...]) -> Iterator[Contrast]:
        sides = [one.get(role) for one in (self.base[table.name].privileges, table.privileges)]
        if any(side is None for side in sides):
            return
        checks = self._checks(near, table.name)
        made, was_made = self._made(table), self._made(self.base[table.name])
        apart = {name for name in made | was_made if made.get(name) != was_made.get(name)}
        for action, clause in (*_CLAUSES, *_CHECKS):
            before, after = (ask(side, action, clause) for side in sides if side)
            after = expand(after, {name: text for name, text in made.items() if name in apart})
            before = expand(before, {name: text for name, text in was_made.items() if name in apart})
            before = self.former.rename(before)
            if clause == "with check":
                before, after = (
                    _join(" and ", text, *side) for text, side in zip((before, after), checks, strict=True)
                )
            if after in (_NEVER, before) or before == _ALWAYS:
                continue
            if flatten(after, self._new) != flatten(before, {}):
                yield Contrast(
                    table=table.name,
                    action=action,
                    clause=clause,
                    role=role,
                    base=before,
                    head=after,
                    changes=near,
                )

    @staticmethod
    def _made(table: Table) -> dict[str, str]:
        """The expressions of its generated columns."""
        return {one.name: one.default for one in table.columns.values() if one.generated and one.default}

    def _checks(self, near: Iterable[SchemaChange], table: str) -> tuple[list[str], list[str]]:
        """The CHECK constraints that are not as they were, on both sides."""
        keys = dict.fromkeys(
            one.key for one in near if one.key.kind == "constraint" and one.key.object == table
        )
        before, after = (
            [
                f"({check_text(definition)}) is not false"
                for key in keys
                if (definition := said.objects.get(key, {}).get("definition", "")).startswith("CHECK")
            ]
            for said in (self.before, self.after)
        )
        return [self.former.rename(text) for text in before], after


def ask(held: Privileges, action: Action, clause: str) -> str:
    """The policies of a role for a command as one condition; a write finds only what its role may see."""
    if not held.usage or not _holds(held, action):
        return _NEVER
    if not held.filtered:
        return _ALWAYS
    commands = (
        [action.value] if clause == "with check" or action is Action.SELECT else [action.value, "select"]
    )
    return _join(" and ", *(_policies(held.policies, command, clause) for command in commands))


def _holds(held: Privileges, action: Action) -> bool:
    return bool(
        {
            Action.SELECT: held.select,
            Action.INSERT: held.insert,
            Action.UPDATE: held.update,
            Action.DELETE: held.delete,
        }[action]
    )


def _policies(policies: Iterable[Policy], command: str, clause: str) -> str:
    asked = [one for one in policies if one.command in (command, "all")]
    permissive = [_text(one, clause) for one in asked if one.permissive]
    restrictive = [_text(one, clause) for one in asked if not one.permissive]
    return _join(" and ", *restrictive, _join(" or ", *permissive) if permissive else _NEVER)


def _text(policy: Policy, clause: str) -> str:
    text = policy.using if clause == "using" else policy.check or policy.using
    return text or _ALWAYS


def _join(word: str, *texts: str) -> str:
    """Joined in one canonical way: what decides alone stands alone, and nothing twice."""
    decides, neutral = (_ALWAYS, _NEVER) if "or" in word else (_NEVER, _ALWAYS)
    parts = [text for text in dict.fromkeys(texts) if text != neutral]
    if decides in parts:
        return decides
    if len(parts) < 2:
        return parts[0] if parts else neutral
    return word.join(f"({text})" for text in parts)


def find_changed_functions(
    changes: Iterable[SchemaChange], before: Inventory, after: Inventory
) -> frozenset[str]:
    """The functions of BASE that HEAD lacks or has otherwise, and those that use such a one."""
    changed = {one.key.object for one in changes if one.key.kind == "function" and one.key in before.objects}
    names = [key.object for key in before.objects if key.kind == "function"]
    return frozenset(
        name
        for name in names
        if before.reach(name) & changed or ObjectKey("function", name, "") not in after.objects
    )
