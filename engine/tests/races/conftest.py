"""A bank with two accounts, in which sessions race."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgassay.config import Config, PersonaConfig
from pgassay.database import Layer
from pgassay.races.arena import Arena
from pgassay.server import Server
from pgassay.workbench import Workbench

BANK = Path(__file__).with_name("bank.sql")


@pytest.fixture(scope="session")
def bank_config(tmp_path_factory: pytest.TempPathFactory, environment: Layer) -> Config:
    return Config(
        root=tmp_path_factory.mktemp("bank"),
        schema=(BANK,),
        environment=environment.scripts,
        personas={"service": PersonaConfig(role="service_role")},
    )


@pytest.fixture(scope="session")
def bank(server: Server, bank_config: Config) -> Workbench:
    return Workbench(bank_config, server)


@pytest.fixture(scope="session")
def arena(bank: Workbench) -> Iterator[Arena]:
    with Arena(bank) as arena:
        yield arena
