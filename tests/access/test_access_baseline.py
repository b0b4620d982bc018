"""Who can do what is what was accepted: fixtures/access.matrix, line by line."""

from __future__ import annotations

import pytest

from pgassay.matrix.assessment import assess
from pgassay.workbench import Workbench


def test_access_is_as_accepted(workbench: Workbench) -> None:
    found = assess(workbench)
    assert found.baseline == workbench.config.baseline
    assert found.matrix.errors == ()
    if found.differences:
        lines = "\n".join(map(str, found.differences))
        pytest.fail(f"{lines}\nIf each of these is meant: make matrix-accept", pytrace=False)
