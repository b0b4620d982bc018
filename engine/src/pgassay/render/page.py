"""HTML pages that need nothing else: no network, no server, no other file."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pgassay.errors import printable
from pgassay.render.text import spell


def make_environment(*packages: str) -> Environment:
    """The templates of these packages and the common ones, whose values are text, whatever is in them."""
    environment = Environment(
        loader=ChoiceLoader([*map(PackageLoader, packages), PackageLoader(__package__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["spell"] = spell
    environment.filters["shorten"] = lambda test: test.rpartition("/")[2]
    return environment


def _finalize(value: object) -> object:
    """Names with characters that turn or hide text must not mislead a reader."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def read_asset(package: str, name: str) -> str:
    """A style or script that a page carries in itself, from the templates of a package."""
    return (files(package) / "templates" / name).read_text(encoding="utf-8")


def write_policy(style: str, script: str, *, images: bool = False) -> str:
    """What a page may load and run: these two, `images` that it carries in itself, and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            *(["img-src data:"] if images else []),
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
