"""What the system catalogs say about a schema, as values: one class for each kind of object. Pure.

Relations, functions and types are spelled as in SQL, with their schema; columns, roles and names of
policies, triggers and constraints are plain names. Expressions and definitions are the server's own text,
in which every name has its schema. The fields of a class are the columns of its file in `sql/`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

from pgassay.catalog.names import quoted, spell

Command = Literal["select", "insert", "update", "delete", "all"]
"""What a policy is for."""

_FIRING = {"O": "enabled", "A": "always", "R": "replica", "D": "disabled"}
_RELATIONS = {
    **{"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"},
    **{"S": "sequence", "c": "type"},
}


class ObjectKey(NamedTuple):
    """An object. `object` is spelled as in SQL: a relation, a function with its arguments, a schema.

    `name` is that of a policy, trigger, constraint, index or column of it, or of a grant's role.
    """

    kind: str
    object: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Thing(ABC):
    """One object, or one fact about it.

    `ACCESS` and `BESIDES`: the fields that make up what it says, with the words for them; access depends on
    the first ones only. `WORDS`: how values of a field are put.
    """

    ACCESS: ClassVar[Mapping[str, str]] = {}
    BESIDES: ClassVar[Mapping[str, str]] = {}
    WORDS: ClassVar[Mapping[str, Mapping[Any, str]]] = {}

    @property
    @abstractmethod
    def key(self) -> ObjectKey:
        """What it is called."""

    def properties(self, *, besides: bool = False) -> dict[str, str]:
        """What it says, as text, without what is not set."""
        wanted = {**self.ACCESS, **self.BESIDES} if besides else self.ACCESS
        said = {word: self._say(name) for name, word in wanted.items()}
        return {word: value for word, value in said.items() if value}

    def _say(self, name: str) -> str:
        value = getattr(self, name)
        if name in self.WORDS:
            return self.WORDS[name].get(value, "")
        if isinstance(value, tuple):
            return ", ".join(value)
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, kw_only=True)
class Relation(Thing):
    """A table, view, foreign table, sequence or composite type; `kind` is pg_class.relkind.

    `definition` is that of a view, `options` are as in pg_class.reloptions; `root`: of a partition, the table
    that it is part of, else its own `oid`; `storage`: the file that holds its rows.
    """

    schema: str
    relation: str
    kind: str
    owner: str
    secured: bool
    forced: bool
    definition: str | None
    options: tuple[str, ...]
    persistence: str
    replica_identity: str
    partition_key: str | None
    partition_bound: str | None
    inherits: tuple[str, ...]
    is_of_extension: bool
    readable: bool  # by who reads the catalog
    oid: int = field(compare=False)
    root: int = field(compare=False)
    storage: int | None = field(compare=False)

    ACCESS: ClassVar = {"kind": "kind", "owner": "owner", "definition": "definition"}
    BESIDES: ClassVar = {
        **{"persistence": "persistence", "replica_identity": "replica identity", "options": "options"},
        **{"partition_key": "partition key", "partition_bound": "partition bound", "inherits": "inherits"},
    }
    WORDS: ClassVar = {
        "kind": _RELATIONS,
        "persistence": {"u": "unlogged", "t": "temporary"},
        "replica_identity": {"f": "full", "n": "nothing", "i": "index"},
    }

    @property
    def name(self) -> str:
        """As SQL spells it, with its schema."""
        return spell(self.schema, self.relation)

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="relation", object=self.name, name="")

    @property
    def settings(self) -> dict[str, str]:
        """The options by name."""
        return dict((option + "=true").split("=")[:2] for option in self.options)

    @property
    def invoker(self) -> bool:
        """A view that reads with its reader's rights."""
        return self.settings.get("security_invoker") in ("true", "on", "yes", "1")

    def properties(self, *, besides: bool = False) -> dict[str, str]:
        """A table's row level security and a view's options decide about access."""
        said = super().properties(besides=besides)
        if self.kind in ("r", "p"):
            said["row level security"] = str(self.secured).lower()
            said["force row level security"] = str(self.forced).lower()
        return said | (self.settings if self.kind == "v" else {})


@dataclass(frozen=True, kw_only=True)
class Part(Thing):
    """What belongs to a table or view, and has a name there."""

    KIND: ClassVar[str]

    table: str
    name: str
    relation: str = field(default="", compare=False)  # the table's plain name
    relation_oid: int = field(default=0, compare=False)

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind=self.KIND, object=self.table, name=self.name)

    @property
    def quoted(self) -> str:
        return quoted(self.name)

    def __str__(self) -> str:
        return f"{self.KIND} {self.quoted} {'on' if self.KIND == 'trigger' else 'of'} {self.table}"


@dataclass(frozen=True, kw_only=True)
class Column(Part):
    """A column. `default` is its expression, of a generated column too.

    `base`, `category`, `length` and `labels` (of an enum) are those of a domain's base type; `comparable`:
    that has an order or a hash.
    """

    KIND = "column"
    ACCESS: ClassVar = {"type": "type", "not_null": "not null", "default": "default"}
    BESIDES: ClassVar = {
        **{name: name for name in ("identity", "generated", "collation", "storage", "compression")},
        **{name: name for name in ("statistics", "options")},
    }
    WORDS: ClassVar = {"identity": {"a": "always", "d": "by default"}}

    number: int
    type: str
    not_null: bool
    default: str | None
    identity: str
    generated: str
    has_default: bool  # or its type has one
    collation: str | None
    storage: str | None
    compression: str
    statistics: str | None
    options: tuple[str, ...]
    primary: bool
    base: str
    labels: tuple[str, ...] = field(compare=False)
    category: str
    length: int | None
    comparable: bool


@dataclass(frozen=True, kw_only=True)
class Constraint(Part):
    """A constraint of a table or domain: `type` is pg_constraint.contype.

    `target`, `target_columns`: what a foreign key refers to; `acts`: changes there cascade, or set null.
    `parent` is the OID of the partitioned table's.
    """

    KIND = "constraint"

    type: str
    definition: str
    target: str | None
    columns: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    target_columns: tuple[str, ...] = ()
    acts: bool = False
    deferrable: bool = False
    is_of_domain: bool = False
    is_inherited: bool = False
    oid: int = field(default=0, compare=False)
    parent: int = field(default=0, compare=False)
    target_oid: int = field(default=0, compare=False)

    @property
    def key(self) -> ObjectKey:
        """A domain's is a property of the type."""
        return ObjectKey(kind="type", object=self.table, name="") if self.is_of_domain else super().key

    def properties(self, *, besides: bool = False) -> dict[str, str]:  # noqa: ARG002 - of both kinds
        name = f"constraint {self.name}" if self.is_of_domain else "definition"
        return {name: self.definition}


@dataclass(frozen=True, kw_only=True)
class Index(Part):
    """An index; `constraint` is the name of the primary key, unique or exclusion constraint that it serves.

    `keys` are columns and expressions with order, collation and operators, `numbers` those of plain columns,
    0 for expressions; `columns` their names; `whole`: without expressions and predicate; `target`: a foreign
    key needs it.
    """

    KIND = "index"
    ACCESS: ClassVar = {"definition": "definition"}
    BESIDES: ClassVar = {name: name.replace("_", " ") for name in ("valid", "clustered", "replica_identity")}

    schema: str
    definition: str
    method: str = "btree"
    keys: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    included: int = 0
    predicate: str = ""
    whole: bool = True
    unique: bool = False
    primary: bool = False
    valid: bool = True
    clustered: bool = False
    replica_identity: bool = False
    constraint: str = ""
    target: bool = False
    oid: int = field(default=0, compare=False)
    parent: int = field(default=0, compare=False)  # the partitioned table's

    @property
    def index(self) -> str:
        """As SQL spells it, with its schema."""
        return spell(self.schema, self.name)

    @property
    def is_rule(self) -> bool:
        """Whether it does more than make queries fast."""
        return self.unique or bool(self.constraint)


@dataclass(frozen=True, kw_only=True)
class Policy(Part):
    """A policy. `command` is as in SQL; `roles` are plain names, `public` for everybody."""

    KIND = "policy"
    ACCESS: ClassVar = {
        **{"permissive": "kind", "command": "command", "roles": "roles"},
        **{"using": "using", "check": "with check"},
    }
    WORDS: ClassVar = {"permissive": {True: "permissive", False: "restrictive"}}

    command: Command
    permissive: bool
    roles: tuple[str, ...]
    using: str | None
    check: str | None

    @property
    def clauses(self) -> tuple[tuple[str, str], ...]:
        """The expressions that it has, by what SQL calls them."""
        both = (("using", self.using), ("with check", self.check))
        return tuple((name, text) for name, text in both if text is not None)

    def __str__(self) -> str:
        return f'policy "{self.name}" on {self.table}'


@dataclass(frozen=True, kw_only=True)
class Trigger(Part):
    """A trigger. `enabled` is pg_trigger.tgenabled; `is_of_parent`: a partition has it from its parent."""

    KIND = "trigger"
    ACCESS: ClassVar = {"definition": "definition", "enabled": "enabled", "function": "function"}
    WORDS: ClassVar = {"enabled": _FIRING}

    definition: str
    enabled: str
    function: str
    is_of_parent: bool = False
    deferrable: bool = False
    oid: int = field(default=0, compare=False)
    function_oid: int = field(default=0, compare=False)


@dataclass(frozen=True, kw_only=True)
class Rule(Part):
    """A rule that rewrites statements. `enabled` is pg_rewrite.ev_enabled."""

    KIND = "rule"
    ACCESS: ClassVar = {"definition": "definition", "enabled": "enabled"}
    WORDS: ClassVar = {"enabled": _FIRING}

    definition: str
    enabled: str


@dataclass(frozen=True, kw_only=True)
class Function(Thing):
    """A function, procedure or aggregate. `definition` is pg_get_functiondef's, `body` its prosrc.

    `sql_body` is a body that was parsed when it was made; `types` are the names of its arguments' types.
    """

    ACCESS: ClassVar = {
        **{"definer": "security", "owner": "owner", "language": "language", "result": "result"},
        **{"configuration": "settings", "text": "body"},
    }
    BESIDES: ClassVar = {
        name: name
        for name in (
            *("arguments", "returns", "kind", "volatility", "parallel"),
            *("strict", "leakproof", "cost", "rows"),
        )
    }
    WORDS: ClassVar = {"definer": {True: "definer", False: "invoker"}}

    function: str
    language: str
    definition: str
    body: str
    definer: bool
    volatility: str
    strict: bool
    configuration: tuple[str, ...] = ()  # name=value
    schema: str = ""
    name: str = ""
    owner: str = ""
    kind: str = "f"
    sql_body: str | None = None
    parallel: str = "u"
    leakproof: bool = False
    cost: str = ""
    rows: str = ""
    result: str = ""
    arguments: str = ""
    returns: str | None = None
    types: tuple[str, ...] = ()
    is_of_extension: bool = False
    oid: int = field(default=0, compare=False)

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="function", object=self.function, name="")

    @property
    def text(self) -> str:
        """The body, however it was given."""
        return self.sql_body or self.body

    @property
    def settings(self) -> tuple[str, ...]:
        """The names of what it sets."""
        return tuple(setting.partition("=")[0] for setting in self.configuration)

    def __str__(self) -> str:
        return f"function {self.function}"


@dataclass(frozen=True, kw_only=True)
class Type(Thing):
    """An enum, domain, range or composite type; `kind` is pg_type.typtype."""

    ACCESS: ClassVar = {"labels": "labels"}
    BESIDES: ClassVar = {
        **{"kind": "kind", "owner": "owner", "base": "base", "not_null": "not null"},
        **{"default": "default"},
    }

    type: str
    labels: tuple[str, ...]
    kind: str = "e"
    owner: str = ""
    base: str | None = None
    not_null: bool | None = None
    default: str | None = None
    oid: int = field(default=0, compare=False)

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="type", object=self.type, name="")

    def __str__(self) -> str:
        return f"type {self.type}"


@dataclass(frozen=True, kw_only=True)
class Grant(Thing):
    """A privilege that a role was granted: on a table, sequence, function, schema or type (`kind`).

    `column` is "" for the whole object; `is_of_owner`: who holds it owns the object.
    """

    kind: str
    object: str
    column: str
    role: str
    privilege: str
    grantable: bool
    is_of_owner: bool
    oid: int = field(compare=False)

    @property
    def key(self) -> ObjectKey:
        kind = "grant" if self.kind in ("table", "sequence") else f"grant on {self.kind}"
        return ObjectKey(kind=kind, object=self.object, name=self.role)

    def properties(self, *, besides: bool = False) -> dict[str, str]:
        """Types are no matter of access."""
        if self.is_of_owner or (self.kind == "type" and not besides):
            return {}
        column = f" ({self.column})" if self.column else ""
        return {f"{self.privilege}{column}": "with grant option" if self.grantable else "held"}


@dataclass(frozen=True, kw_only=True)
class DefaultPrivilege(Thing):
    """What a role is granted on what `owner` will make; `kind` is pg_default_acl.defaclobjtype."""

    schema: str
    owner: str
    privilege: str
    kind: str
    role: str
    grantable: bool

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="default privileges", object=spell(self.schema), name=self.owner)

    def properties(self, *, besides: bool = False) -> dict[str, str]:
        return {f"{self.privilege} on {self.kind} to {self.role}": "held"} if besides else {}


@dataclass(frozen=True, kw_only=True)
class Role(Thing):
    """A role of the cluster. `reach`: those whose privileges it has, its own among them."""

    ACCESS: ClassVar = {
        name: name
        for name in ("superuser", "inherit", "login", "createrole", "createdb", "bypassrls", "settings")
    }

    name: str
    superuser: bool
    inherit: bool
    login: bool
    createrole: bool
    createdb: bool
    bypassrls: bool
    settings: tuple[str, ...]
    member_of: tuple[str, ...]
    reach: tuple[str, ...]

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="role", object="", name=self.name)

    def properties(self, *, besides: bool = False) -> dict[str, str]:
        if self.name.startswith("pg_"):
            return {}
        return super().properties(besides=besides) | {f"member of {role}": "yes" for role in self.member_of}


@dataclass(frozen=True, kw_only=True)
class Publication(Thing):
    """A publication."""

    BESIDES: ClassVar = {"owner": "owner", "all_tables": "all tables", "publishes": "publishes"}

    name: str
    owner: str
    all_tables: bool
    publishes: tuple[str, ...]

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="publication", object="", name=self.name)


@dataclass(frozen=True, kw_only=True)
class Published(Part):
    """A table in the publication `name`, with the columns and rows that are published."""

    KIND = "publication"
    BESIDES: ClassVar = {"columns": "columns", "rows": "rows"}

    columns: tuple[str, ...]
    rows: str | None

    def properties(self, *, besides: bool = False) -> dict[str, str]:
        """Without the order of the columns, which is the table's."""
        said = super().properties(besides=besides)
        if "columns" in said:
            said["columns"] = ", ".join(sorted(self.columns))
        return {"published": "yes"} | said


@dataclass(frozen=True, kw_only=True)
class Sequence(Thing):
    """The numbers of a sequence."""

    BESIDES: ClassVar = {
        **{name: name for name in ("type", "start", "increment", "minimum", "maximum", "cache", "cycle")},
        **{"owned_by": "owned by"},
    }

    sequence: str
    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool
    owned_by: str | None

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="sequence", object=self.sequence, name="")


@dataclass(frozen=True, kw_only=True)
class Other(Thing):
    """One fact about an object without a class of its own."""

    type: str
    schema: str
    name: str
    says: str
    value: str

    @property
    def key(self) -> ObjectKey:
        if self.type in ("schema", "statistics"):
            return ObjectKey(kind=self.type, object=spell(self.schema, self.name), name="")
        return ObjectKey(kind=self.type, object="", name=self.name)

    def properties(self, *, besides: bool = False) -> dict[str, str]:
        return {self.says: self.value} if besides else {}


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """What a view reads, a policy asks, a default, check or trigger calls, by OID.

    `part`: the system catalog that has the policy, default or the like; `column`: the one that is used.
    """

    user: int
    used: int
    part: str
    column: str
