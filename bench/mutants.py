"""How fast mutants are judged, beside the plain way: load the file with the change in it, run the suites."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness import run
from measure import ROOT, Row
from pages import MUTANTS

from pgassay.mutation.model import Mutant
from pgassay.mutation.run import Options, plan, run_campaign
from pgassay.server import RUNNING_SERVER
from pgassay.workbench import Workbench

_PLAIN = 12  # mutants, drawn by a hash, that are tried the plain way: it takes 1 to 30 s


def mutants(bench: Workbench) -> Iterator[Row]:
    """All mutants with nothing known of them, times the cores for one; the plain way, of a few of them.

    Both stop at the first test that fails. The baseline, which is run once, counts in the second row only.
    """
    jobs = os.cpu_count() or 1
    everything = plan(bench)
    began: dict[str, float] = {}

    def note(stage: str) -> None:
        began.setdefault(stage.split(maxsplit=1)[0], time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        options = Options(jobs=jobs, memory=Path(folder, "mutants.json"))
        campaign = run_campaign(bench.config, bench.server, options, on_progress=note)
        ours = (time.perf_counter() - began["mutant"]) * jobs / len(everything)
        some = sorted(everything, key=_shuffled)[:_PLAIN]
        theirs = statistics.mean(plain_way(bench, one, Path(folder, "schema.sql")) for one in some)
    yield Row(name="one mutant, against loading the file and pytest -x", ours=ours, theirs=theirs, unit="s")
    name = "all mutants with their baseline, on all cores"
    yield Row(name=name, ours=campaign.seconds, theirs=None, unit="s")


def _shuffled(mutant: Mutant) -> bytes:
    return hashlib.sha256(mutant.id.encode()).digest()


def plain_way(bench: Workbench, mutant: Mutant, path: Path) -> float:
    """Seconds for one mutant when its statements stand at the end of the file; the server runs already."""
    config = bench.config
    schema = [file.read_text(encoding="utf-8") for file in config.schema]
    path.write_text("\n".join([*schema, *(f"{one};" for one in mutant.statements)]), encoding="utf-8")
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
