"""All attacks, in the order of docs/threat-model.md."""

from __future__ import annotations

from attacks.attack import Section
from attacks.catalogue.own_rows import OWN_ROWS

SECTIONS: tuple[Section, ...] = (OWN_ROWS,)
