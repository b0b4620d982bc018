"""A server as data: where it listens and who may do what."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from psycopg.conninfo import make_conninfo

EMBEDDED, SYSTEM, NPM, ATTACHED = "embedded", "system", "npm", "attached"
AUTO = "auto"
"""The choice of a project that chooses no server: its own major version where that is here, else embedded."""
LOG_NAME = "postgres.log"
RUNNING_SERVER = "PGASSAY_RUNNING_SERVER"
"""Set by `pgassay verify`: the server that its suites share with it, as JSON."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server. `version` is server_version_num (180006 is 18.6).

    `host` is a socket directory or a host name; `password` belongs to `user` alone; `maintenance` is the
    database to connect to for `create database`; `parameters` are further libpq parameters, such as sslmode;
    `data_base` is the directory that holds the files of a server started here; `extensions` stands for the
    extensions that the engine added to its own.
    """

    host: str
    port: int
    user: str
    password: str | None = field(repr=False)
    version: int
    origin: str
    bin_dir: Path | None
    maintenance: str = "postgres"
    parameters: tuple[tuple[str, str], ...] = ()
    data_base: str = ""
    extensions: str = ""

    @property
    def title(self) -> str:
        """Its version and origin, for people."""
        return f"PostgreSQL {self.version // 10000}.{self.version % 10000} ({self.origin})"

    def conninfo(self, dbname: str, *, user: str | None = None) -> str:
        """A libpq keyword=value string for `dbname` as `user` (default: the server's own)."""
        user = user or self.user
        return make_conninfo(
            **dict(self.parameters),
            host=self.host,
            port=self.port,
            user=user,
            password=self._password_of(user),
            dbname=dbname,
        )

    def url(self, dbname: str, *, user: str | None = None) -> str:
        """A postgresql:// URL for people and programs: through TCP where there is a port, else the socket."""
        user = user or self.user
        socket = self.host.startswith("/") and (self.origin == ATTACHED or self.password is None)
        host = "" if socket else "127.0.0.1" if self.host.startswith("/") else self.host
        password = self._password_of(user)
        account = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        query = dict(self.parameters) | ({"host": self.host, "port": str(self.port)} if socket else {})
        address = "" if socket else f"{f'[{host}]' if ':' in host else host}:{self.port}"
        return f"postgresql://{account}@{address}/{quote(dbname, safe='')}" + (
            f"?{urlencode(query)}" if query else ""
        )

    def to_json(self) -> dict[str, Any]:
        """Values that JSON can carry to another process; holds the password."""
        return asdict(self) | {"bin_dir": self.bin_dir and str(self.bin_dir)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Server:
        """The inverse of `to_json`."""
        bin_dir = values["bin_dir"]
        parameters = tuple((name, value) for name, value in values["parameters"])
        return cls(**values | {"bin_dir": bin_dir and Path(bin_dir), "parameters": parameters})

    def _password_of(self, user: str) -> str | None:
        return self.password if user == self.user else None
