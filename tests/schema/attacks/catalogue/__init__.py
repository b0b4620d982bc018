"""All attacks, in the order of docs/threat-model.md."""

from __future__ import annotations

from attacks.attack import Section
from attacks.catalogue.anon import ANON
from attacks.catalogue.channels import CHANNELS
from attacks.catalogue.foreign_rows import READING
from attacks.catalogue.foreign_writes import ADDING, CHANGING
from attacks.catalogue.functions import FUNCTIONS
from attacks.catalogue.identity import IDENTITY
from attacks.catalogue.ledger import LEDGER, VIEWS
from attacks.catalogue.own_jobs import STATES
from attacks.catalogue.own_money import MONEY
from attacks.catalogue.own_rows import COLUMNS
from attacks.catalogue.own_values import PATHS, SIZES
from attacks.catalogue.service import SERVICE_MONEY
from attacks.catalogue.service_jobs import WORKERS
from attacks.catalogue.storage import STORAGE
from attacks.catalogue.structure import TABLE_ATTACKS

SECTIONS: tuple[Section, ...] = (
    *(COLUMNS, STATES, MONEY, SIZES, PATHS),
    *(READING, CHANGING, ADDING),
    *(CHANNELS, IDENTITY, ANON),
    *(TABLE_ATTACKS, VIEWS, FUNCTIONS, LEDGER),
    *(SERVICE_MONEY, WORKERS),
    STORAGE,
)
