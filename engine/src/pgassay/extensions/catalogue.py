"""The extensions of the platform by name: who may create them, what stands in, and what cannot be had.

The engine runs no script of its own as a superuser: it puts control files where the server looks for
extensions. `create extension` then behaves as ever, in every statement, and the catalogs say what was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

VERSION = "stand-in"
"""The version of every stand-in in pg_extension."""
_FOLDER = Path(__file__).parent / "stand_ins"

# What supautils lets `postgres` create, and PostgreSQL does not take for trusted (`privileged_extensions` in
# the public configuration of the platform's image). PostgreSQL runs their scripts as superuser, in a database
# with the schema under test in it: each makes functions, types, views and operators under names of its own,
# and evaluates nothing of the schema that it goes into. Not among them are dblink and postgres_fdw, which
# reach into the network: these have stand-ins.
ALLOWED = frozenset(
    {
        *("amcheck", "autoinc", "bloom", "dict_xsyn", "earthdistance", "hypopg", "index_advisor"),
        *("insert_username", "moddatetime", "pg_buffercache", "pg_hashids", "pg_jsonschema", "pg_prewarm"),
        *("pg_stat_statements", "pg_walinspect", "pgjwt", "pgroonga", "pgrowlocks", "pgstattuple", "pgtap"),
        *("plpgsql_check", "refint", "rum", "sslinfo", "vector"),
    }
)

# What PostgreSQL itself trusts, and the platform has.
_TRUSTED = frozenset(
    {
        *(
            "btree_gin",
            "btree_gist",
            "citext",
            "cube",
            "dict_int",
            "fuzzystrmatch",
            "hstore",
            "intarray",
            "isn",
        ),
        *("ltree", "pg_trgm", "pgcrypto", "seg", "tablefunc", "tcn", "tsm_system_rows", "tsm_system_time"),
        *("unaccent", "uuid-ossp"),
    }
)

# Even where the server has them: they need workers, keys, libraries loaded at its start, or a network.
_NEVER_REAL = frozenset(
    {
        *("dblink", "http", "pg_cron", "pg_graphql", "pg_net", "pg_stat_monitor", "pg_tle", "pgaudit"),
        *("pgsodium", "postgres_fdw", "supabase_vault", "timescaledb", "wrappers"),
    }
)

OLDER = {"pg_graphql": "graphql", "pgjwt": "extensions", "pgsodium": "pgsodium"}
"""What a project had from its start in former years, each with its schema; no new one has them."""

# Where `create extension` puts them, and makes the schema (`schema` of the control file).
_SCHEMAS = {
    "pg_graphql": "graphql",
    "pg_tle": "pgtle",
    "pgmq": "pgmq",
    "pgsodium": "pgsodium",
    "supabase_vault": "vault",
}
_REQUIRES = {"index_advisor": "hypopg", "pgjwt": "pgcrypto"}

# Installed through pg_tle on the platform: they belong to whoever creates them, who may be no superuser, and
# files that psql runs ask for their versions.
_FROM_TLE = {
    "basejump-supabase_test_helpers": tuple(f"0.0.{n}" for n in range(1, 7)),
    "supabase-dbdev": tuple(f"0.0.{n}" for n in range(1, 6)),
}

_LARGE = "It is too large for a stand-in."
_POSTGIS = (
    f"{_LARGE} Debian and Ubuntu have it: apt-get install postgresql-NN-postgis-3, for --server system."
)
_LANGUAGE = "Nothing stands in for a language."
MISSING = {
    "address_standardizer": _POSTGIS,
    "address_standardizer_data_us": _POSTGIS,
    "pg_repack": "It rewrites tables at work; a schema under test needs none of it.",
    "pgroonga_database": "It repairs pgroonga's own files; a schema under test needs none of it.",
    "pgrouting": f"{_LARGE} Debian and Ubuntu have it: apt-get install postgresql-NN-pgrouting.",
    "pljava": _LANGUAGE,
    "plcoffee": f"{_LANGUAGE} The platform dropped it with PostgreSQL 17.",
    "plls": f"{_LANGUAGE} The platform dropped it with PostgreSQL 17.",
    "plv8": f"{_LANGUAGE} The platform dropped it with PostgreSQL 17.",
    "postgis_raster": _POSTGIS,
    "postgis_sfcgal": _POSTGIS,
    "postgis_tiger_geocoder": _POSTGIS,
    "postgis_topology": _POSTGIS,
    "vector": "The embedded server has it; Debian and Ubuntu too: apt-get install postgresql-NN-pgvector.",
}
"""Extensions of the platform that no stand-in can be, with the reason; some servers have them."""


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """An extension as a script of our own; `limits` is a sentence that says what it cannot."""

    name: str
    limits: str
    script: str

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that can be asked for; all are the same."""
        return (VERSION, *_FROM_TLE.get(self.name, ()))

    @property
    def control(self) -> str:
        """The text of its control file. Trusted: the schema's owner may create it, and drop it again."""
        superuser = str(self.name not in _FROM_TLE).lower()
        lines = [
            f"comment = '{self.limits.replace(chr(39), chr(39) * 2)}'",
            f"default_version = '{VERSION}'",
            "relocatable = false",
            f"superuser = {superuser}",
            "trusted = true",
        ]
        if schema := _SCHEMAS.get(self.name):
            lines.append(f"schema = '{schema}'")
        if requires := _REQUIRES.get(self.name):
            lines.append(f"requires = '{requires}'")
        return "\n".join(lines) + "\n"


@cache
def stand_ins() -> dict[str, StandIn]:
    """All stand-ins by name. The first comment of each script says what it cannot."""
    found = {}
    for file in sorted(_FOLDER.glob("*.sql")):
        script = file.read_text(encoding="utf-8")
        heading = script.partition("\n\n")[0]
        limits = " ".join(line.removeprefix("--").strip() for line in heading.splitlines())
        found[file.stem] = StandIn(name=file.stem, limits=limits, script=script)
    return found


def stands_in(name: str, *, server_has_it: bool) -> bool:
    """Whether the extension `name` of a server is a stand-in of ours."""
    return name in stand_ins() and (name in _NEVER_REAL or not server_has_it)


def platform_extensions() -> frozenset[str]:
    """The names of all that the schema's owner may create on the platform."""
    return ALLOWED | _TRUSTED | stand_ins().keys() | MISSING.keys()
