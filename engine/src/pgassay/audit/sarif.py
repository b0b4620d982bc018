"""An audit as SARIF 2.1.0, which code scanning reads: one run, by the errata of OASIS."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pgassay import __version__
from pgassay.audit.confirmation import witness_script
from pgassay.audit.model import Audit, Finding, Severity
from pgassay.audit.rules import RULES
from pgassay.errors import Place
from pgassay.render.text import fence, in_repository

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning"}
_LOAD = "load"
_NOTIFICATIONS = {
    "not-tried": "Something could not be tried: a function without arguments, a row that could not be made.",
    "expired": "An acceptance holds no more: its object has changed, or nothing is found any more.",
    _LOAD: "The schema does not load, so that nothing was tried.",
}


def render_sarif(audit: Audit, files: Sequence[Path]) -> str:
    """The log of one run; what has no place of its own is told of the first of the schema's `files`."""
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(audit, files)]}
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def describe_rules() -> Mapping[str, str]:
    """What each rule looks for, as its module says: a sentence, and more below it."""
    modules = [import_module(rule.__module__) for rule in RULES]
    return {module.RULE: inspect.getdoc(module) or "" for module in modules}


def _run(audit: Audit, files: Sequence[Path]) -> dict[str, Any]:
    rules = {**describe_rules(), _LOAD: "The schema does not load."}
    order = {name: index for index, name in enumerate(rules)}
    results = [_result(finding, order[finding.rule], files) for finding in audit.findings]
    return {
        "tool": {
            "driver": {
                "name": "pgassay",
                "version": __version__,
                "rules": [_rule(name, text) for name, text in rules.items()],
                "notifications": [_descriptor(name, text) for name, text in _NOTIFICATIONS.items()],
            }
        },
        "automationDetails": {"id": "pgassay/audit/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [_invocation(audit, files)],
        "results": [*results, *_faults(audit, order[_LOAD], files)],
    }


def _descriptor(name: str, text: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": text}}


def _rule(name: str, text: str) -> dict[str, Any]:
    topic = "audit" if name == _LOAD else f"rules/{name}"
    return {
        **_descriptor(name, text.partition("\n\n")[0]),
        "fullDescription": {"text": " ".join(text.split())},
        "help": {"text": f"`pgassay help {topic}` says what it means and how to repair it."},
        "properties": {"tags": ["security", "sql"]},
    }


def _result(finding: Finding, index: int, files: Sequence[Path]) -> dict[str, Any]:
    accepted = {"kind": "external", "status": "accepted", "justification": finding.accepted}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS.get(finding.severity, "note"),
        "rank": 100 - 25 * finding.severity,
        "message": _message(finding),
        "locations": [_location(finding.place, files, finding.object)],
        "partialFingerprints": {"pgassayFinding/v1": _digest(finding.id)},
        "suppressions": [accepted] if finding.accepted else [],
        "properties": {
            "id": finding.id,
            "severity": finding.severity.word,
            "columns": list(finding.columns),
            "actions": list(finding.actions),
            "who": list(finding.who),
        },
    }


def _message(finding: Finding) -> dict[str, str]:
    """Viewers that know no Markdown have the sentences, others the statements as well."""
    lines, blocks = [finding.sentence], [finding.sentence]
    if finding.repair:
        statements = "\n".join(f"{text};" for text in finding.repair.statements)
        lines.append(f"Repair ({finding.repair.tried}): {statements}")
        blocks += [f"Repair ({finding.repair.tried}):", "\n".join(fence(statements, language="sql"))]
    if finding.steps:
        blocks += ["Witness:", "\n".join(fence(witness_script(finding), language="sql"))]
    return {"text": "\n".join(lines), "markdown": "\n\n".join(blocks)}


def _location(place: Place | None, files: Sequence[Path], object_: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    if place or files:
        found["physicalLocation"] = _physical(place or Place(file=files[0], line=0))
    if object_:
        found["logicalLocations"] = [{"fullyQualifiedName": object_}]
    return found


def _physical(place: Place) -> dict[str, Any]:
    """Within the repository as git names it; a file elsewhere by its whole path."""
    path = in_repository(place.file)
    outside = path.is_absolute()
    uri = {"uri": path.as_uri()} if outside else {"uri": quote(path.as_posix()), "uriBaseId": _ROOT}
    region = {"startLine": place.line, **({"startColumn": place.column} if place.column else {})}
    return {"artifactLocation": uri, **({"region": region} if place.line else {})}


def _faults(audit: Audit, index: int, files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """A schema that does not load, as a result: what only stands in a notification is seen by few."""
    if audit.fault:
        yield {
            "ruleId": _LOAD,
            "ruleIndex": index,
            "level": "error",
            "rank": 100,
            "message": {"text": str(audit.fault)},
            "locations": [_location(audit.fault.place, files)],
            "partialFingerprints": {"pgassayFinding/v1": _digest(_LOAD)},
            "suppressions": [],
        }


def _invocation(audit: Audit, files: Sequence[Path]) -> dict[str, Any]:
    told = [_notification("not-tried", "note", text) for text in audit.untried]
    if audit.fault:
        location = _location(audit.fault.place, files)
        told.append({**_notification(_LOAD, "error", str(audit.fault)), "locations": [location]})
    return {
        "executionSuccessful": audit.fault is None,
        "exitCode": int(audit.exit_code),
        "exitCodeDescription": audit.exit_code.word,
        "toolExecutionNotifications": told,
        "toolConfigurationNotifications": [_notification("expired", "warning", t) for t in audit.expired],
    }


def _notification(kind: str, level: str, text: str) -> dict[str, Any]:
    index = list(_NOTIFICATIONS).index(kind)
    return {"descriptor": {"id": kind, "index": index}, "level": level, "message": {"text": text}}


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
