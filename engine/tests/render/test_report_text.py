"""A report in text: tables keep their columns, and what is too long for its column stands below."""

from __future__ import annotations

from pgassay.errors import ExitCode
from pgassay.render.report import Report, ReportEntry, ReportSection, render_text

LONG = "remove a user, fail a job for good, cancel a queued job, close an account, and more"


def show(*rows: tuple[str, ...], head: tuple[str, ...]) -> list[str]:
    section = ReportSection(entries=tuple(ReportEntry(cells=row) for row in rows), head=head)
    report = Report(
        command="plans",
        title="plans",
        verdict=ExitCode.GOOD,
        summary=("good",),
        sections=(section,),
        document={},
    )
    return render_text(report).splitlines()[:-2]


def test_long_cell_behind_wide_columns_has_lines_of_its_own() -> None:
    name = "credit_transactions_user_latest_idx"
    assert show(
        (name, "public.jobs", "its rule"), (name, "public.jobs", LONG), head=("index", "table", "needed by")
    ) == [
        "  index                                table        needed by",
        f"  {name}  public.jobs  its rule",
        f"  {name}  public.jobs",
        "      remove a user, fail a job for good, cancel a queued job, close an account,",
        "      and more",
    ]


def test_long_cell_behind_narrow_columns_goes_on_below_itself() -> None:
    assert show(("a_idx", LONG), head=("index", "needed by")) == [
        "  index  needed by",
        "  a_idx  remove a user, fail a job for good, cancel a queued job, close an",
        "           account, and more",
    ]
