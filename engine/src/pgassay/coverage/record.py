"""What a pytest run covered, as JSON, for whoever started it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pgassay.coverage.counters import Tally

_OUTPUT = "pgassay_coverage"


class CoverageRecord:
    """A pytest plugin: writes a run's tally at its end; the workers of pytest-xdist hand theirs over."""

    def __init__(self, path: Path, tally: Tally) -> None:
        self._path = path
        self._tally = tally

    @pytest.hookimpl(trylast=True)  # the fixtures of the session have ended, and with them their databases
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is None:
            self._path.write_text(json.dumps(self._tally.to_json()), encoding="utf-8")
        else:
            output[_OUTPUT] = self._tally.to_json()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401 - pytest-xdist's
        """Take over what a worker counted."""
        output = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if output is None:
            self._tally.unread.append(f"worker {node.gateway.id} was lost with its counts: {error}")
        else:
            self._tally.merge(output)
