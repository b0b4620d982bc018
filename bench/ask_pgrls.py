"""Lint databases with pgrls, in the environment that it is installed in: a URL a line in, JSON a line out."""

from __future__ import annotations

import contextlib
import io
import json
import sys

from pgrls.cli import main


def lint(url: str, schemas: str) -> list[list[str]]:
    """What pgrls finds: rule and place of each finding, since its message may also describe what is there."""
    said = io.StringIO()
    command = ["lint", "--database-url", url, "--schemas", schemas, "--format", "json"]
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main(command, standalone_mode=False)
    found = json.loads(said.getvalue())["violations"]
    return [[one["rule_id"], one["location"]] for one in found]


for line in sys.stdin:
    print(json.dumps(lint(line.strip(), sys.argv[1])), flush=True)
