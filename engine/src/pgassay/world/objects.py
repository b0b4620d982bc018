"""Buckets and objects as Storage makes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from mimetypes import guess_extension
from typing import Any

from pglast import ast, parser
from pglast.visitors import Visitor

from pgassay.catalog.model import Policy
from pgassay.solver.model import Value
from pgassay.world.statements import canonical_id, literal

BUCKETS, OBJECTS = "storage.buckets", "storage.objects"
_BUCKET = "bucket_id"
_MIME = "image/png"


def object_values(bucket: str, owner: str | None, purpose: str, mime: str = _MIME) -> dict[str, Value]:
    """What Storage writes at an upload: in a folder of its owner, as the usual layout has it.

    The id is drawn there, and follows from the rest here. A file is named by an id, which some policies read.
    """
    id_ = canonical_id(OBJECTS, f"{bucket} {purpose}")
    file = f"{owner or id_}{guess_extension(mime) or ''}"
    metadata = {"mimetype": mime, "size": 3, "contentLength": 3, "httpStatusCode": 200}
    return {
        "id": id_,
        "bucket_id": bucket,
        "name": f"{owner}/{file}" if owner else file,
        "owner": owner,
        "owner_id": owner,
        "version": canonical_id(OBJECTS, f"version {bucket} {purpose}"),
        "metadata": json.dumps(metadata),
    }


def make_object(values: Mapping[str, Value]) -> str:
    """The statement of an upload."""
    names, texts = ", ".join(values), ", ".join(map(literal, values.values()))
    return f"insert into {OBJECTS} ({names}) values ({texts})"


def make_bucket(name: str) -> str:
    """What Storage sends for a new bucket, which is private."""
    return f"insert into {BUCKETS} (id, name, public) values ({literal(name)}, {literal(name)}, false)"


def named_buckets(policies: Iterable[Policy]) -> list[str]:
    """The buckets that policies compare `bucket_id` with: dashboards make buckets, which no file tells."""
    reader = _Reader()
    for policy in policies:
        if policy.table == OBJECTS:
            for _, text in policy.clauses:
                reader(parser.parse_sql(f"select {text}"))
    return list(dict.fromkeys(reader.found))


class _Reader(Visitor):
    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_A_Expr(self, _: object, node: Any) -> None:  # noqa: ANN401, N802 - pglast's names and trees
        for one, other in ((node.lexpr, node.rexpr), (node.rexpr, node.lexpr)):
            if _is_bucket(one):
                self.found += _strings(other)


def _is_bucket(node: Any) -> bool:  # noqa: ANN401
    if isinstance(node, ast.TypeCast):
        return _is_bucket(node.arg)
    return isinstance(node, ast.ColumnRef) and getattr(node.fields[-1], "sval", "") == _BUCKET  # type: ignore[index]


def _strings(node: Any) -> Iterator[str]:  # noqa: ANN401
    """The constants of a value, or of a list of them; none of a path into something else."""
    if isinstance(node, ast.A_Const) and isinstance(node.val, ast.String):
        yield str(node.val.sval)
    parts = node.arg if isinstance(node, ast.TypeCast) else getattr(node, "elements", node)
    if isinstance(parts, tuple):
        for part in parts:
            yield from _strings(part)
    elif parts is not node:
        yield from _strings(parts)
