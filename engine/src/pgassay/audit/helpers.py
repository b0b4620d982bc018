"""Functions that policies ask to which row another one belongs."""

from __future__ import annotations

from pgassay.audit.calls import references
from pgassay.audit.scene import Scene
from pgassay.catalog.model import Function
from pgassay.matrix.rows import Row, Sample


def is_helper(scene: Scene, function: Function) -> bool:
    """Whether policies, or views, ask it."""
    return bool(scene.dependents(function.function))


def is_name(sample: Sample, row: Row, value: str) -> bool:
    """Whether a value of a row says which row it is, or to which other one it belongs, and nothing else."""
    names = {*sample.key, *references(sample)}
    return all(name in names for name, one in row.values.items() if one == value)
