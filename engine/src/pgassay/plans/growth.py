"""How the time of single operations grows with the load, as an earlier measurement left it in a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgassay.config import Config


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Seconds of each operation, one a size; `sizes` count rows of the kind `unit`, the smallest first."""

    unit: str
    sizes: tuple[int, ...]
    seconds: dict[str, tuple[float, ...]]

    def to_json(self) -> dict[str, Any]:
        """The document that `read_growth` reads."""
        return {"unit": self.unit, "sizes": self.sizes, "seconds": self.seconds}


def growth_path(config: Config) -> Path:
    """Where measurements are left."""
    return config.root / "build" / "growth.json"


def read_growth(file: Path) -> Growth | None:
    """What was measured; None where nothing was, or where the file is of another format."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        seconds = {name: tuple(map(float, values)) for name, values in document["seconds"].items()}
        growth = Growth(unit=document["unit"], sizes=tuple(map(int, document["sizes"])), seconds=seconds)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    fits = all(len(values) == len(growth.sizes) and min(values) > 0 for values in seconds.values())
    return growth if fits and len(growth.sizes) > 1 and min(growth.sizes) > 0 else None
