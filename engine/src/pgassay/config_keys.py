"""The keys of a configuration: what each means, and which values it takes, as a JSON schema for editors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from pgassay.config import NEVER_GIVEN, Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PATHS = tuple[Path, ...]

MEANINGS: Mapping[str, str] = {
    "schema": "Files under test, in this order. A pattern such as sql/*.sql stands for all that match.",
    "companions": "Files that are applied after the schema, whichever schema is under test.",
    "seeds": "Files of rows, applied after schema and companions, before the world.",
    "environment": 'What runs first, as superuser: "supabase" for the platform, files of your own, or both; '
    "[] for an empty database.",
    "world": 'The file of rows that personas find, applied last, as the schema\'s owner; "auto": no file.',
    "fill_world": "Whether rows that the world lacks are made for whoever tries everything.",
    "find_personas": "Whether users whom only claims tell apart, such as an admin, are made, too.",
    "effort": "How many times as many statements the making of rows may take.",
    "suites": "Files or folders of tests that pytest runs.",
    "pgtap": "Folders of pgTAP files, which run as tests.",
    "pgtap_database": 'Whether each pgTAP file has a database of its own ("file"), or all of a folder '
    'share one in the order of their names ("folder"), as in `supabase test db`.',
    "lint": "More files or folders of SQL that `pgassay verify` lints, beside the schema.",
    "server": '"auto", "embedded", "system", a major version ("15" to "18"), a folder, or a URL.',
    "major_version": 'The PostgreSQL that the project runs on: "auto" is that one where it is here.',
    "owner": "The role that applies the schema. It is never a superuser.",
    "statement_timeout": "Seconds that one statement of a script or a suite may take.",
    "personas": "Who tries everything: a role of the database, and the claims of a token, by name.",
    "baseline": "The file of the accepted access matrix.",
    "uncovered": "The file that lists what no test can reach, with reasons.",
    "schedules": "Scenarios of concurrent sessions: files, or folders of them.",
    "rows": "Whose the rows of a table are, where foreign keys do not say: path or expression, by table.",
    "plans": "Plan contracts: files, or folders of them.",
    "load": "The Python file that makes the rows on which plan contracts are judged.",
    "exposed": "SQL schemas that the API serves.",
    "search_path": "What follows them in the search path of a request.",
    "expose_new_tables": "Whether roles of the API are given the new tables of public.",
    "anonymous_sign_ins": "Whether Auth makes accounts of guests.",
    "hooks": "Functions of the database that Auth calls, as schema.function, by the name of the hook.",
    "buckets": "Buckets of storage, by name.",
    "blind": "Suites that load the schema from its file, and so can notice no mutant.",
    "mutants": "The file that lists equivalent mutants, with reasons.",
}
"""By key, in the order in which a reader needs them."""


def json_schema() -> dict[str, Any]:
    """The JSON schema of pgassay.toml and of `[tool.pgassay]`."""
    kinds = get_type_hints(Config, include_extras=True)
    keys = {key: _shape(key, kinds[key]) | {"description": meaning} for key, meaning in MEANINGS.items()}
    assert keys.keys() == kinds.keys() - set(NEVER_GIVEN)
    return {
        "$schema": DIALECT,
        "title": "pgassay.toml",
        "type": "object",
        "properties": keys,
        "additionalProperties": False,
    }


def _shape(key: str, kind: object) -> dict[str, Any]:
    """Which values a key takes in TOML, which has neither paths nor null."""
    if kind == _PATHS:
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    if key == "personas":
        role = {"type": "string", "minLength": 1}
        persona = {"type": "object", "properties": {"role": role}, "required": ["role"]}
        return {"type": "object", "additionalProperties": persona}
    if get_origin(kind) in (Union, UnionType):
        [kind] = (part for part in get_args(kind) if part is not type(None))
    if kind is Path:
        return {"type": "string", "minLength": 1}
    return _inlined(msgspec.json.schema(kind))


def _inlined(shape: dict[str, Any]) -> dict[str, Any]:
    """Without references: each type is used once."""
    definitions = shape.pop("$defs", {})

    def inline(part: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(part, list):
            return [inline(item) for item in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            definition = definitions[part["$ref"].rpartition("/")[2]]
            return inline({**definition, "additionalProperties": False})
        return {name: inline(value) for name, value in part.items() if name not in ("title", "default")}

    inlined: dict[str, Any] = inline(shape)
    return inlined
