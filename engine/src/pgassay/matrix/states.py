"""Say for which rows an answer holds, in as few features as tell the answers apart. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

State = Mapping[str, str]

_AT_ONCE = 2  # features; more would not be read


def describe_groups(groups: Sequence[Sequence[State]]) -> tuple[str, ...]:
    """For each group of row states what tells it: "" for a single one, "2 of 9 rows" where nothing does."""
    if len(groups) < 2:
        return tuple("" for _ in groups)
    features = _telling(groups)
    if not features:
        total = sum(map(len, groups))
        return tuple(f"{len(group)} of {total} rows" for group in groups)
    return tuple(
        " or ".join(sorted({_spell(features, state) for state in group}))
        if len(features) > 1
        else f"{features[0]}={'|'.join(sorted({state[features[0]] for state in group}))}"
        for group in groups
    )


def _telling(groups: Sequence[Sequence[State]]) -> tuple[str, ...]:
    """The first features whose values never occur in two groups."""
    states = [state for group in groups for state in group]
    names = [name for name in states[0] if len({state.get(name) for state in states}) > 1]
    for size in range(1, _AT_ONCE + 1):
        for some in combinations(names, size):
            values = [{tuple(state.get(name) for name in some) for state in group} for group in groups]
            if sum(map(len, values)) == len(set().union(*values)):
                return some
    return ()


def _spell(features: Sequence[str], state: State) -> str:
    return " and ".join(f"{name}={state[name]}" for name in features)
