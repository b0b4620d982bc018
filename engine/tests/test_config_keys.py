"""The JSON schema of a configuration agrees with what is read, and `pgassay config` shows what holds."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pgassay.config import load_config
from pgassay.config_keys import json_schema
from pgassay.errors import ConfigError

ENGINE = Path(__file__).parents[1]
VALIDATOR = Draft202012Validator(json_schema())
Run = Callable[..., subprocess.CompletedProcess[str]]


def complaints(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(tomllib.loads(text))]


def test_it_is_a_json_schema_and_tells_of_every_key() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert all(shape["description"] for shape in json_schema()["properties"].values())


def test_configurations_of_the_docs_are_valid() -> None:
    pages = sorted((ENGINE / "docs").rglob("*.md"))
    blocks = [
        block
        for page in pages
        for block in re.findall(r"^```toml\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    ]
    tables: list[dict[str, Any]] = [tomllib.loads(block) for block in blocks]
    own = [table["tool"]["pgassay"] for table in tables if "tool" in table]
    own += [tomllib.loads(block) for block in blocks if block.startswith("# pgassay.toml")]
    assert len(own) > 2
    assert [list(VALIDATOR.iter_errors(table)) for table in own if "contract" not in table] == [[]] * len(own)


@pytest.mark.parametrize(
    "text",
    [
        "effort = 0",
        "effort = 101",
        "fill_world = 1",
        "hooks = { send_sms = 7 }",
        "nonesuch = 1",
        "personas = { eve = { sub = 'e' } }",
        "pgtap_database = 'each'",
        "rows = { 'public.jobs' = 1 }",
        "server = ''",
        "statement_timeout = 'long'",
        "suites = 3",
        "buckets = { films = { public = 'yes' } }",
        "buckets = { films = { nonesuch = 1 } }",
    ],
)
def test_what_the_schema_refuses_the_reader_refuses(text: str, tmp_path: Path) -> None:
    (tmp_path / "pgassay.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_config(tmp_path)
    assert complaints(text)


@pytest.mark.parametrize(
    "text",
    [
        "schema = 'a.sql'\nsuites = ['a.sql', '*.sql']",
        "environment = ['supabase', 'a.sql']\nworld = 'auto'",
        "personas = { eve = { role = 'authenticated', sub = 'e', admin = true } }\nfind_personas = true",
        "buckets = { films = { public = true, file_size_limit = 7, allowed_mime_types = ['video/mp4'] } }",
        "exposed = ['public', 'api']\nanonymous_sign_ins = true\nmajor_version = 17",
    ],
)
def test_what_the_reader_takes_the_schema_takes(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.sql").touch()
    (tmp_path / "pgassay.toml").write_text(text, encoding="utf-8")
    load_config(tmp_path)
    assert complaints(text) == []


def test_command_shows_what_holds_and_where_it_is(tmp_path: Path, run: Run) -> None:
    migrations = tmp_path / "supabase" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "1_start.sql").touch()
    (tmp_path / "pgassay.toml").write_text("effort = 3\n", encoding="utf-8")
    shown = run("config", cwd=tmp_path)
    lines = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines()[1:])
    assert shown.stdout.splitlines()[0] == str(tmp_path)
    assert (shown.returncode, lines["effort"]) == (0, "3")
    assert lines["schema"] == '["supabase/migrations/1_start.sql"]'
    assert lines["environment"] == '["supabase"]'
    document = json.loads(run("config", "--format", "json", cwd=tmp_path).stdout)
    assert document["version"] == 1
    assert document["keys"]["personas"]["anon"] == {"role": "anon", "claims": {}}
    assert {key: json.loads(value) for key, value in lines.items()} == document["keys"]


def test_command_prints_the_json_schema(tmp_path: Path, run: Run) -> None:
    assert json.loads(run("config", "--json-schema", cwd=tmp_path).stdout) == json_schema()
