"""The plan contracts hold, each index is needed by one, and what spoils a plan breaks one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from pgassay.database import Session
from pgassay.plans.assessment import PlanAssessment, assess_plans
from pgassay.plans.judging import Judge
from pgassay.plans.load import loaded
from pgassay.plans.model import read_contracts
from pgassay.workbench import Workbench

SCALE = 0.01
BELIEF = 180000  # statistics can be imported from this version on

MY_JOBS = {"my jobs, newest first", "next page of my jobs", "the same request again"}
UNDER_THE_POLICY = MY_JOBS | {"my unpaid jobs", "cancel a queued job", "my statistics"}
POLICY = 'alter policy "Users view their own jobs" on public.jobs using ({})'
VOLATILE = """
    create function public.noted(owner uuid) returns boolean language plpgsql volatile
    as $$ begin return true; end $$;
    grant execute on function public.noted to authenticated;
"""
# What is done to the policy, which contracts that breaks, and what their reasons have in common.
SPOILT = {
    "unwrapped": (
        POLICY.format("user_id = auth.uid()"),
        UNDER_THE_POLICY,
        "calls current_setting() in a condition of jobs: the same for all rows; wrap it in (select …)",
    ),
    "volatile": (
        VOLATILE + POLICY.format("user_id = (select auth.uid()) and public.noted(user_id)"),
        UNDER_THE_POLICY,
        "calls noted() in a condition of jobs: volatile",
    ),
    "unindexable": (
        POLICY.format("user_id::text = (select auth.uid())::text"),
        MY_JOBS | {"my unpaid jobs"},
        " buffers, more than ",
    ),
}
UNRELATED = """
    alter table public.jobs add column note text;
    create table public.notes (id bigint primary key, job_id uuid);
    comment on table public.jobs is 'Videos';
    create policy "Nobody" on public.webhook_logs for select to authenticated using (false);
    alter function public.claim_next_jobs(text, integer, interval) set timezone = 'UTC';
"""


@pytest.fixture(scope="module")
def assessment(workbench: Workbench) -> PlanAssessment:
    return assess_plans(workbench, scale=SCALE)


@pytest.fixture
def busy(workbench: Workbench) -> Iterator[Session]:
    """A session in a loaded database of the test's own: even updates that are undone use up room in pages."""
    with loaded(workbench, scale=SCALE) as database, closing(database.connect()) as connection:
        yield Session(connection, owner=database.owner)


def find_broken(session: Session, workbench: Workbench) -> dict[str, str]:
    """The broken contracts by name, and why they are."""
    judge = Judge(session=session, personas=workbench.personas)
    judgements = judge.judge(read_contracts(workbench.config.plans))
    return {judgement.contract.name: judgement.why for judgement in judgements if not judgement.holds}


def test_contracts_hold_and_no_index_is_at_fault(assessment: PlanAssessment) -> None:
    assert [(judgement.contract.name, judgement.why) for judgement in assessment.broken] == []
    assert (assessment.faults, assessment.flaws) == ((), ())
    assert len(assessment.judgements) == 49


def test_plans_stay_as_they_are_at_100_million_rows(workbench: Workbench, assessment: PlanAssessment) -> None:
    scaled = assessment.scaled
    expected = 30 if workbench.server.version >= BELIEF else 0
    assert (len(scaled.judgements), len(scaled.unseen)) == (expected, 49 - expected)
    assert [judgement.why for judgement in scaled.judgements if not judgement.holds] == []


@pytest.mark.slow
@pytest.mark.parametrize(("change", "contracts", "reason"), SPOILT.values(), ids=SPOILT)
def test_spoilt_policy_breaks_the_contracts_under_it(
    busy: Session, workbench: Workbench, change: str, contracts: set[str], reason: str
) -> None:
    busy.execute(change)
    broken = find_broken(busy, workbench)
    assert broken.keys() == contracts
    assert {name: why for name, why in broken.items() if reason not in why} == {}


@pytest.mark.slow
def test_indexing_the_progress_breaks_the_contract_of_progress_alone(
    busy: Session, workbench: Workbench
) -> None:
    busy.execute("create index on public.jobs (progress_percentage)")
    broken = find_broken(busy, workbench)
    assert broken.keys() == {"report progress"}
    assert "0 of 50 updated rows are HOT" in broken["report progress"]


@pytest.mark.slow
def test_unrelated_changes_break_nothing(busy: Session, workbench: Workbench) -> None:
    busy.execute(UNRELATED)
    assert find_broken(busy, workbench) == {}
