"""All attacks, in the order of docs/threat-model.md."""

from __future__ import annotations

from tests.attacks.attack import Section
from tests.attacks.catalogue.anon import ANON
from tests.attacks.catalogue.channels import CHANNELS
from tests.attacks.catalogue.foreign_rows import READING
from tests.attacks.catalogue.foreign_writes import ADDING, CHANGING
from tests.attacks.catalogue.functions import FUNCTIONS
from tests.attacks.catalogue.identity import IDENTITY
from tests.attacks.catalogue.ledger import LEDGER, VIEWS
from tests.attacks.catalogue.own_jobs import STATES
from tests.attacks.catalogue.own_money import MONEY
from tests.attacks.catalogue.own_rows import COLUMNS
from tests.attacks.catalogue.own_values import PATHS, SIZES
from tests.attacks.catalogue.service import SERVICE_MONEY
from tests.attacks.catalogue.service_jobs import WORKERS
from tests.attacks.catalogue.storage import STORAGE
from tests.attacks.catalogue.structure import TABLE_ATTACKS

SECTIONS: tuple[Section, ...] = (
    *(COLUMNS, STATES, MONEY, SIZES, PATHS),
    *(READING, CHANGING, ADDING),
    *(CHANNELS, IDENTITY, ANON),
    *(TABLE_ATTACKS, VIEWS, FUNCTIONS, LEDGER),
    *(SERVICE_MONEY, WORKERS),
    STORAGE,
)
