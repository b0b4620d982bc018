"""Budgets of the property tests: HYPOTHESIS_PROFILE chooses one of them.

`dev` and `ci` try the same examples every time. `deep` tries many new ones; what it finds is kept in
.hypothesis, tried first by the next run, and repeated anywhere by the line `@reproduce_failure(...)` that it
prints.
"""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import HealthCheck, Phase, settings

_COMMON = settings(
    deadline=None,
    print_blob=True,
    # Without the phase `explain`, which repeats slow examples many times.
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    # Examples share the session of their test; each of them undoes what it did.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("dev", _COMMON, max_examples=80, derandomize=True)
settings.register_profile("ci", _COMMON, max_examples=100, derandomize=True)
settings.register_profile("deep", _COMMON, max_examples=8000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


# What these tests say, a stage of `pgassay verify` has said before.
_REPEATED = {
    "tests/schema/test_lint.py::test_file_has_no_fault[": "lint",
    "tests/schema/test_access_baseline.py::test_access_is_as_accepted": "matrix",
    "tests/schema/test_plans.py::test_contracts_hold_and_no_index_is_at_fault": "plans",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name, stage in _REPEATED.items():
            if item.nodeid.startswith(name):
                item.add_marker(pytest.mark.repeats_stage(stage))


def pytest_collection_finish() -> None:
    """What is collected stays to the end: later passes of the garbage collector need not walk over it."""
    gc.freeze()
