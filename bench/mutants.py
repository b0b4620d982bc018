"""How fast mutants are judged, beside the plain way: load the file with the change in it, run the suites.

A sample, drawn by a hash and so the same each time: all of them would tell no more.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import run
from measure import ROOT, Row
from pages import MUTANTS, SAMPLE

from pgassay.mutation.model import Mutant
from pgassay.mutation.plan import Selection
from pgassay.mutation.run import Options, plan, run_campaign
from pgassay.server import RUNNING_SERVER
from pgassay.workbench import Workbench

_ROUNDS = 4  # in which both sides take turns
_PLAIN = 8  # mutants of the sample that are tried the plain way: it takes 1 to 30 s


def mutants(bench: Workbench) -> Iterator[Row]:
    """Mutants with nothing known of them, times the cores for one; the plain way, of a few of the same.

    Both stop at the first test that fails. The baseline, which is run once, counts in the second row only,
    beside the suites that run once without a mutant.
    """
    jobs = os.cpu_count() or 1
    sample = sorted(plan(bench), key=_shuffled)[:SAMPLE]
    ours, whole, theirs = list[float](), 0.0, list[float]()
    with tempfile.TemporaryDirectory() as folder:
        for first in range(_ROUNDS):
            part = sample[first::_ROUNDS]
            seconds, all_seconds = _judge(bench, part, Path(folder, "mutants.json"), jobs)
            ours.append(seconds * jobs / len(part))
            whole += all_seconds
            theirs += [plain_way(bench, one, Path(folder, "schema.sql")) for one in part[: _PLAIN // _ROUNDS]]
        suites = plain_way(bench, None, Path(folder, "schema.sql"))
    first_row, second_row = MUTANTS
    yield Row(name=first_row, ours=statistics.mean(ours), theirs=statistics.mean(theirs), unit="s")
    yield Row(name=second_row, ours=whole, theirs=suites, unit="s")


def _judge(bench: Workbench, some: Sequence[Mutant], memory: Path, jobs: int) -> tuple[float, float]:
    """Seconds for the mutants alone, and with all that goes before them; `memory` keeps the baseline."""
    began: dict[str, float] = {}

    def note(stage: str) -> None:
        began.setdefault(stage.split(maxsplit=1)[0], time.perf_counter())

    selection = Selection(only=tuple(one.id for one in some))
    options = Options(selection=selection, jobs=jobs, memory=memory)
    started = time.perf_counter()
    run_campaign(bench.config, bench.server, options, on_progress=note)
    ended = time.perf_counter()
    return ended - began["mutant"], ended - started


def _shuffled(mutant: Mutant) -> bytes:
    return hashlib.sha256(mutant.id.encode()).digest()


def plain_way(bench: Workbench, mutant: Mutant | None, path: Path) -> float:
    """Seconds for one mutant when its statements stand at the end of the file; the server runs already."""
    config = bench.config
    schema = [file.read_text(encoding="utf-8") for file in config.schema]
    statements = mutant.statements if mutant else ()
    path.write_text("\n".join([*schema, *(f"{one};" for one in statements)]), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--pgassay-schema", str(path)]
    command += [f"--ignore={blind}" for blind in config.blind]
    command += map(str, dict.fromkeys((*config.suites, *config.pgtap)))
    environment = os.environ | {RUNNING_SERVER: json.dumps(bench.server.to_json())}
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=False, capture_output=True, env=environment)
    return time.perf_counter() - started


if __name__ == "__main__":
    output = ROOT / "build" / "bench-mutants.json"
    sys.exit(run("mutants", [mutants], output, output, expected=MUTANTS))
