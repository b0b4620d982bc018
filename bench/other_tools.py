"""Other tools as functions from a mutant to the findings that the schema itself does not have."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from measure import ROOT
from sqlfluff.core import FluffConfig, Linter

from pgassay.catalog.model import Function, ObjectKey, Thing
from pgassay.database import Database
from pgassay.migration.hazards import find_squawk
from pgassay.mutation.model import Mutant
from pgassay.mutation.things import View, read_things
from pgassay.mutation.trees import read, write
from pgassay.mutation.workbench import MutantWorkbench
from tests.deploy.supabase_cli import install_cli

Findings = Counter[str]
Tool = Callable[[Mutant], Findings]
"""What a tool finds of a mutant that it does not find of the schema; with empty statements, of the schema."""

PGRLS = ROOT / "build" / "pgrls" / "bin" / "python"
# Mutants are spelled by pglast or the server: layout, capitals, AS, quotes and failures to parse say nothing.
_SPELLING = ("LT", "CP", "AL01", "RF06", "PRS")
_TASTE = "prefer-"  # squawk's rules of style
_SCHEMAS = "public,private,storage"


def sqlfluff_alone(bench: MutantWorkbench) -> Tool:
    """The text of the changed object beside that of the object as it is, spelled by the same writer."""
    linter = Linter(config=FluffConfig.from_path(str(ROOT)))
    texts = dict(_unchanged(read_things(bench)))

    def lint(text: str) -> Findings:
        codes = (found.rule_code() for found in linter.lint_string(text).get_violations())
        return Counter(code for code in codes if not code.startswith(_SPELLING))

    known = {key: lint(text) for key, text in texts.items()}
    return lambda mutant: lint(_script(mutant)) - known.get(mutant.target, Findings())


def _unchanged(things: Collection[Thing]) -> Iterator[tuple[ObjectKey, str]]:
    for thing in things:
        if isinstance(thing, Function):
            yield thing.key, f"{thing.definition};\n"
        elif isinstance(thing, View):
            yield thing.key, f"create or replace view {thing.view} as {write(read(thing.definition))};\n"


def squawk(bench: MutantWorkbench) -> Tool:
    """The file with the statements of the mutant behind it, as a migration would have them."""
    schema = "\n".join(path.read_text(encoding="utf-8") for path in bench.config.schema)
    program = find_squawk()
    assert program, "squawk is not installed"

    def lint(text: str) -> Findings:
        done = subprocess.run(
            [program, "--reporter=json", "--stdin-filepath", "schema.sql"],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        rules = (one["rule_name"] for one in json.loads(done.stdout))
        return Counter(rule for rule in rules if not rule.startswith(_TASTE))

    known = lint(schema)
    return lambda mutant: lint(schema + _script(mutant)) - known


@contextmanager
def pgrls(bench: MutantWorkbench) -> Iterator[Tool]:
    """A live database with the mutant in it, over a login of the schema's owner."""
    command = [str(PGRLS), str(ROOT / "bench" / "ask_pgrls.py"), _SCHEMAS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout

        def lint(database: Database) -> Findings:
            assert process.stdin and process.stdout
            print(database.url(), file=process.stdin, flush=True)
            return Counter(" ".join(one) for one in json.loads(process.stdout.readline()))

        with _looking(bench, lint) as tool:
            yield tool
        process.stdin.close()


@contextmanager
def supabase_advisors(bench: MutantWorkbench) -> Iterator[Tool]:
    """The advisors of the Supabase CLI on such a database, whose server must listen on TCP; slow."""
    program = install_cli() / "supabase"
    with tempfile.TemporaryDirectory(prefix="pgassay-") as home:

        def lint(database: Database) -> Findings:
            done = subprocess.run(
                [program, "db", "advisors", f"--remote={database.url()}", "--output-format=json"],
                cwd=home, env={"HOME": home, "PATH": "/usr/bin:/bin", "DO_NOT_TRACK": "1"},
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            )  # fmt: skip
            return Counter(json.dumps(one) for one in json.loads(done.stdout)["results"])

        with _looking(bench, lint) as tool:
            yield tool


@contextmanager
def _looking(bench: MutantWorkbench, lint: Callable[[Database], Findings]) -> Iterator[Tool]:
    """A tool that looks at a database with the mutant in it."""

    def look(mutant: Mutant) -> Findings:
        bench.statements = mutant.statements
        try:
            with bench.database() as database:
                return lint(database) - known
        finally:
            bench.statements = ()

    with bench.database() as database:
        known = lint(database)
    yield look


def _script(mutant: Mutant) -> str:
    return "".join(f"{statement};\n" for statement in mutant.statements)
