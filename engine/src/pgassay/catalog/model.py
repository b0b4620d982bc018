"""What the system catalogs say about a schema, as values: one class for each kind of object. Pure.

Relations, functions and types are spelled as in SQL, with their schema; columns, roles and names of
policies, triggers and constraints are plain names. Expressions and definitions are the server's own text,
in which every name has its schema. The fields of a class are the columns of the file in `sql/` of its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_origin, get_type_hints

from pgassay.catalog.names import quoted, spell

Command = Literal["select", "insert", "update", "delete", "all"]
"""What a policy is for."""

_FIRING = {"O": "enabled", "A": "always", "R": "replica", "D": "disabled"}
RELATION_KINDS = {
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


@dataclass(frozen=True)
class Said:
    """Marks a field as part of what its object says; of `word` instead of its name, with `values` put so.

    Access does not depend on what is said `besides`.
    """

    word: str = ""
    values: Mapping[Any, str] | None = None
    besides: bool = False

    def say(self, value: Any) -> str:  # noqa: ANN401 - of any field
        """The value as text; "" where it is not set."""
        if self.values is not None:
            return self.values.get(value, "")
        if isinstance(value, tuple):
            return ", ".join(value)
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


ACCESS, BESIDES = Said(), Said(besides=True)


@cache
def _marks(kind: type[Thing]) -> Mapping[str, Said]:
    """The marked fields of a class."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if get_origin(hint) is Annotated}


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One object, or one fact about it. `OBJECT` and `NAME`: the fields with these parts of its key."""

    KIND: ClassVar[str]
    OBJECT: ClassVar[str] = ""
    NAME: ClassVar[str] = ""

    @property
    def key(self) -> ObjectKey:
        """What it is called."""
        object_, name = (getattr(self, field) if field else "" for field in (self.OBJECT, self.NAME))
        return ObjectKey(kind=self.KIND, object=object_, name=name)

    def properties(self, *, besides: bool = False) -> dict[str, str]:
        """What it says, as text, without what is not set."""
        kind: Any = type(self)  # mypy takes its hash for that of the objects
        said = (
            (mark.word or name.replace("_", " "), mark.say(getattr(self, name)))
            for name, mark in _marks(kind).items()
            if besides or not mark.besides
        )
        return {word: value for word, value in said if value}

    def __str__(self) -> str:
        return f"{self.key.kind} {self.key.object}"


@dataclass(frozen=True, kw_only=True)
class Relation(Thing):
    """A table, view, foreign table, sequence or composite type; `kind` is pg_class.relkind.

    `definition` is that of a view, `options` are as in pg_class.reloptions; `root`: of a partition, the table
    that it is part of, else its own `oid`; `storage`: the file that holds its rows.
    """

    KIND = "relation"
    OBJECT = "name"

    schema: str
    relation: str
    kind: Annotated[str, Said(values=RELATION_KINDS)]
    owner: Annotated[str, ACCESS]
    secured: bool
    forced: bool
    definition: Annotated[str | None, ACCESS]
    options: Annotated[tuple[str, ...], BESIDES]
    persistence: Annotated[str, Said(values={"u": "unlogged", "t": "temporary"}, besides=True)]
    replica_identity: Annotated[str, Said(values={"f": "full", "n": "nothing", "i": "index"})]
    partition_key: Annotated[str | None, BESIDES]
    partition_bound: Annotated[str | None, BESIDES]
    inherits: Annotated[tuple[str, ...], BESIDES]
    is_of_extension: bool
    readable: bool  # by who reads the catalog
    oid: int = field(compare=False)
    root: int = field(compare=False)
    storage: int | None = field(compare=False)

    @property
    def name(self) -> str:
        """As SQL spells it, with its schema."""
        return spell(self.schema, self.relation)

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

    OBJECT = "table"
    NAME = "name"

    table: str
    name: str
    relation: str = field(default="", compare=False)  # the table's plain name
    relation_oid: int = field(default=0, compare=False)

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

    number: int
    type: Annotated[str, ACCESS]
    not_null: Annotated[bool, ACCESS]
    default: Annotated[str | None, ACCESS]
    identity: Annotated[str, Said(values={"a": "always", "d": "by default"}, besides=True)]
    generated: Annotated[str, BESIDES]
    has_default: bool  # or its type has one
    collation: Annotated[str | None, BESIDES]
    storage: Annotated[str | None, BESIDES]
    compression: Annotated[str, BESIDES]
    statistics: Annotated[str | None, BESIDES]
    options: Annotated[tuple[str, ...], BESIDES]
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

    schema: str
    definition: Annotated[str, ACCESS]
    method: str = "btree"
    keys: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    included: int = 0
    predicate: str = ""
    whole: bool = True
    unique: bool = False
    primary: bool = False
    valid: Annotated[bool, BESIDES] = True
    clustered: Annotated[bool, BESIDES] = False
    replica_identity: Annotated[bool, BESIDES] = False
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

    command: Annotated[Command, ACCESS]
    permissive: Annotated[bool, Said("kind", {True: "permissive", False: "restrictive"})]
    roles: Annotated[tuple[str, ...], ACCESS]
    using: Annotated[str | None, ACCESS]
    check: Annotated[str | None, Said("with check")]

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

    definition: Annotated[str, ACCESS]
    enabled: Annotated[str, Said(values=_FIRING)]
    function: Annotated[str, ACCESS]
    is_of_parent: bool = False
    deferrable: bool = False
    oid: int = field(default=0, compare=False)
    function_oid: int = field(default=0, compare=False)

    @property
    def enabling(self) -> str:
        """What ALTER TABLE calls its state."""
        return {"A": "enable always", "R": "enable replica", "D": "disable"}.get(self.enabled, "enable")


@dataclass(frozen=True, kw_only=True)
class Rule(Part):
    """A rule that rewrites statements. `enabled` is pg_rewrite.ev_enabled."""

    KIND = "rule"

    definition: Annotated[str, ACCESS]
    enabled: Annotated[str, Said(values=_FIRING)]


@dataclass(frozen=True, kw_only=True)
class Function(Thing):
    """A function, procedure or aggregate. `definition` is pg_get_functiondef's, `body` its prosrc.

    `sql_body` is a body that was parsed when it was made; `types` are the names of its arguments' types.
    """

    KIND = "function"
    OBJECT = "function"

    function: str
    language: Annotated[str, ACCESS]
    definition: str
    body: Annotated[str, ACCESS]
    definer: Annotated[bool, Said("security", {True: "definer", False: "invoker"})]
    volatility: Annotated[str, ACCESS]
    strict: Annotated[bool, ACCESS]
    configuration: Annotated[tuple[str, ...], Said("settings")] = ()  # name=value
    schema: str = ""
    name: str = ""
    owner: Annotated[str, ACCESS] = ""
    kind: Annotated[str, BESIDES] = "f"
    sql_body: Annotated[str | None, Said("body")] = None  # in place of `body`, where there is one
    parallel: Annotated[str, BESIDES] = "u"
    leakproof: Annotated[bool, BESIDES] = False
    cost: Annotated[str, BESIDES] = ""
    rows: Annotated[str, BESIDES] = ""
    result: Annotated[str, ACCESS] = ""
    arguments: Annotated[str, BESIDES] = ""
    returns: Annotated[str | None, BESIDES] = None
    types: tuple[str, ...] = ()
    is_of_extension: bool = False
    is_overloaded: bool = field(default=False, compare=False)  # another one is called the same
    oid: int = field(default=0, compare=False)

    @property
    def text(self) -> str:
        """The body, however it was given."""
        return self.sql_body or self.body

    @property
    def settings(self) -> tuple[str, ...]:
        """The names of what it sets."""
        return tuple(setting.partition("=")[0] for setting in self.configuration)


@dataclass(frozen=True, kw_only=True)
class Type(Thing):
    """An enum, domain, range or composite type; `kind` is pg_type.typtype."""

    KIND = "type"
    OBJECT = "type"

    type: str
    labels: Annotated[tuple[str, ...], ACCESS]
    kind: Annotated[str, BESIDES] = "e"
    owner: Annotated[str, BESIDES] = ""
    base: Annotated[str | None, BESIDES] = None
    not_null: Annotated[bool | None, BESIDES] = None
    default: Annotated[str | None, BESIDES] = None
    oid: int = field(default=0, compare=False)


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


_MADE = {
    "r": "tables",
    "S": "sequences",
    "f": "functions",
    "T": "types",
    "n": "schemas",
    "L": "large objects",
}


@dataclass(frozen=True, kw_only=True)
class DefaultPrivilege(Thing):
    """What a role is granted on what `owner` will make; `kind` is pg_default_acl.defaclobjtype.

    The privilege `no execute` of everybody: what PostgreSQL grants by itself was revoked.
    """

    schema: str
    owner: str
    privilege: str
    kind: str
    role: str
    grantable: bool

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="default privileges", object=spell(self.schema), name=self.owner)

    def properties(self, *, besides: bool = False) -> dict[str, str]:  # noqa: ARG002 - of both kinds
        return {f"{self.privilege} on {_MADE[self.kind]} to {self.role}": "held"}


@dataclass(frozen=True, kw_only=True)
class Role(Thing):
    """A role of the cluster. `reach`: those whose privileges it has, its own among them."""

    KIND = "role"
    NAME = "name"

    name: str
    superuser: Annotated[bool, ACCESS]
    inherit: Annotated[bool, ACCESS]
    login: Annotated[bool, ACCESS]
    createrole: Annotated[bool, ACCESS]
    createdb: Annotated[bool, ACCESS]
    bypassrls: Annotated[bool, ACCESS]
    settings: Annotated[tuple[str, ...], ACCESS]
    member_of: tuple[str, ...]
    reach: tuple[str, ...]

    def properties(self, *, besides: bool = False) -> dict[str, str]:
        if self.name.startswith("pg_"):
            return {}
        return super().properties(besides=besides) | {f"member of {role}": "yes" for role in self.member_of}


@dataclass(frozen=True, kw_only=True)
class Publication(Thing):
    """A publication."""

    KIND = "publication"
    NAME = "name"

    name: str
    owner: Annotated[str, BESIDES]
    all_tables: Annotated[bool, ACCESS]
    publishes: Annotated[tuple[str, ...], ACCESS]


@dataclass(frozen=True, kw_only=True)
class Published(Part):
    """A table in the publication `name`, with the columns and rows that are published."""

    KIND = "publication"

    columns: Annotated[tuple[str, ...], ACCESS]
    rows: Annotated[str | None, ACCESS]

    def properties(self, *, besides: bool = False) -> dict[str, str]:
        """Without the order of the columns, which is the table's."""
        said = super().properties(besides=besides)
        if "columns" in said:
            said["columns"] = ", ".join(sorted(self.columns))
        return {"published": "yes"} | said


@dataclass(frozen=True, kw_only=True)
class Sequence(Thing):
    """The numbers of a sequence."""

    KIND = "sequence"
    OBJECT = "sequence"

    sequence: str
    type: Annotated[str, BESIDES]
    start: Annotated[int, BESIDES]
    increment: Annotated[int, BESIDES]
    minimum: Annotated[int, BESIDES]
    maximum: Annotated[int, BESIDES]
    cache: Annotated[int, BESIDES]
    cycle: Annotated[bool, BESIDES]
    owned_by: Annotated[str | None, BESIDES]


UNTRIED = (
    *("operator", "operator class", "cast", "event trigger", "collation", "language", "server"),
    *("text search configuration", "text search dictionary", "conversion", "transform"),
)
"""Kinds of objects on which access may depend, and which no statement of a persona tries."""


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
        return {self.says: self.value} if besides or self.type in UNTRIED else {}


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """What a view reads, a policy asks, a default, check or trigger calls, by OID.

    `part`: the system catalog that has the policy, default or the like; `column`: the one that is used.
    """

    user: int
    used: int
    part: str
    column: str
