"""Values of a type: one of its own, another one, the next above and below. Pure.

Values that nobody asked for are derived from a purpose, so that they are the same in each run and tell whose
they are wherever they turn up.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from pgassay.solver.model import Value

_ALIASES = {
    **{
        "int2": "smallint",
        "int4": "integer",
        "int8": "bigint",
        "bool": "boolean",
        "float8": "double precision",
    },
    **{"varchar": "character varying", "bpchar": "character", "float4": "real", "citext": "text"},
    **{"varbit": "bit varying"},
    **{"timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone"},
    **{"char": '"char"', "timetz": "time with time zone", "time": "time without time zone"},
}
INTEGERS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
NUMBERS = (*INTEGERS, "numeric", "real", "double precision", "money", "oid")
TEXTS = ("text", "character varying", "character", "name", "unknown", '"char"')
MOMENTS = ("timestamp with time zone", "timestamp without time zone", "date")
DOCUMENTS = ("json", "jsonb")
_LONGEST = 40
_EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


def plain_type(name: str) -> str:
    """A type's name without schema and modifiers, as format_type has it."""
    if name.startswith("_"):  # as pg_type has it
        return f"{plain_type(name[1:])}[]"
    if name.endswith("[]"):
        return f"{plain_type(name[:-2])}[]"
    bare = name.rpartition(".")[2] if "." in name.partition("(")[0] else name
    head, bracket, rest = bare.partition("(")
    bare = f"{head.strip()}{rest.partition(')')[2]}" if bracket else head
    return _ALIASES.get(bare, bare)


def digest(purpose: str, *, largest: int) -> int:
    """A number from 1000 on that is derived from a purpose."""
    hashed = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8])
    return 1000 + hashed % max(1, largest - 1000)


def own(type_: str, purpose: str, *, labels: Sequence[str] = (), length: int | None = None) -> Value:
    """A value for a purpose; None for a type of which nothing is known."""
    if labels:
        return labels[0]
    name = plain_type(type_)
    if name in _VECTORS:
        return _vector(name, length or 1)
    if name == "bit":
        return "0" * (length or 1)
    make = _OWN.get(name) or (_array if name.endswith("[]") else None)
    if make is None:
        return _PLAIN.get(name)
    value = make(purpose)
    return _shortened(value, purpose, length) if length and value else value


_VECTORS = ("vector", "halfvec", "sparsevec")


def _vector(name: str, dimensions: int) -> str:
    """Not zero: some distances are not defined there."""
    return f"{{1:1}}/{dimensions}" if name == "sparsevec" else f"[1{',0' * (dimensions - 1)}]"


_UUID = "0123456789abcdef-"


def as_uuid(value: str, purpose: str) -> Iterator[str]:
    """The value where it is a uuid; else such as end with it, and begin with it."""
    try:
        yield str(uuid.UUID(value))
    except ValueError:
        whole = own("uuid", purpose) or ""
        if value and len(value) < len(whole) and set(value) <= set(_UUID):
            yield whole[: -len(value)] + value
            yield value + whole[len(value) :]


def short(purpose: str) -> str:
    """A text that tells a purpose; of a long one its beginning, and what makes it unique."""
    if len(purpose) <= _LONGEST:
        return purpose
    return f"{purpose[:24]} {hashlib.sha256(purpose.encode()).hexdigest()[:8]}"


def alike(value: str, purpose: str) -> str:
    """Another text as long as this one."""
    return hashlib.sha256(purpose.encode()).hexdigest()[: len(value)].ljust(len(value), "x")


def _array(_: str) -> str:
    return "{}"


def _shortened(value: str, purpose: str, length: int) -> str:
    return value if len(value) <= length else hashlib.sha256(purpose.encode()).hexdigest()[:length]


def _moment(purpose: str) -> str:
    return (_EPOCH + timedelta(minutes=digest(purpose, largest=500_000))).strftime("%Y-%m-%d %H:%M:%S+00")


def _address(purpose: str) -> str:
    number = digest(purpose, largest=2**16)
    return f"10.0.{number // 256 % 256}.{number % 256}"


_OWN: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(TEXTS, short),
    **dict.fromkeys(MOMENTS, _moment),
    **dict.fromkeys(("integer", "bigint", "numeric", "real", "double precision", "oid"),
                    lambda purpose: str(digest(purpose, largest=900_000))),
    "smallint": lambda purpose: str(digest(purpose, largest=30_000)),
    "money": lambda purpose: str(digest(purpose, largest=900_000)),
    "uuid": lambda purpose: str(uuid.UUID(bytes=hashlib.sha256(purpose.encode()).digest()[:16], version=4)),
    **dict.fromkeys(DOCUMENTS, lambda purpose: json.dumps({"of": purpose})),
    "bytea": lambda purpose: "\\x" + purpose.encode().hex(),
    "inet": _address,
    "cidr": lambda purpose: f"{_address(purpose)}/32",
    '"char"': lambda purpose: purpose[:1],
    "xml": lambda purpose: f"<of>{hashlib.sha256(purpose.encode()).hexdigest()}</of>",
    "tsvector": lambda purpose: f"'{hashlib.sha256(purpose.encode()).hexdigest()}'",
    "ltree": lambda purpose: f"a{hashlib.sha256(purpose.encode()).hexdigest()}",
}  # fmt: skip
_PLAIN: Mapping[str, str] = {
    "boolean": "false",
    "interval": "1 day",
    "time without time zone": "12:00",
    "time with time zone": "12:00+00",
    "bit varying": "0",
    "macaddr": "08:00:2b:01:02:03",
    "macaddr8": "08:00:2b:01:02:03:04:05",
    "point": "(1,2)",
    "box": "(1,1),(0,0)",
    "circle": "<(0,0),1>",
    "line": "{1,-1,0}",
    **dict.fromkeys(("lseg", "path"), "[(0,0),(1,1)]"),
    "polygon": "((0,0),(1,0),(1,1))",
    **dict.fromkeys(("int4range", "int8range", "numrange"), "[1,10)"),
    **dict.fromkeys(("daterange", "tsrange", "tstzrange"), "[2030-01-01,2030-01-10)"),
    **dict.fromkeys(("int4multirange", "int8multirange", "nummultirange", "datemultirange"), "{}"),
    **dict.fromkeys(("tsmultirange", "tstzmultirange"), "{}"),
    "tsquery": "'x'",
    "hstore": "",
    "pg_lsn": "0/0",
    "jsonpath": "$",
    "lquery": "*",
    "cube": "(1)",
    **dict.fromkeys(("geometry", "geography"), "POINT(0 0)"),
    "regclass": "pg_class",
    "regtype": "text",
}


def others(value: Value, type_: str, *, labels: Sequence[str] = ()) -> Iterator[str]:
    """Values besides this one, nearest first."""
    name = plain_type(type_)
    if labels:
        yield from (label for label in labels if label != value)
    elif name == "boolean":
        yield from (one for one in ("true", "false") if one != value)
    elif value is None:
        if (found := own(type_, "another")) is not None:
            yield found
    else:
        yield from above(value, type_)
        yield from below(value, type_)
        if name in ("uuid", *DOCUMENTS, "inet", "cidr", "bytea"):
            yield own(type_, f"other than {value}") or ""
        if name.endswith("[]"):
            yield "{}" if value != "{}" else f"{{{own(name[:-2], 'another')}}}"


def above(value: str, type_: str, *, labels: Sequence[str] = ()) -> Iterator[str]:
    """Greater values, nearest first."""
    if labels:
        yield from labels[labels.index(value) + 1 :] if value in labels else ()
        return
    yield from _stepped(value, plain_type(type_), (1, 10, 1000))
    if plain_type(type_) in TEXTS:
        yield f"{value}x"
        yield f"z{value}"
    elif plain_type(type_) == "uuid":
        yield "ffffffff-ffff-4fff-bfff-ffffffffffff"


def below(value: str, type_: str, *, labels: Sequence[str] = ()) -> Iterator[str]:
    """Smaller values, nearest first."""
    if labels:
        yield from reversed(labels[: labels.index(value)] if value in labels else ())
        return
    yield from _stepped(value, plain_type(type_), (-1, -10, -1000))
    if plain_type(type_) in TEXTS and value:
        yield value[:-1]
        yield ""
    elif plain_type(type_) == "uuid":
        yield "00000000-0000-4000-8000-000000000000"


_RANGES = {"int4range": "[{0},{0}]", "int8range": "[{0},{0}]", "numrange": "[{0},{0}]"}
_DAYS = ("daterange", "tsrange", "tstzrange")


def another_range(type_: str, number: int) -> Value:
    """A range that no other number gives; None for what is no range."""
    name = plain_type(type_)
    if name in _DAYS:
        first = _EPOCH + timedelta(days=10 * number)
        return f"[{first:%Y-%m-%d},{first + timedelta(days=9):%Y-%m-%d})"
    return _RANGES[name].format(100 * number) if name in _RANGES else None


def _stepped(value: str, name: str, steps: Sequence[int]) -> Iterator[str]:
    if name in NUMBERS:
        for step in steps:
            try:
                number = Decimal(value.strip("$").replace(",", "")) + step
            except InvalidOperation:
                return
            if abs(number) <= INTEGERS.get(name, abs(number)):
                yield format(number, "f")
    elif name in MOMENTS or name.startswith("time "):
        yield from (text for step in steps if (text := _moved(value, name, step)))
    elif name == "interval":
        yield from (f"{value} {step:+d} week" for step in steps)  # of days it may have some


def _moved(value: str, name: str, step: int) -> str:
    """A moment some days later; of a time of day, minutes."""
    if name.startswith("time "):
        return str((datetime.fromisoformat(f"2030-01-01T{value}") + timedelta(minutes=step)).time())
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:  # infinity, or before our era
        return ""
    return str((moment + timedelta(days=step)).date() if name == "date" else moment + timedelta(days=step))
