"""Row level security that says something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar

from pgassay.catalog.model import Policy
from pgassay.catalog.names import role_name
from pgassay.mutation import expressions
from pgassay.mutation.operators.base import Edit, Operator, change, example, rewrite_expression
from pgassay.mutation.things import TableSecurity
from pgassay.mutation.trees import Rewrite

_NOTES = """
    create table public.notes (id int, owner text, live boolean);
    alter table public.notes enable row level security;
"""
_READ = f"{_NOTES} create policy read on public.notes for select using (owner = current_user);"
_EDIT = (
    f"{_NOTES} create policy edit on public.notes for update using (live and owner = 'me') with check (live);"
)
_ADD = f"{_NOTES} create policy add on public.notes for insert to anon with check (live or owner = 'me');"
_READ_AGAIN = "drop policy read on public.notes; create policy read on public.notes"
_EDIT_AGAIN = "drop policy edit on public.notes; create policy edit on public.notes for update to public"
_ADD_AGAIN = "alter policy add on public.notes with check"


def drop_policy(policy: Policy) -> str:
    return f"drop policy {policy.quoted} on {policy.table}"


def create_policy(policy: Policy) -> str:
    kind = "" if policy.permissive else "as restrictive "
    roles = ", ".join(map(role_name, policy.roles))
    using = "" if policy.using is None else f" using ({policy.using})"
    check = "" if policy.check is None else f" with check ({policy.check})"
    return (
        f"create policy {policy.quoted} on {policy.table} {kind}for {policy.command} to {roles}{using}{check}"
    )


def _alter(policy: Policy, clause: str, expression: str) -> str:
    return f"alter policy {policy.quoted} on {policy.table} {clause} ({expression})"


@example(_READ, "drop policy read on public.notes")
class DropPolicy(Operator[Policy]):
    """The policy is gone."""

    def changes(self, thing: Policy) -> Iterator[Edit]:
        yield change("was dropped", drop_policy(thing))


class _Settle(Operator[Policy]):
    """A clause is a constant."""

    clause: ClassVar[str]
    value: ClassVar[str]

    def changes(self, thing: Policy) -> Iterator[Edit]:
        expression = dict(thing.clauses).get(self.clause)
        if expression not in (None, self.value):
            what = f"{self.clause.upper()} is now {self.value}"
            yield change(what, _alter(thing, self.clause, self.value))


@example(_READ, "alter policy read on public.notes using (true)")
class WidenUsingToTrue(_Settle):
    """USING lets every row through."""

    clause, value = "using", "true"


@example(_READ, "alter policy read on public.notes using (false)")
class NarrowUsingToFalse(_Settle):
    """USING lets no row through."""

    clause, value = "using", "false"


@example(_ADD, f"{_ADD_AGAIN} (true)")
@example(_READ)
class WidenCheckToTrue(_Settle):
    """WITH CHECK lets every new row through."""

    clause, value = "with check", "true"


@example(_ADD, f"{_ADD_AGAIN} (false)")
class NarrowCheckToFalse(_Settle):
    """WITH CHECK lets no new row through."""

    clause, value = "with check", "false"


@example(_EDIT, f"{_EDIT_AGAIN} with check (live)", f"{_EDIT_AGAIN} using ((live AND (owner = 'me'::text)))")
class DropClause(Operator[Policy]):
    """A clause is gone. Where there is no WITH CHECK, USING judges new rows as well."""

    def changes(self, thing: Policy) -> Iterator[Edit]:
        for clause, _ in thing.clauses:
            new = replace(thing, using=None) if clause == "using" else replace(thing, check=None)
            yield change(f"lost its {clause.upper()}", drop_policy(thing), create_policy(new))


class _Rewrite(Operator[Policy]):
    """A part of a clause says something else."""

    find: ClassVar[Callable[..., Iterator[Rewrite]]]
    of_condition: ClassVar[bool] = False

    def changes(self, thing: Policy) -> Iterator[Edit]:
        find = type(self).find
        for clause, expression in thing.clauses:
            for what, new in rewrite_expression(expression, find, whole=self.of_condition):
                yield change(f"{clause.upper()}: {what}", _alter(thing, clause, new))


@example(_ADD, f"{_ADD_AGAIN} (NOT live OR owner = CAST('me' AS text))")
@example(_READ)
class NegatePolicyAtom(_Rewrite):
    """One condition of a policy says the opposite."""

    find, of_condition = expressions.negate_atoms, True


@example(_ADD, f"{_ADD_AGAIN} (owner = CAST('me' AS text))", f"{_ADD_AGAIN} (live)")
class DropPolicyAtom(_Rewrite):
    """One condition of several is gone."""

    find, of_condition = expressions.drop_atoms, True


@example(_ADD, f"{_ADD_AGAIN} (live AND owner = CAST('me' AS text))")
class SwapPolicyLogic(_Rewrite):
    """AND is OR, or the other way round."""

    find = expressions.swap_logic


@example(_READ, "alter policy read on public.notes using (owner <> CURRENT_USER)")
class SwapPolicyEquality(_Rewrite):
    """`=` is `<>`, or the other way round."""

    find = expressions.swap_equality


@example(_ADD, "alter policy add on public.notes to public")
@example(_READ)
class WidenRoles(Operator[Policy]):
    """The policy applies to everybody."""

    def changes(self, thing: Policy) -> Iterator[Edit]:
        if "public" not in thing.roles:
            statement = f"alter policy {thing.quoted} on {thing.table} to public"
            yield change(f"now applies to everybody (was: {', '.join(thing.roles)})", statement)


@example(_READ, f"{_READ_AGAIN} as restrictive for select to public using ((owner = CURRENT_USER))")
class SwapPermissive(Operator[Policy]):
    """A permissive policy is restrictive, or the other way round."""

    def changes(self, thing: Policy) -> Iterator[Edit]:
        new = replace(thing, permissive=not thing.permissive)
        word = "permissive" if new.permissive else "restrictive"
        yield change(f"is now {word}", drop_policy(thing), create_policy(new))


@example(_READ, f"{_READ_AGAIN} for all to public using ((owner = CURRENT_USER))")
@example(
    _ADD,
    "drop policy add on public.notes; create policy add on public.notes for all to anon"
    " using ((live OR (owner = 'me'::text))) with check ((live OR (owner = 'me'::text)))",
)
class WidenCommand(Operator[Policy]):
    """The policy applies to all commands. An INSERT policy's check becomes the USING as well."""

    def changes(self, thing: Policy) -> Iterator[Edit]:
        if thing.command != "all":
            new = replace(thing, command="all", using=thing.using or thing.check)
            yield change(f"now applies to ALL (was: {thing.command})", drop_policy(thing), create_policy(new))


@example(_NOTES, "alter table public.notes disable row level security")
class DropRowSecurity(Operator[TableSecurity]):
    """Row level security is off."""

    def changes(self, thing: TableSecurity) -> Iterator[Edit]:
        if thing.secured:
            yield change("has no row level security", f"alter table {thing.table} disable row level security")


@example(
    "create table public.notes (); alter table public.notes force row level security",
    "alter table public.notes no force row level security",
)
class DropForce(Operator[TableSecurity]):
    """Row level security does not apply to the table's owner."""

    def changes(self, thing: TableSecurity) -> Iterator[Edit]:
        if thing.forced:
            yield change(
                "does not force row level security", f"alter table {thing.table} no force row level security"
            )
