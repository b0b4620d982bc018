"""A review of a change as the comment on its pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgassay.catalog.compare import SchemaChange
from pgassay.diff.conclusion import conclude_review
from pgassay.diff.page_comparison import compare_schemas
from pgassay.diff.review import Review
from pgassay.errors import printable
from pgassay.matrix.model import Direction
from pgassay.matrix.page_comparison import Comparison
from pgassay.render.markdown import escape, fence, fold
from pgassay.render.place import spell

_LONGEST = 60_000  # characters: a comment on GitHub has at most 65,536


def render_review_markdown(review: Review) -> str:
    """The verdict first; each finding folded around its witness; what the schema itself changed last."""
    lines = ["## pgassay: access difference"]
    if review.fault:
        lines += ["", f"HEAD, {escape(review.head.label)}, does not load.", "", *fence(str(review.fault))]
    else:
        lines += [line for sentence in conclude_review(review) for line in ("", escape(sentence))]
    comparison = compare_schemas(review)
    blocks = [*_entries(comparison), *_objects(comparison, review.difference.schema)]
    return printable("\n".join([*lines, *_fit(blocks)]) + "\n")


def _entries(comparison: Comparison) -> Iterator[list[str]]:
    for direction in Direction:
        above = ["", f"### {direction.value.capitalize()}: {comparison.count(direction)}", ""]
        for entry in comparison.entries_of(direction):
            summary = f"{spell(entry.place)}  {entry.message}".lstrip()
            yield [*above, *fold(summary, entry.script, language="sql")]
            above = []


def _objects(comparison: Comparison, changes: Sequence[SchemaChange]) -> Iterator[list[str]]:
    objects = [f"- {word}: <code>{escape(name)}</code>" for word, name in comparison.objects]
    if objects:
        yield ["", "### Objects", "", *objects]
    if changes:
        yield ["", *fold("Changes of the schema itself", "\n".join(map(str, changes)))]


def _fit(blocks: Sequence[Sequence[str]]) -> list[str]:
    """As many blocks as a comment holds, and how many more there are."""
    lines: list[str] = []
    left = _LONGEST
    for number, block in enumerate(blocks):
        left -= sum(len(line) + 1 for line in block)
        if left < 0:
            return [*lines, "", f"{len(blocks) - number} more do not fit here; the other reports have them."]
        lines += block
    return lines
