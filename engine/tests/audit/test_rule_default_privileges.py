"""Tables to come that are open before anybody writes them."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

GRANT = "alter default privileges in schema public grant select, insert on tables to {};"
REVOKE = "alter default privileges in schema public revoke all on tables from anon, authenticated;"


def test_whatever_comes_next_is_open_to_anyone(audited: Audited) -> None:
    [finding] = of_rule(audited(REVOKE + GRANT.format("anon")), "default-privileges")
    assert (finding.object, finding.severity.word) == ("public", "high")
    assert finding.actions == ("insert", "select")
    assert finding.repair is not None
    assert finding.repair.statements[0].endswith("revoke insert, select on tables from anon")


def test_the_backend_may_have_it(audited: Audited) -> None:
    assert told(audited(REVOKE + GRANT.format("service_role")), "default-privileges") == []


def test_what_the_platform_grants_anyway_is_no_finding(audited: Audited) -> None:
    assert told(audited(GRANT.format("anon")), "default-privileges") == []
