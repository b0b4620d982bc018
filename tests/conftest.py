"""Budgets of the property tests: HYPOTHESIS_PROFILE chooses one of them.

`dev` and `ci` try the same examples every time. `deep` tries many new ones; what it finds is kept in
.hypothesis, tried first by the next run, and repeated anywhere by the line `@reproduce_failure(...)` that it
prints.
"""

from __future__ import annotations

import gc
import os

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


def pytest_collection_finish() -> None:
    """What is collected stays to the end: later passes of the garbage collector need not walk over it."""
    gc.freeze()
