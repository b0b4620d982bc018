"""Tables that hold less than they should, or more; rows that say something else; indexes that are others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pglast import ast
from pglast.enums import SortByDir, SortByNulls

from pgassay.catalog.model import Column, Constraint, Index, Type
from pgassay.catalog.names import quoted
from pgassay.mutation import expressions, patterns, queries
from pgassay.mutation.operators.base import Edit, Find, change, example
from pgassay.mutation.things import Seed
from pgassay.mutation.trees import Node, Rewrite, Slot, copy, read, write

_SHOP = (
    "create table public.shop (price int constraint fair check (price >= 1 and price <= 9 or price = 20));"
)
_PAIR = """
    create table public.shop (id int constraint shop_key primary key);
    create table public.sale (shop int, constraint sale_shop foreign key (shop) references public.shop (id));
"""
_PRICES = """
    create table public.shop (name text primary key, price int, id int generated always as identity);
    insert into public.shop values ('a', 3), ('b', null);
"""
_ON_DELETE = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_FAIR = (
    "alter table public.shop drop constraint fair cascade; ALTER TABLE public.shop ADD CONSTRAINT fair CHECK"
)
_MOOD = "create type public.mood as enum ('good', 'bad');"


def _drop(constraint: Constraint) -> str:
    return f"alter table {constraint.table} drop constraint {constraint.quoted} cascade"


def _statement(constraint: Constraint) -> Node:
    """ADD CONSTRAINT, parsed; the constraint is `cmds[0].def_`."""
    name = constraint.quoted
    return read(f"alter table {constraint.table} add constraint {name} {constraint.definition}")


def _drop_one(constraint: Constraint, types: str) -> Iterator[Edit]:
    if constraint.type in types:
        yield change("was dropped", _drop(constraint))


@example(_SHOP, "alter table public.shop drop constraint fair cascade")
def drop_check(thing: Constraint) -> Iterator[Edit]:
    """A CHECK is gone."""
    return _drop_one(thing, "c")


@example(_PAIR, "alter table public.shop drop constraint shop_key cascade")
def drop_unique(thing: Constraint) -> Iterator[Edit]:
    """A key is gone: UNIQUE, PRIMARY KEY or EXCLUDE, with the foreign keys that rest on it."""
    return _drop_one(thing, "upx")


@example(_PAIR, "alter table public.sale drop constraint sale_shop cascade")
def drop_foreign_key(thing: Constraint) -> Iterator[Edit]:
    """A foreign key is gone."""
    return _drop_one(thing, "f")


@example(
    _PAIR,
    "alter table public.sale drop constraint sale_shop cascade; ALTER TABLE public.sale ADD"
    " CONSTRAINT sale_shop FOREIGN KEY (shop) REFERENCES public.shop (id) ON DELETE CASCADE",
)
def change_on_delete(thing: Constraint) -> Iterator[Edit]:
    """A foreign key cascades when its target is deleted; or refuses that, where it did not."""
    if thing.type != "f":
        return
    tree = _statement(thing)
    slot = Slot(tree.cmds[0], "def_")
    refuses = slot.node.fk_del_action in "ar"
    for action in "c" if refuses else "ac":
        if action != slot.node.fk_del_action:
            new = Rewrite(slot, copy(slot.node, fk_del_action=action)).render(tree)
            yield change(f"is now ON DELETE {_ON_DELETE[action]}", _drop(thing), new)


def _rewrite(constraint: Constraint, *finds: Find, whole: bool = False) -> Iterator[Edit]:
    """A part of a CHECK says something else; `whole`: the condition as such, too."""
    if constraint.type != "c":
        return
    tree = _statement(constraint)
    for find in finds:
        for rewrite in find(tree, *((Slot(tree.cmds[0].def_, "raw_expr"),) if whole else ())):
            yield change(f"says: {rewrite.change}", _drop(constraint), rewrite.render(tree))


@example(
    "create table public.shop (price int constraint fair check (price >= 1));",
    f"{_FAIR} (price >= 2)",
    f"{_FAIR} (price >= 0)",
)
@example(
    "create table public.shop (price int constraint fair check (price > -100 and price <> 5));",
    f"{_FAIR} (price > CAST('-99' AS integer) AND price <> 5)",
    f"{_FAIR} (price > CAST('-101' AS integer) AND price <> 5)",
)
def shift_bound(thing: Constraint) -> Iterator[Edit]:
    """A bound of a CHECK is higher or lower by one."""
    return _rewrite(thing, partial(expressions.shift_bounds, by=1), partial(expressions.shift_bounds, by=-1))


@example(
    "create table public.shop (price int constraint fair check (price > 0 and price < 9));",
    f"{_FAIR} (price < 9)",
    f"{_FAIR} (price > 0)",
)
def drop_check_atom(thing: Constraint) -> Iterator[Edit]:
    """One condition of a CHECK is gone."""
    return _rewrite(thing, expressions.drop_atoms, whole=True)


@example(
    "create table public.shop (price int constraint fair check (price > 0 or price = -1));",
    f"{_FAIR} (price > 0 AND price = CAST('-1' AS integer))",
    f"{_FAIR} (price > 0 OR price <> CAST('-1' AS integer))",
)
def swap_check_logic(thing: Constraint) -> Iterator[Edit]:
    """AND is OR in a CHECK, or the other way round; `=` is `<>`."""
    return _rewrite(thing, expressions.swap_logic, expressions.swap_equality)


@example(
    "create table public.shop (name text constraint fair check (name in ('a', 'b')));",
    f"{_FAIR} (name = ANY(ARRAY[CAST('b' AS text)]))",
    f"{_FAIR} (name = ANY(ARRAY[CAST('a' AS text)]))",
)
def shorten_check_list(thing: Constraint) -> Iterator[Edit]:
    """A list of values lacks one, such as a state."""
    return _rewrite(thing, queries.shorten_lists)


@example(
    r"create table public.shop (name text constraint fair check (name ~ '^\d' and name !~* 'b'));",
    rf"{_FAIR} (name ~ CAST('\d' AS text) AND name !~* CAST('b' AS text))",
    rf"{_FAIR} (name ~ CAST('^\d' AS text) AND name !~* CAST('\y(?:b)\y' AS text))",
    rf"{_FAIR} (name ~ CAST('^\d' AS text) AND name !~ CAST('b' AS text))",
)
def change_check_pattern(thing: Constraint) -> Iterator[Edit]:
    """A regular expression lost an anchor, matches whole words only, or minds letter case."""
    return _rewrite(thing, patterns.weaken_patterns, patterns.bound_patterns, patterns.drop_folding)


@example(
    "create table public.shop (id int primary key, name text not null, note text);",
    "alter table public.shop alter column name drop not null",
)
def drop_not_null(thing: Column) -> Iterator[Edit]:
    """A column may have no value."""
    if thing.not_null and not thing.primary:
        statement = f"alter table {thing.table} alter column {thing.quoted} drop not null"
        yield change("may now be null", statement)


@example(
    "create table public.shop (id int generated always as identity, price int default 3);",
    "alter table public.shop alter column price drop default",
)
def drop_default(thing: Column) -> Iterator[Edit]:
    """A column has no default."""
    if thing.default is not None and not thing.generated:
        statement = f"alter table {thing.table} alter column {thing.quoted} drop default"
        yield change(f"lost its default {thing.default}", statement)


def _rename(type: str, old: str, new: str) -> str:
    label, other = (write(ast.A_Const(val=ast.String(sval=name))) for name in (old, new))
    return f"alter type {type} rename value {label} to {other}"


@example(
    _MOOD,
    "alter type public.mood rename value 'good' to 'good (gone)'",
    "alter type public.mood rename value 'bad' to 'bad (gone)'",
)
def lose_enum_value(thing: Type) -> Iterator[Edit]:
    """A value of an enum is gone: nobody knows its name. PostgreSQL cannot drop one that rows may have."""
    for label in thing.labels:
        yield change(f"lost the value {label}", _rename(thing.type, label, f"{label} (gone)"))


@example(
    _MOOD,
    "alter type public.mood rename value 'good' to 'good (gone)';"
    " alter type public.mood rename value 'bad' to 'good';"
    " alter type public.mood rename value 'good (gone)' to 'bad'",
)
def swap_enum_values(thing: Type) -> Iterator[Edit]:
    """Two neighbours of an enum changed their places; what is stored of them, too."""
    for one, other in zip(thing.labels, thing.labels[1:], strict=False):
        steps = ((one, f"{one} (gone)"), (other, one), (f"{one} (gone)", other))
        yield change(f"has {other} before {one}", *(_rename(thing.type, old, new) for old, new in steps))


@example(_PRICES, "update public.shop set price = price + 1 where name = 'a'")
def shift_seed(thing: Seed) -> Iterator[Edit]:
    """A number is higher by one."""
    column = quoted(thing.column)
    yield change(
        f"is higher by one than {thing.value}",
        f"update {thing.table} set {column} = {column} + 1 where {thing.row}",
    )


_GOODS = "create table public.shop (id int, price int, note text);"
_IDX = f"{_GOODS} create index shop_idx on public.shop (price, id desc) include (note) where price > 0;"
_DROP_INDEX = "drop index public.shop_idx"
_CREATE_INDEX = "CREATE INDEX shop_idx ON public.shop"


def _replaced(index: Index, what: str, rewrite: Rewrite, tree: ast.Node) -> Edit:
    return change(what, f"drop index {index.index}", rewrite.render(tree))


@example(_IDX, _DROP_INDEX)
def drop_index(thing: Index) -> Iterator[Edit]:
    """The index is gone."""
    yield change("was dropped", f"drop index {thing.index}")


@example(
    _IDX,
    f"{_DROP_INDEX}; {_CREATE_INDEX} (id DESC) INCLUDE (note) WHERE price > 0",
    f"{_DROP_INDEX}; {_CREATE_INDEX} (price) INCLUDE (note) WHERE price > 0",
    f"{_DROP_INDEX}; {_CREATE_INDEX} (price, id DESC) WHERE price > 0",
)
@example(f"{_GOODS} create index shop_idx on public.shop (price);")
def drop_index_column(thing: Index) -> Iterator[Edit]:
    """The index lacks one of its columns."""
    tree = read(thing.definition)
    for attribute in ("indexParams", "indexIncludingParams"):
        elements = getattr(tree, attribute) or ()
        for number, element in enumerate(elements):
            if len(elements) > 1 or attribute == "indexIncludingParams":
                rewrite = Rewrite(Slot(tree, attribute, (number,)), None)
                yield _replaced(thing, f"lost its column {write(element)}", rewrite, tree)


@example(_IDX, f"{_DROP_INDEX}; {_CREATE_INDEX} (price, id DESC) INCLUDE (note)")
@example(f"{_GOODS} create index shop_idx on public.shop (price);")
def drop_index_predicate(thing: Index) -> Iterator[Edit]:
    """A partial index holds every row."""
    tree = read(thing.definition)
    if tree.whereClause is not None:
        what = f"lost its predicate: {write(tree.whereClause)}"
        yield _replaced(thing, what, Rewrite(Slot(tree, "whereClause"), None), tree)


@example(
    _IDX,
    f"{_DROP_INDEX}; {_CREATE_INDEX} (price DESC, id DESC) INCLUDE (note) WHERE price > 0",
    f"{_DROP_INDEX}; {_CREATE_INDEX} (price, id) INCLUDE (note) WHERE price > 0",
)
# An index of one column is read backwards just as well.
@example(f"{_GOODS} create index shop_idx on public.shop (price);")
def reverse_order(thing: Index) -> Iterator[Edit]:
    """One column of an index of several is in the other order."""
    tree = read(thing.definition)
    if tree.accessMethod != "btree" or len(tree.indexParams) < 2:
        return
    for number, element in enumerate(tree.indexParams):
        down = element.ordering == SortByDir.SORTBY_DESC
        ordering = SortByDir.SORTBY_DEFAULT if down else SortByDir.SORTBY_DESC
        new = copy(element, ordering=ordering, nulls_ordering=SortByNulls.SORTBY_NULLS_DEFAULT)
        what = f"has {write(element)} the other way round"
        yield _replaced(thing, what, Rewrite(Slot(tree, "indexParams", (number,)), new), tree)
