"""What goes into a function as its first argument such that a value comes out: a rule for each. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from pgassay.solver.writing import quote_element

Texts = Callable[[str, list[str | None]], Iterator[str]]
"""From a value and what the other arguments are to candidates for the first argument."""


_LONGEST = 1_100_000  # a little more than 1 MiB


def _same(value: str, _: list[str | None]) -> Iterator[str]:
    yield value


def _lower(value: str, _: list[str | None]) -> Iterator[str]:
    if value == value.lower():
        yield value


def _upper(value: str, _: list[str | None]) -> Iterator[str]:
    if value == value.upper():
        yield value.lower()
        yield value


def _length(value: str, _: list[str | None]) -> Iterator[str]:
    """A text as long, or a document that is as long as text."""
    if not value.isdigit() or int(value) > _LONGEST:
        return
    yield "x" * int(value)
    for begin, end in (('{"x": "', '"}'), ('["', '"]')):
        if (left := int(value) - len(begin + end)) >= 0:
            yield f"{begin}{'x' * left}{end}"


def _left(value: str, rest: list[str | None]) -> Iterator[str]:
    yield value
    if rest and rest[0] and rest[0].isdigit() and int(rest[0]) == len(value):
        yield f"{value}x"


def _right(value: str, rest: list[str | None]) -> Iterator[str]:
    yield value
    if rest and rest[0] and rest[0].isdigit() and int(rest[0]) == len(value):
        yield f"x{value}"


def _split_part(value: str, rest: list[str | None]) -> Iterator[str]:
    delimiter, place = rest[0] or "", int(rest[1] or "1")
    if delimiter and delimiter not in value:
        before = f"x{delimiter}" * (place - 1)
        yield f"{before}{value}{delimiter}x" if place > 0 else f"x{delimiter}{value}"
        yield f"{before}{value}"


def _substring(value: str, rest: list[str | None]) -> Iterator[str]:
    start = rest[0] if rest else "1"
    if start and start.lstrip("-").isdigit():
        yield "x" * max(0, int(start) - 1) + value
        yield "x" * max(0, int(start) - 1) + value + "x"
    else:  # a regular expression: what it finds is somewhere in it
        yield value


def _reverse(value: str, _: list[str | None]) -> Iterator[str]:
    yield value[::-1]


def _array_of(value: str, _: list[str | None]) -> Iterator[str]:
    if value.isdigit() and int(value) <= 1000:
        yield f"{{{','.join(['NULL'] * int(value))}}}"
        yield f"{{{','.join(map(str, range(int(value))))}}}"


def _document_of(value: str, _: list[str | None]) -> Iterator[str]:
    if value.isdigit() and int(value) <= 1000:
        yield json.dumps([None] * int(value))


_SAMPLES = {"object": "{}", "array": "[]", "string": '"x"', "number": "1", "boolean": "true", "null": "null"}


def _typed(value: str, _: list[str | None]) -> Iterator[str]:
    if value in _SAMPLES:
        yield _SAMPLES[value]


def _position(value: str, rest: list[str | None]) -> Iterator[str]:
    if value.isdigit() and rest and rest[0]:
        yield "x" * (int(value) - 1) + rest[0] if value != "0" else "~"


def _replace(value: str, rest: list[str | None]) -> Iterator[str]:
    yield value
    if len(rest) > 1 and rest[0] and rest[1]:
        yield value.replace(rest[1], rest[0])


def _joined(value: str, rest: list[str | None]) -> Iterator[str]:
    yield "{" + ",".join(quote_element(part) for part in value.split(rest[0] or ",")) + "}"


def _split(value: str, rest: list[str | None]) -> Iterator[str]:
    """Of an array in which nothing is quoted."""
    if value.startswith("{") and '"' not in value and rest:
        yield value.strip("{}").replace(",", rest[0] or "")


def _path_name(value: str, _: list[str | None]) -> Iterator[str]:
    yield value
    yield f"x/{value}"


def _extension(value: str, _: list[str | None]) -> Iterator[str]:
    yield f"x.{value}"


def _encode(value: str, rest: list[str | None]) -> Iterator[str]:
    """Bytes, as PostgreSQL writes them."""
    with suppress(ValueError):
        yield f"\\x{_DECODED[rest[0] or ''](value).hex()}" if rest[0] in _DECODED else value


def _decode(value: str, rest: list[str | None]) -> Iterator[str]:
    with suppress(ValueError):
        data = bytes.fromhex(value.removeprefix("\\x"))
        yield base64.b64encode(data).decode() if rest[0] == "base64" else data.hex()


_DECODED: Mapping[str, Callable[[str], bytes]] = {"hex": bytes.fromhex, "base64": base64.b64decode}


def _to_bytes(value: str, _: list[str | None]) -> Iterator[str]:
    with suppress(ValueError):
        yield bytes.fromhex(value.removeprefix("\\x")).decode()


def _from_bytes(value: str, _: list[str | None]) -> Iterator[str]:
    yield f"\\x{value.encode().hex()}"


def _negative(value: str, _: list[str | None]) -> Iterator[str]:
    yield value
    yield f"-{value}"


FIRST: Mapping[str, Texts] = {
    **dict.fromkeys(("trim", "btrim", "ltrim", "rtrim", "to_jsonb", "to_json", "to_char"), _same),
    **dict.fromkeys(("round", "floor", "ceil", "ceiling", "trunc", "initcap", "to_date", "unaccent"), _same),
    **dict.fromkeys(("to_timestamp", "to_number", "normalize", "any_value", "max", "min"), _same),
    "regexp_replace": _same,
    "lower": _lower,
    "upper": _upper,
    **dict.fromkeys(("length", "char_length", "character_length", "octet_length"), _length),
    "left": _left,
    "right": _right,
    "split_part": _split_part,
    **dict.fromkeys(("substring", "substr"), _substring),
    "reverse": _reverse,
    **dict.fromkeys(("cardinality", "array_length", "array_upper"), _array_of),
    **dict.fromkeys(("jsonb_array_length", "json_array_length"), _document_of),
    **dict.fromkeys(("jsonb_typeof", "json_typeof"), _typed),
    **dict.fromkeys(("position", "strpos"), _position),
    "replace": _replace,
    "array_to_string": _joined,
    "string_to_array": _split,
    "filename": _path_name,
    "extension": _extension,
    "abs": _negative,
    "encode": _encode,
    "decode": _decode,
    "convert_to": _to_bytes,
    "convert_from": _from_bytes,
}  # fmt: skip
"""By the name of the function."""
