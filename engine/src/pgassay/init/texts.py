"""The texts of the files that `pgassay init` writes. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pgassay.config import PersonaConfig

_TOML = """\
# What `pgassay` knows of this project. What is not said here is as supabase/ has it: the files of the schema,
# and the settings of config.toml. Each key: `pgassay help keys`.
{schema}{exposure}world = {world}  # rows for the personas to find
baseline = {baseline}  # who can do what, as accepted; `pgassay matrix --accept` writes it anew

# Who tries everything. All but the role are claims of their token.
[personas]
{personas}
"""

_EXPOSURE = """\
# Whether API roles are given the new tables of public. Take it out when supabase/config.toml says it.
expose_new_tables = {exposed}
"""

_WORKFLOW = """\
name: pgassay
on:
  pull_request:
  push:
    branches: [main]
permissions:
  contents: read
jobs:
  access:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install pgassay
      - run: pgassay verify --project {project} --report github=/dev/stdout
      - if: github.event_name == 'pull_request'
        run: pgassay diff --project {project} "origin/$BASE"
        env:
          BASE: ${{{{ github.base_ref }}}}
"""

_HOOK = """\
  - repo: local
    hooks:
      - id: pgassay
        name: pgassay
        entry: pgassay matrix --project {project}
        language: system
        pass_filenames: false
        files: \\.(sql|toml|matrix)$
"""


def toml_text(
    personas: Mapping[str, PersonaConfig],
    *,
    world: str,
    baseline: str,
    schema: Sequence[str],
    exposed: bool | None,
) -> str:
    """A pgassay.toml; `schema` and `exposed` only where a Supabase project does not say."""
    return _TOML.format(
        schema=f"schema = {json.dumps(list(schema))}\n" if schema else "",
        exposure="" if exposed is None else _EXPOSURE.format(exposed=json.dumps(exposed)),
        world=json.dumps(world),
        baseline=json.dumps(baseline),
        personas="\n".join(f"{name} = {_persona(persona)}" for name, persona in personas.items()),
    )


def _persona(persona: PersonaConfig) -> str:
    values = {"role": persona.role, **persona.claims}
    return f"{{ {', '.join(f'{name} = {json.dumps(value)}' for name, value in values.items())} }}"


def workflow_text(project: str) -> str:
    """A workflow of GitHub's for the project at this path of the repository."""
    return _WORKFLOW.format(project=project)


def hook_text(project: str) -> str:
    """A .pre-commit-config.yaml."""
    return "repos:\n" + hook_entry(project)


def hook_entry(project: str) -> str:
    """The entry for a .pre-commit-config.yaml that is there already."""
    return _HOOK.format(project=project)
