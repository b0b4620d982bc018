"""What the text of a function tells, and no call shows: where it looks names up, whom it notifies. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from itertools import pairwise

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.inventory import Inventory, Properties
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.diff.notifications import find_notifying
from pgassay.plpgsql.tokens import UnplacedError, read_tokens

_GRANT = "grant"
_OPENING = {
    _GRANT: frozenset({"grant", "to"}),
    "disable row level security": frozenset({"disable", "row", "level", "security"}),
    "create policy": frozenset({"create", "policy"}),
}
_PATH = "search_path"
_TEMPORARY = "pg_temp"
_SERVER_S = "pg_catalog"
_BEFORE_A_TABLE = frozenset({"from", "join", "into", "update", "only"})
_AFTER_A_SCHEMA_OR_FUNCTION = (".", "(")


def judge_function(change: SchemaChange, *, base: Inventory, head: Inventory, roles: Collection[str]) -> str:
    """What a change of one opens for callers of these roles; "" where nothing."""
    said, was = head.objects.get(change.key, {}), base.objects.get(_find_former(change.key, base, head), {})
    if said.get("security") == "definer" and was and _is_called(change.key, said, head, roles):
        name = change.key.object
        if _is_pinned(was) and not _is_pinned(said):
            return f"{name} now looks in the schemas of whoever calls it for what its owner's rights reach."
        if more := sorted({*_find_shadowed(said, head)} - {*_find_shadowed(was, base)}):
            return (
                f"{name} now takes temporary tables of whoever calls it for {', '.join(more)}: "
                f"it names no schema, and {_TEMPORARY} comes first."
            )
        if more := _find_bared_types(said, was):
            return (
                f"{name} now takes temporary types of whoever calls it for {', '.join(more)}, and runs their "
                f"checks as its owner: it names no schema any more, and {_TEMPORARY} comes first."
            )
    if said.get("result") == "event_trigger":
        opened = sorted(_find_opened(said, roles) - _find_opened(was, roles))
        return f"{change.key.object} now opens what is created later ({', '.join(opened)})." if opened else ""
    return _judge_notifications(change, said, was)


def _find_opened(said: Properties, roles: Collection[str]) -> frozenset[str]:
    """What the statements of a body, and texts that it runs, open for these roles."""
    literals = find_literals([said.get("body", "")])
    texts = [literals.words, *(find_literals([text]).words for text in literals.strings)]
    people = frozenset(roles)
    return frozenset(
        deed
        for words in texts
        for deed, needed in _OPENING.items()
        if words >= needed
        if deed != _GRANT or words & people
    )


def _find_former(key: ObjectKey, base: Inventory, head: Inventory) -> ObjectKey:
    """What it was called in BASE: the same without the schema, where only that is another."""
    bare = key.object.partition(".")[2]
    moved = (
        one
        for one in base.objects
        if one.kind == "function" and one not in head.objects and one.object.partition(".")[2] == bare
    )
    return key if key in base.objects else next(moved, key)


def _is_called(key: ObjectKey, said: Properties, head: Inventory, roles: Collection[str]) -> bool:
    rights = (head.objects.get(ObjectKey("grant on function", key.object, role)) for role in roles)
    return any(rights) or said.get("result") == "trigger"


def _is_pinned(said: Properties) -> bool:
    return _PATH in said.get("settings", "")


def _find_shadowed(said: Properties, schema: Inventory) -> Iterator[str]:
    """The tables that it finds by its path, and would find later than temporary ones."""
    path = _read_path(said)
    if _TEMPORARY in path or not path:
        return
    tables = {key.object for key in schema.objects if key.kind == "relation"}
    for name in _find_plain(said.get("body", "")):
        yield from (f"{one}.{name}" for one in path if f"{one}.{name}" in tables)


def _read_path(said: Properties) -> tuple[str, ...]:
    """The schemas that its own setting says; none where it has none."""
    settings = said.get("settings", "").partition(f"{_PATH}=")[2]
    return tuple(filter(None, (part.strip(' "') for part in settings.split(","))))


def _find_plain(body: str) -> frozenset[str]:
    """The names of tables without a schema, as its tokens have them."""
    try:
        tokens = read_tokens(body)
    except UnplacedError:
        return frozenset()
    words = [token.word or body[token.start + 1 : token.end - 1] for token in tokens]
    following = [*words[1:], ""]
    return frozenset(
        word
        for (before, word), after in zip(pairwise(words), following[1:], strict=False)
        if before in _BEFORE_A_TABLE and after not in _AFTER_A_SCHEMA_OR_FUNCTION
    )


def _find_bared_types(said: Properties, was: Properties) -> list[str]:
    """What BASE's body names in the server's own schema, and HEAD's without a schema."""
    if not _is_pinned(said) or _TEMPORARY in _read_path(said):
        return []
    (plain, own), (old_plain, old_own) = (_count_words(one.get("body", "")) for one in (said, was))
    return sorted(word for word in old_own if own[word] < old_own[word] and plain[word] > old_plain[word])


def _count_words(body: str) -> tuple[Counter[str], Counter[str]]:
    """How often each word that is no call stands alone, and how often in the server's own schema."""
    plain, own = Counter[str](), Counter[str]()
    try:
        words = ["", "", *(token.word for token in read_tokens(body)), ""]
    except UnplacedError:
        return plain, own
    for schema, dot, word, after in zip(words, words[1:], words[2:], words[3:], strict=False):
        if dot != "." and after != "(":
            plain[word] += 1
        elif schema == _SERVER_S and after != "(":
            own[word] += 1
    return plain, own


def _judge_notifications(change: SchemaChange, said: Properties, was: Properties) -> str:
    """A transaction that is rolled back notifies nobody: that it would is in the text alone."""
    if change.property not in ("", "body"):
        return ""
    after, before = (find_notifying(one.get("body", "")) for one in (said, was))
    calls = sorted(after - before)
    return f"{change.key.object} now tells whoever listens ({', '.join(calls)})." if calls else ""
