"""How findings speak of people and things; names of columns, which only rank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pgassay.catalog.model import Column
from pgassay.matrix.statements import NUMBERS, TEXTS
from pgassay.observation import Persona

_PERSONAL = (
    *("email", "mail", "phone", "mobile", "address", "password", "secret", "token", "ssn", "salary"),
    *("birth", "iban", "card", "ip", "latitude", "longitude", "location", "api_key", "key_hash", "dob"),
    *("stripe", "passport", "medical", "diagnosis", "balance", "income", "health"),
)
_ADDRESSES = ("email", "mail", "phone", "mobile", "username", "handle", "login", "nickname", "slug", "name")
_SECRETS = ("token", "secret", "code", "link")
_EXPULSIONS = ("removed", "deleted", "kicked", "expelled", "banned", "revoked", "resigned")
_DEPARTURES = (*_EXPULSIONS, "left", "ended")
_EVENTS = (
    *("event", "payment", "charge", "intent", "receipt", "reference", "idempotency", "transaction"),
    *("external", "checkout", "stripe", "webhook", "invoice"),
)
_TRAILS = frozenset(("log", "logs", "audit", "audits", "history", "trail", "events", "ledger", "journal"))
_REACHED = ("email", "mail", "phone", "mobile")
_WITHDRAWN = (
    *("deleted", "removed", "archived", "hidden", "private", "draft", "unpublished", "banned", "expired"),
    *("erased", "withdrawn", "trashed", "revoked", "internal", "disabled"),
)
_PRICES = ("price", "prices", "cost", "fee", "fare", "tariff")
_AMOUNTS = (*_PRICES, "amount", "total", "subtotal", "cents", "paid", "sum", "charge", "charged")
_REVOKED = ("revoked", "withdrawn", "disabled", "cancelled", "canceled", "voided", "deactivated", "rescinded")
_ENDS = ("expires", "expire", "expiry", "expiration", "until", "till")
_STOPS = frozenset(
    ("end", "ends", "ending", "stop", "stops", "lapse", "lapses", "terminates", "closes", "to")
)

_SHOWN = (
    *("avatar", "portrait", "picture", "profile", "logo", "icon", "cover", "banner", "thumbnail", "thumb"),
    *("public", "asset", "gallery", "poster"),
)
_MONEY = (
    *("balance", "balances", "credit", "credits", "coins", "tokens", "points", "wallet", "price", "fee"),
    *("amount", "paid", "payout", "discount", "refund", "refunded", "cents", "commission", "bonus"),
)
_RIGHTS = (
    *("plan", "tier", "subscription", "subscribed", "premium", "pro", "vip", "license", "licence", "seats"),
    *("entitlement", "entitlements", "quota", "quotas", "allowance", "trial"),
    *("role", "roles", "rank", "admin", "administrator", "moderator", "superuser", "staff", "owner"),
    *("permission", "permissions", "privilege", "privileges", "clearance", "grade", "membership"),
    *("verified", "verification", "approved", "approval", "certified", "accredited", "kyc"),
    *("banned", "suspended", "strikes", "penalty", "score", "reputation"),
)
_TERMS = (
    *("expires", "expiry", "expiration", "until", "ends", "end", "renews", "renewal", "valid"),
    *("billing", "billed"),
)
# What says so only where the table is of such things.
_GENERAL = (
    *("status", "state", "kind", "type", "level", "class", "active", "enabled", "value"),
    *("max", "limit", "limits", "budget"),
)
_OF_RIGHTS = (
    *("subscription", "subscriptions", "plan", "plans", "license", "licenses", "licence", "licences"),
    *("entitlement", "entitlements", "membership", "memberships", "wallet", "wallets", "billing", "quota"),
    *("payment", "payments", "invoice", "invoices", "order", "orders", "quotas", "credits", "balances"),
    *("verification", "verifications", "refund", "refunds", "payout", "payouts", "purchase", "purchases"),
)
# What opens something to whoever says it; and of which things a key or a code does.
_CREDENTIALS = (
    *("password", "passwords", "passwd", "pwd", "passphrase", "passcode", "secret", "secrets", "token"),
    *("tokens", "pin", "otp", "totp", "credential", "credentials", "apikey", "privkey"),
)
_DIGITS = ("pin", "otp", "code", "passcode")  # numbers, too
_KEPT = ("hash", "hashed", "digest", "encrypted", "enc", "seed", "plain", "plaintext", "value", "text")
_KEYS = (
    *("api", "sms", "mail", "email", "smtp", "private", "secret", "access", "signing", "service", "webhook"),
    *("encryption", "crypto", "auth", "license", "licence", "activation", "gateway", "stripe", "paypal"),
    *("twilio", "sendgrid", "mailgun", "mailer", "push", "master", "ssh", "pgp", "gpg", "client", "server"),
    *("shared", "session", "hmac", "aes", "rsa", "jwt", "admin", "recovery", "integration", "provider"),
    *("payment", "payments", "merchant", "bank", "telegram", "slack", "openai", "ai", "aws", "cloud"),
    *("device", "door", "locker", "wifi", "vpn", "partner", "vendor", "supplier", "bot", "printer"),
)
_CODES = (
    *("access", "door", "entry", "entrance", "alarm", "gate", "wifi", "security", "recovery", "backup"),
    *("unlock", "lock", "safe", "reset", "login", "activation", "invite", "invitation", "join", "auth"),
    *("verification", "verify", "confirmation", "pin", "secret", "key", "keybox", "lockbox"),
)
_DECIDED = (
    *("approved", "accepted", "verified", "confirmed", "certified", "granted", "reviewed", "moderated"),
    *("pending", "review", "submitted", "requested", "proposed", "waiting", "rejected", "flagged", "paid"),
)
_USES = ("used", "redeemed", "claimed", "consumed", "spent", "accepted", "taken", "burned", "exhausted")
_LAST = (
    *("last", "latest", "first", "recent", "recently", "seen", "opened", "viewed", "clicked", "visited"),
    *("updated", "modified", "changed", "touched", "synced", "refreshed", "checked"),
    *("start", "started", "starts", "begun", "began", "activated", "active", "live", "running"),
)
_TASTES = (
    *(
        "name",
        "title",
        "theme",
        "color",
        "colour",
        "locale",
        "language",
        "lang",
        "timezone",
        "zone",
        "avatar",
    ),
    *("bio", "picture", "image", "photo", "url", "website", "display", "preferred", "preference", "favorite"),
    *("favourite", "notification", "notifications", "notify", "reminder", "reminders", "alert", "alerts"),
    *("newsletter", "marketing", "font", "zoom", "volume", "layout", "view", "sort", "units", "country"),
    *("city", "gender", "pronouns", "greeting", "motto", "visibility", "quiet", "sound", "mute", "muted"),
    *("nickname", "username", "fullname", "headline", "tagline", "occupation", "job", "company", "about"),
)

_NAMED = 4  # objects of one kind in a sentence
_VERBS = {"select": "reads", "insert": "inserts", "update": "changes", "delete": "removes"}


def does(actions: Iterable[str]) -> str:
    """Actions as verbs of a sentence."""
    return join(_VERBS.get(action, f"{action}s") for action in actions)


def does_to(deeds: Iterable[tuple[str, str]], *, what: str) -> str:
    """Actions and objects, `what` of each: objects of the same actions together, and of many the first."""
    actions = defaultdict[str, list[str]](list)
    for action, name in dict.fromkeys(deeds):
        actions[name].append(action)
    objects = defaultdict[tuple[str, ...], list[str]](list)
    for name, done in actions.items():
        objects[tuple(done)].append(name)
    return join(f"{does(done)} {what} {_first_of(names)}" for done, names in objects.items())


def _first_of(names: Sequence[str]) -> str:
    if len(names) <= _NAMED:
        return join(names)
    return f"{join([*names[: _NAMED - 1], f'{len(names) - _NAMED + 1} more'])}"


def anyone(people: Sequence[Persona]) -> str:
    """Who, in as few words as say it."""
    if any(persona.id is None for persona in people):
        return "anyone, without an account,"
    return "anyone signed in" if len(people) > 1 else people[0].name


def who_does(deeds: Sequence[tuple[Persona, str]], actions: Sequence[str]) -> str:
    """Who does what; who has no account, and does less than others, apart."""
    verbs = {persona: {verb for one, verb in deeds if one == persona} for persona, _ in deeds}
    less = {verb for persona, some in verbs.items() if persona.id is None for verb in some}
    users = [persona for persona in verbs if persona.id is not None]
    more = [verb for verb in actions if verb not in less]
    if not less or not users or not more:
        return f"{anyone(list(verbs))} {does(actions)}"
    rest = [verb for verb in actions if verb in less]
    return f"{anyone(users)} {does(more)}, and anyone, without an account, {does(rest)}"


def join(words: Iterable[str]) -> str:
    """One, two and three."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def tells_of_a_person(column: Column) -> bool:
    """By its name or type."""
    return column.base in ("inet", "cidr") or _has_word(column.name, _PERSONAL)


def is_address(column: Column) -> bool:
    """By its name: what others know, too."""
    return _has_word(column.name, _ADDRESSES)


def is_reached_by(column: Column) -> bool:
    """By its name: where somebody gets his letters or calls."""
    return _has_word(column.name, _REACHED)


def is_secret(column: Column) -> bool:
    """By its name: what only who was told it knows."""
    return _has_word(column.name, _SECRETS)


def says_departure(name: str, *, ever: bool = True) -> bool:
    """Of a name or a value; without `ever`, not what a visit or a ride says that just came to its end."""
    return _has_word(name, _DEPARTURES if ever else _EXPULSIONS)


def is_event(column: Column) -> bool:
    """By its name: the key that another system gives to what happens there."""
    return _has_word(column.name, _EVENTS)


def is_trail(name: str) -> bool:
    """By the name of a table: what the server keeps to look it up later."""
    return not _TRAILS.isdisjoint(name.lower().split("_"))


def is_end(column: Column) -> bool:
    """By its name: a moment from which on something is over."""
    return _has_word(column.name, _ENDS)


def is_stop(column: Column) -> bool:
    """By its name: a moment at which something ends, whoever may then do what."""
    return not _STOPS.isdisjoint(column.name.lower().split("_"))


def is_revocation(column: Column) -> bool:
    """By its name: that what a row gives somebody was taken back."""
    return _has_word(column.name, _REVOKED)


def is_shown(name: str) -> bool:
    """By the name of a bucket: pictures that people have in order to show them."""
    return _has_word(name.replace("-", "_"), _SHOWN)


def is_price(column: Column) -> bool:
    """By its name: what something costs."""
    return _has_word(column.name, _PRICES)


def is_amount(column: Column) -> bool:
    """By its name: what somebody pays."""
    return _has_word(column.name, _AMOUNTS)


def is_withdrawal(column: Column) -> bool:
    """By its name."""
    return _has_word(column.name, _WITHDRAWN)


def is_standing(column: Column, relation: str) -> bool:
    """By its name: money, what somebody is entitled to, what he is, how long; and not what he likes.

    What is said of many things counts where `relation`, the table, is called so.
    """
    parts = set(split(column.name))
    if not parts.isdisjoint(_TASTES):
        return False
    if not parts.isdisjoint((*_MONEY, *_RIGHTS, *_TERMS)):
        return True
    return not parts.isdisjoint(_GENERAL) and not set(split(relation)).isdisjoint(_OF_RIGHTS)


def is_credential(column: Column) -> bool:
    """By its name: what opens something to whoever says it; not a moment of it, a kind or a number."""
    parts = split(column.name)
    is_number = column.base in NUMBERS and parts[-1] in _DIGITS
    if column.base not in (*TEXTS, "uuid", "bytea", "json", "jsonb", "_text") and not is_number:
        return False
    while len(parts) > 1 and parts[-1] in _KEPT:
        parts = parts[:-1]
    *of, last = parts
    opens = {"key": _KEYS, "code": _CODES}.get(last.removesuffix("s"), ())
    return last in _CREDENTIALS or (bool(of) and of[-1] in opens)


def is_use(column: Column) -> bool:
    """By its name: that what a row gives somebody was given, or when, or to whom."""
    return says_used(column.name)


def says_used(name: str) -> bool:
    return not set(split(name)).isdisjoint(_USES)


def says_decided(name: str) -> bool:
    """Of a state: that somebody else decided about a row, or is to."""
    return not set(split(name)).isdisjoint(_DECIDED)


def is_of_last_time(column: Column) -> bool:
    """By its name: when something was done the first or last time, and may be done again."""
    return not set(split(column.name)).isdisjoint(_LAST)


def is_taste(column: Column) -> bool:
    """By its name: what somebody likes, or how he is shown."""
    return not set(split(column.name)).isdisjoint(_TASTES)


def split(name: str) -> list[str]:
    """The words of a name, `planTier` like `plan_tier`."""
    words = [""]
    for place, letter in enumerate(name):
        after = name[place + 1 : place + 2]
        is_first = letter.isupper() and (words[-1][-1:].islower() or (words[-1] and after.islower()))
        if not letter.isalnum() or is_first:
            words.append("")
        words[-1] += letter if letter.isalnum() else ""
    return [word.lower() for word in words if word] or [name.lower()]


def _has_word(name: str, words: Sequence[str]) -> bool:
    parts = name.lower().split("_")
    return any(word in parts or (len(word) > 4 and word in name.lower()) for word in words)
