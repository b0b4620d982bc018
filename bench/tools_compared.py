"""What catches how many mutants: our suites, each alone, and other tools; as a table of Markdown.

What our suites catch is read from complete runs: `pgassay mutate`, and once more with each --suite alone.
Writes build/tools.json: what each of the other tools finds, by mutant.
"""

from __future__ import annotations

import json
import socket
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import other_tools
from measure import ROOT
from rich.console import Console
from rich.progress import track

from pgassay.config import Config, load_config
from pgassay.mutation.history import History, history_path, load_history
from pgassay.mutation.model import SUITES, Mutant, Status, read_equivalents
from pgassay.mutation.run import plan
from pgassay.mutation.workbench import MutantWorkbench
from pgassay.project.fingerprint import fingerprint
from pgassay.server import Server, open_server

OUTPUT = ROOT / "build" / "tools.json"
_KINDS = {
    "policy": "policies",
    "table": "policies",  # row level security itself
    "trigger": "triggers",
    "view": "views",
    "function": "functions",
    "index": "indexes",
    "seed": "data",
}
_SAMPLED = 15  # a tool that takes seconds sees every fifteenth mutant
Tried = Mapping[str, bool]
"""Was it caught? By mutant, of those that were tried."""


def main() -> int:
    config = load_config(ROOT)
    with _listen(config.server) as server:
        bench = MutantWorkbench(config, server)
        history = load_history(history_path(config), key=fingerprint(config, server=str(server.version)))
        mutants = _judged(plan(bench), history, config)
        ours = {"all together": SUITES} | {f"{name} alone": (name,) for name in reversed(SUITES)}
        if missing := [name for name, suites in ours.items() if not _covers(history, suites, mutants)]:
            print(f"no complete run: {', '.join(missing)}", file=sys.stderr)
            return 2
        table = {name: _killed(history, suites, mutants) for name, suites in ours.items()}
        print(render(mutants, table | _ask_others(bench, mutants)))
    return 0


@contextmanager
def _listen(choice: str) -> Iterator[Server]:
    """On 127.0.0.1, for clients that know no Unix socket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open_server(choice, port=port) as server:
        yield server


def _judged(mutants: Sequence[Mutant], history: History, config: Config) -> list[Mutant]:
    """The valid ones that are not known to be equivalent."""
    results, ignored = history.of(SUITES), read_equivalents(config.mutants)
    out = [id for id, result in results.items() if result.status in (Status.INVALID, Status.EQUIVALENT)]
    return [mutant for mutant in mutants if mutant.id not in {*out, *ignored}]


def _covers(history: History, suites: tuple[str, ...], mutants: Sequence[Mutant]) -> bool:
    return {mutant.id for mutant in mutants} <= set(history.of(suites))


def _killed(history: History, suites: tuple[str, ...], mutants: Sequence[Mutant]) -> Tried:
    results = history.of(suites)
    return {mutant.id: results[mutant.id].is_killed for mutant in mutants}


def _ask_others(bench: MutantWorkbench, mutants: Sequence[Mutant]) -> dict[str, Tried]:
    with ExitStack() as stack:
        tools: dict[str, Callable[[Mutant], Counter[str]]] = {
            "sqlfluff": other_tools.sqlfluff_alone(bench),
            "squawk": other_tools.squawk(bench),
            "pgrls lint": stack.enter_context(other_tools.pgrls(bench)),
            "supabase advisors": stack.enter_context(other_tools.supabase_advisors(bench)),
        }
        samples: dict[str, Sequence[Mutant]] = dict.fromkeys(tools, mutants)
        samples["supabase advisors"] = mutants[::_SAMPLED]
        found: dict[str, dict[str, dict[str, int]]] = {}
        for name, tool in tools.items():
            some = track(samples[name], description=name, console=Console(stderr=True))
            found[name] = {mutant.id: dict(tool(mutant)) for mutant in some}
            OUTPUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return {name: {id: bool(findings) for id, findings in by.items()} for name, by in found.items()}


def render(mutants: Collection[Mutant], table: Mapping[str, Tried]) -> str:
    """A table of Markdown: a row for each kind of object, a column for each tool."""
    kinds = Counter(_kind(mutant) for mutant in mutants)
    lines = [f"| | mutants | {' | '.join(table)} |", "|---|---:|" + "---:|" * len(table)]
    for kind, total in [*kinds.most_common(), ("all", kinds.total())]:
        some = [mutant.id for mutant in mutants if kind in ("all", _kind(mutant))]
        cells = (_count([by[id] for id in some if id in by], total) for by in table.values())
        lines.append(f"| {kind} | {total} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _kind(mutant: Mutant) -> str:
    kind = mutant.target.kind
    return "privileges" if kind.startswith("grant on ") else _KINDS.get(kind, "tables")


def _count(caught: Sequence[bool], total: int) -> str:
    return f"{sum(caught)}" + ("" if len(caught) == total else f" of {len(caught)}")


if __name__ == "__main__":
    sys.exit(main())
