"""Row level security and privileges that say something else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgassay.catalog.model import Policy
from pgassay.catalog.names import role_name
from pgassay.mutation import expressions, patterns, queries
from pgassay.mutation.operators.base import Edit, Find, change, example
from pgassay.mutation.things import Privilege, TableSecurity
from pgassay.mutation.trees import expression_slot, read_expression, write_expression

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


def _drop(policy: Policy) -> str:
    return f"drop policy {policy.quoted} on {policy.table}"


def _create(policy: Policy) -> str:
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
def drop_policy(thing: Policy) -> Iterator[Edit]:
    """The policy is gone."""
    yield change("was dropped", _drop(thing))


def _settle(policy: Policy, clause: str, value: str) -> Iterator[Edit]:
    """A clause is a constant."""
    if dict(policy.clauses).get(clause) not in (None, value):
        yield change(f"{clause.upper()} is now {value}", _alter(policy, clause, value))


@example(_READ, "alter policy read on public.notes using (true)")
def widen_using_to_true(thing: Policy) -> Iterator[Edit]:
    """USING lets every row through."""
    return _settle(thing, "using", "true")


@example(_READ, "alter policy read on public.notes using (false)")
def narrow_using_to_false(thing: Policy) -> Iterator[Edit]:
    """USING lets no row through."""
    return _settle(thing, "using", "false")


@example(_ADD, f"{_ADD_AGAIN} (true)")
@example(_READ)
def widen_check_to_true(thing: Policy) -> Iterator[Edit]:
    """WITH CHECK lets every new row through."""
    return _settle(thing, "with check", "true")


@example(_ADD, f"{_ADD_AGAIN} (false)")
def narrow_check_to_false(thing: Policy) -> Iterator[Edit]:
    """WITH CHECK lets no new row through."""
    return _settle(thing, "with check", "false")


@example(_EDIT, f"{_EDIT_AGAIN} with check (live)", f"{_EDIT_AGAIN} using ((live AND (owner = 'me'::text)))")
def drop_clause(thing: Policy) -> Iterator[Edit]:
    """A clause is gone. Where there is no WITH CHECK, USING judges new rows as well."""
    for clause, _ in thing.clauses:
        new = replace(thing, using=None) if clause == "using" else replace(thing, check=None)
        yield change(f"lost its {clause.upper()}", _drop(thing), _create(new))


def _rewrite(policy: Policy, find: Find, *, whole: bool = False) -> Iterator[Edit]:
    """A part of a clause says something else; `whole`: the clause as a condition, too."""
    for clause, expression in policy.clauses:
        tree = read_expression(expression)
        for rewrite in find(tree, *((expression_slot(tree),) if whole else ())):
            new = write_expression(rewrite.render(tree))
            yield change(f"{clause.upper()}: {rewrite.change}", _alter(policy, clause, new))


@example(_ADD, f"{_ADD_AGAIN} (NOT live OR owner = CAST('me' AS text))")
@example(_READ)
def negate_policy_atom(thing: Policy) -> Iterator[Edit]:
    """One condition of a policy says the opposite."""
    return _rewrite(thing, expressions.negate_atoms, whole=True)


@example(_ADD, f"{_ADD_AGAIN} (owner = CAST('me' AS text))", f"{_ADD_AGAIN} (live)")
def drop_policy_atom(thing: Policy) -> Iterator[Edit]:
    """One condition of several is gone."""
    return _rewrite(thing, expressions.drop_atoms, whole=True)


@example(_ADD, f"{_ADD_AGAIN} (live AND owner = CAST('me' AS text))")
def swap_policy_logic(thing: Policy) -> Iterator[Edit]:
    """AND is OR, or the other way round."""
    return _rewrite(thing, expressions.swap_logic)


@example(_READ, "alter policy read on public.notes using (owner <> CURRENT_USER)")
def swap_policy_equality(thing: Policy) -> Iterator[Edit]:
    """`=` is `<>`, or the other way round."""
    return _rewrite(thing, expressions.swap_equality)


@example(
    f"{_NOTES} create policy read on public.notes for select using (owner in ('me', 'you'));",
    "alter policy read on public.notes using (owner = ANY(ARRAY[CAST('you' AS text)]))",
    "alter policy read on public.notes using (owner = ANY(ARRAY[CAST('me' AS text)]))",
)
def shorten_policy_list(thing: Policy) -> Iterator[Edit]:
    """A list of values lacks one, such as a state."""
    return _rewrite(thing, queries.shorten_lists)


@example(
    f"{_NOTES} create policy read on public.notes for select using (owner ~* '^a');",
    "alter policy read on public.notes using (owner ~* CAST('a' AS text))",
    "alter policy read on public.notes using (owner ~ CAST('^a' AS text))",
)
def change_policy_pattern(thing: Policy) -> Iterator[Edit]:
    """A regular expression lost an anchor, matches whole words only, or minds letter case."""
    for find in (patterns.weaken_patterns, patterns.bound_patterns, patterns.drop_folding):
        yield from _rewrite(thing, find)


@example(_ADD, "alter policy add on public.notes to public")
@example(_READ)
def widen_roles(thing: Policy) -> Iterator[Edit]:
    """The policy applies to everybody."""
    if "public" not in thing.roles:
        statement = f"alter policy {thing.quoted} on {thing.table} to public"
        yield change(f"now applies to everybody (was: {', '.join(thing.roles)})", statement)


@example(_READ, f"{_READ_AGAIN} as restrictive for select to public using ((owner = CURRENT_USER))")
def swap_permissive(thing: Policy) -> Iterator[Edit]:
    """A permissive policy is restrictive, or the other way round."""
    new = replace(thing, permissive=not thing.permissive)
    word = "permissive" if new.permissive else "restrictive"
    yield change(f"is now {word}", _drop(thing), _create(new))


@example(_READ, f"{_READ_AGAIN} for all to public using ((owner = CURRENT_USER))")
@example(
    _ADD,
    "drop policy add on public.notes; create policy add on public.notes for all to anon"
    " using ((live OR (owner = 'me'::text))) with check ((live OR (owner = 'me'::text)))",
)
def widen_command(thing: Policy) -> Iterator[Edit]:
    """The policy applies to all commands. An INSERT policy's check becomes the USING as well."""
    if thing.command != "all":
        new = replace(thing, command="all", using=thing.using or thing.check)
        yield change(f"now applies to ALL (was: {thing.command})", _drop(thing), _create(new))


@example(_NOTES, "alter table public.notes disable row level security")
def drop_row_security(thing: TableSecurity) -> Iterator[Edit]:
    """Row level security is off."""
    if thing.secured:
        yield change("has no row level security", f"alter table {thing.table} disable row level security")


@example(
    "create table public.notes (); alter table public.notes force row level security",
    "alter table public.notes no force row level security",
)
def drop_force(thing: TableSecurity) -> Iterator[Edit]:
    """Row level security does not apply to the table's owner."""
    if thing.forced:
        yield change(
            "does not force row level security", f"alter table {thing.table} no force row level security"
        )


_SHOP = """
    create table public.shop (name text);
    grant all on public.shop to anon;
"""


@example(f"{_SHOP} revoke delete on public.shop from anon;", "grant delete on table public.shop to anon")
@example(
    f"{_SHOP} revoke update on public.shop from anon;",
    "grant update on table public.shop to anon",
    "grant update (name) on table public.shop to anon",
)
def grant_back(thing: Privilege) -> Iterator[Edit]:
    """A role has a privilege that it should not have."""
    if not thing.granted:
        yield change("was granted", f"grant {thing.what} to {role_name(thing.role)}")


@example(
    "create table public.shop (name text); revoke all on public.shop from anon;"
    " grant select on public.shop to anon;"
    " grant update (name) on public.shop to anon;",
    "revoke select on table public.shop from anon",
    "revoke update (name) on table public.shop from anon",
)
def revoke_grant(thing: Privilege) -> Iterator[Edit]:
    """A role lacks a privilege that it should have."""
    if thing.granted:
        yield change("was revoked", f"revoke {thing.what} from {role_name(thing.role)}")
