"""Which tests a change of the schema can touch, by the footprints that were noted of them before it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from pglast import ast, parser

from pgassay.catalog.compare import compare_inventories
from pgassay.catalog.inventory import Inventory, read_inventory
from pgassay.catalog.model import Column, Thing
from pgassay.config import Config
from pgassay.database import Session, read_script
from pgassay.database.script import parse_script
from pgassay.mutation.history import ReferenceRun, history_path, load_reference
from pgassay.mutation.model import Noted, suite_of
from pgassay.mutation.reach import EVERYWHERE, Reach, Reaches
from pgassay.mutation.things import TableSecurity, read_things, unbound_roles
from pgassay.pgtap.folder import PGTAP_SUFFIXES
from pgassay.project.fingerprint import hash_files
from pgassay.project.revisions import Side
from pgassay.server import Server
from pgassay.workbench import Workbench

# Beginnings of the names of the parser's nodes.
_DEFINING = ("Alter", "Comment", "Composite", "Create", "Define", "Drop", "Grant", "Index", "Rename", "View")


@dataclass(frozen=True, kw_only=True)
class SuiteChoice:
    """`left_out`: the node ids of tests that need not run. `told`: how many, or why there are none."""

    left_out: tuple[str, ...] = ()
    told: str


@dataclass(frozen=True, kw_only=True)
class Untouched:
    """`tests`: the node ids of those that no change can touch. `refused`: why none is known; else ""."""

    tests: frozenset[str] = frozenset()
    refused: str = ""


def choose_tests(config: Config, base: Side, server: Server) -> SuiteChoice:
    """Leave out the tests of suites that nothing which is not the same in `base` can touch.

    Raises SchemaError.
    """
    noted = load_reference(history_path(config))
    suites = replace(noted, tests={name: t for name, t in noted.tests.items() if suite_of(name) != "matrix"})
    found = find_untouched(config, base, server, suites)
    if found.refused:
        return SuiteChoice(told=f"Every test ran: {found.refused}.")
    touched = suites.tests.keys() - found.tests
    left_out = tuple(_without_prefixes((name for name in suites.tests if name in found.tests), touched))
    count = f"{len(left_out)} of {len(suites.tests)} tests"
    told = f"Left out: {count}, which what changed since {base.label} cannot touch."
    return SuiteChoice(left_out=left_out, told=told)


def find_untouched(config: Config, base: Side, server: Server, reference: ReferenceRun) -> Untouched:
    """The tests of `reference` that nothing which is not the same in `base` can touch.

    They are only what is known for sure: their statements were noted on the schema of `base`, with the same
    world and helpers, and came to nothing that changed. Raises SchemaError.
    """
    changed = set(_find_changed(config, base, server, reference.files))
    if reason := _refuse(config, base, reference, changed):
        return Untouched(refused=reason)
    benches = Workbench(base.config, server), Workbench(config, server)
    before, after = map(read_things, benches)
    things = set(before) ^ set(after)
    if acting := _find_acting(config, base.config):
        return Untouched(refused=f"this may do more than define an object: {acting}")
    if unknown := _find_unexplained(benches, things):
        return Untouched(refused=f"no footprint tells who can notice that: {unknown}")
    reaches = Reaches({*before, *after}, unbound=unbound_roles(benches[1]))
    # Whoever asks for comments or dependencies asks about more than what is mutated.
    touching = [Reach(catalogs=EVERYWHERE)]
    touching += [reach for thing in things for reach in _reaches_of(thing, reaches)]
    touched = _find_touched(reference.tests, touching, changed)
    return Untouched(tests=frozenset(reference.tests.keys() - touched))


def _find_changed(config: Config, base: Side, server: Server, noted: Mapping[str, str]) -> Iterator[str]:
    """The files that are not what they were when footprints were noted; the schema's are those of `base`."""
    version = str(server.version)
    now = hash_files(base.config, server=version, original=lambda path: _here(path, base, config))
    yield from (name for name in {*now, *noted} if now.get(name) != noted.get(name))


def _here(path: Path, base: Side, config: Config) -> Path:
    """The project's own file that a file of `base` stands for."""
    single = base.folder is None and len(config.schema) == 1 and base.config.schema == (path,)
    return config.schema[0] if single else base.original(path)


def _refuse(config: Config, base: Side, reference: ReferenceRun, changed: Collection[str]) -> str:
    """Why nothing can be left out; "" where it can. What the accepted matrix says, a stage judges."""
    if not reference.tests:
        return "no footprints are there, which pgassay mutate notes"
    if base.config.world and config.world and base.config.world.read_bytes() != config.world.read_bytes():
        return f"{config.world.name} is not the same"
    accepted = config.baseline and str(config.baseline.relative_to(config.root))
    others = sorted(name for name in changed if name != accepted and not _holds_only_tests(config, name))
    if others:
        name = others[0] or "the version of pgassay or PostgreSQL"
        return f"{name} is not what it was when footprints were noted; pgassay mutate notes them anew"
    return ""


def _holds_only_tests(config: Config, name: str) -> bool:
    path = config.root / name
    is_pgtap = path.suffix in PGTAP_SUFFIXES and any(folder in path.parents for folder in config.pgtap)
    return is_pgtap or (path.name.startswith("test_") and path.suffix == ".py")


def _find_acting(*sides: Config) -> str:
    """The first line of a statement of one side alone that does not only define objects; "" for none."""
    texts = [Counter(_statements(side)) for side in sides]
    different = (texts[0] - texts[1]) + (texts[1] - texts[0])
    return next((text.splitlines()[0] for text in different if not _defines(text)), "")


def _statements(config: Config) -> Iterator[str]:
    for path in (*config.schema, *config.companions):
        yield from (statement.text.strip() for statement in parse_script(read_script(path)))


def _defines(text: str) -> bool:
    try:
        statements = [raw.stmt for raw in parser.parse_sql(text)]
    except parser.ParseError:
        return False
    kinds = [type(statement).__name__ for statement in statements]
    numbered = [s for s in statements if isinstance(s, ast.AlterSeqStmt)]
    counted = any(option.defname == "restart" for s in numbered for option in s.options or ())
    return not counted and all(k.startswith(_DEFINING) and k != "CreateTableAsStmt" for k in kinds)


def _find_unexplained(benches: Iterable[Workbench], things: Collection[Thing]) -> str:
    """A difference of the catalogs on an object that none of these is of; "" for none."""
    before, after = map(_read_inventory, benches)
    known = {thing.key.object for thing in things}
    for change in compare_inventories(before, after):
        if change.key.kind != "comment" and change.key.object not in known:
            return str(change)
    return ""


def _read_inventory(bench: Workbench) -> Inventory:
    with bench.database(depth="schema") as database, closing(database.connect()) as connection:
        return read_inventory(Session(connection, owner=database.owner), besides=True)


def _reaches_of(thing: Thing, reaches: Reaches) -> Iterator[Reach]:
    """Who could notice. Whoever reads a whole row sees a column come and go, which no mutant does."""
    yield reaches.find(thing)
    if isinstance(thing, Column):
        table = reaches.find(TableSecurity(table=thing.table, secured=False, forced=False))
        yield replace(table, spared=frozenset())


def _find_touched(
    tests: Mapping[str, Noted], touching: Collection[Reach], changed: Collection[str]
) -> set[str]:
    """The tests that must run. What a shared fixture sent is noted of the test that came to it first."""
    touched: set[str] = set()
    for name, noted in tests.items():
        reached = any(reach.covers(noted.footprint) for reach in touching)
        if not noted.footprint.sees or reached or name.partition("::")[0] in changed:
            touched.add(name)
    fixtures = {fixture for name in touched for fixture in tests[name].sending}
    return touched | {name for name, noted in tests.items() if fixtures & set(noted.shared)}


def _without_prefixes(names: Iterable[str], kept: Collection[str]) -> Iterator[str]:
    """Without names that others begin with which must run: pytest deselects by the beginning of a name."""
    ordered = sorted(kept)
    for name in names:
        following = ordered[bisect_left(ordered, name) :][:1]
        if not (following and following[0].startswith(name)):
            yield name
