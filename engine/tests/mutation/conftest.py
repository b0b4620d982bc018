"""The tiny project, and what a whole run over its mutants found."""

from __future__ import annotations

import pytest

from pgassay.config import Config
from pgassay.database import Layer
from pgassay.mutation.model import MutationCampaign
from pgassay.mutation.run import Options, run_campaign
from pgassay.server import Server
from tests.mutation.mutation_support import SELECTION, make_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, environment: Layer) -> Config:
    return make_project(
        tmp_path_factory.mktemp("mutants") / "a project", environment=environment.scripts[0].parent
    )


@pytest.fixture(scope="session")
def campaign(project: Config, server: Server) -> MutationCampaign:
    return run_campaign(project, server, Options(selection=SELECTION))
