"""The test that is missing where a mutant survived: what somebody may do with it, and not without it.

Both schemas are compared as `pgassay diff` compares two: by what everybody may do in the world, then with
rows, claims and arguments that the solver finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.config import Config
from pgassay.diff.difference import AccessChange
from pgassay.diff.review import review
from pgassay.diff.witness_scripts import render_script
from pgassay.errors import PgassayError
from pgassay.mutation.model import Mutant, Proposal
from pgassay.mutation.runner import Say
from pgassay.project.revisions import Side
from pgassay.server import Server

_WITHOUT, _WITH = "the schema", "the mutant"


def propose_tests(
    config: Config, server: Server, mutants: Iterable[Mutant], *, statements: int, on_progress: Say
) -> Mapping[str, Proposal]:
    """By the ids of mutants; nothing of those for which `statements` of search find nothing."""
    found = {}
    with TemporaryDirectory(prefix="pgassay-") as folder:
        for mutant in mutants:
            on_progress(f"looking for a test that notices {mutant.id}")
            file = Path(folder, "mutant.sql")
            file.write_text("".join(f"{one};\n" for one in mutant.statements), encoding="utf-8")
            schema = Side(label=_WITHOUT, config=config)
            broken = Side(label=_WITH, config=replace(config, companions=(*config.companions, file)))
            if (proposal := next(_differences(server, schema, broken, statements), None)) is not None:
                found[mutant.id] = proposal
    return found


def _differences(server: Server, schema: Side, mutant: Side, statements: int) -> Iterator[Proposal]:
    """The second review looks for what the mutant refuses: a search finds only what is let through."""
    for base, head in ((schema, mutant), (mutant, schema)):
        try:
            difference = review(server, base, head, search=statements).difference
        except PgassayError:  # no world of this project tells the two apart, and the mutant has its fate
            continue
        yield from (_propose(head, change) for change in difference.entries)


def _propose(head: Side, change: AccessChange) -> Proposal:
    where = "`pgassay up`" if head.label == _WITHOUT else "`pgassay up` and the statements of the mutant"
    return Proposal(
        says=f"Only with {head.label}: {change.message}", script=render_script(change, load=where)
    )
