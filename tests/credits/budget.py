"""How much to try: little in every run, much in `make deep`."""

from __future__ import annotations

from hypothesis import settings

IS_DEEP = settings.get_current_profile_name() == "deep"
