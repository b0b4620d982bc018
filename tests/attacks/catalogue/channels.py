"""What answers tell besides rows: closed channels, and those that PostgreSQL leaves open."""

from __future__ import annotations

from tests.attacks.attack import Section, Written

OPEN = "none: an open channel"


def closed(name: str, *, test: str, defence: str, outcome: str = "no difference") -> Written:
    """A channel of test_side_channels.py; its attacks are Alice's, and where it matters anon's and Dave's."""
    path = f"test_side_channels.py::{test}"
    return Written(name=name, by="alice", outcome=outcome, defence=defence, test=path)


def pinned(name: str, *, test: str, outcome: str, defence: str = OPEN, note: str = "") -> Written:
    """A channel of test_open_channels.py: it stays open, or what is next to it is closed."""
    path = f"test_open_channels.py::{test}"
    return Written(name=name, by="alice", outcome=outcome, defence=defence, test=path, note=note)


CHANNELS = Section(
    title="Side channels",
    intro="Whether something exists that is somebody else's, and what it is, told by anything but rows. "
    "Timing stays open and is not tested: to find a hidden row takes longer than to find none.",
    attacks=(
        closed(
            "ask for what is foreign and for what is missing: reads, writes, upserts, merges, keys, locks",
            defence="grants; policies hide or refuse a row before any constraint looks at it",
            test="test_foreign_and_missing_look_the_same",
        ),
        closed(
            "a cheap function with a side effect in WHERE, over tables and views",
            defence="policies come before functions that are not leakproof; security_invoker",
            test="test_cheap_function_with_a_side_effect_is_shown_visible_rows_alone",
            outcome="own rows",
        ),
        closed(
            "the same over relations without a grant",
            defence="grants",
            test="test_function_is_shown_nothing_where_there_is_no_grant",
            outcome="42501",
        ),
        closed(
            "DETAIL and HINT of errors",
            defence="PostgreSQL, where policies apply; PT402 and PT429 are raised before a CHECK would fail",
            test="test_error_has_no_detail_that_could_show_a_row",
            outcome="empty",
        ),
        closed(
            "RETURNING",
            defence="policies for SELECT",
            test="test_returning_shows_own_rows_alone",
            outcome="own rows",
        ),
        closed(
            "a row lock on a row that its owner holds",
            defence="policies hide the row before it is locked",
            test="test_lock_on_a_foreign_row_is_not_felt",
        ),
        Written(
            name="any sequence of statements in worlds that differ in what others have",
            by="alice, dave, anon",
            outcome="no difference",
            defence="all of the above",
            test="test_non_interference.py::test_nothing_that_a_client_is_told_depends_on_what_others_have",
            note="A property; HYPOTHESIS_PROFILE=deep searches longer.",
        ),
        pinned(
            "sequences: nextval, currval, setval, last_value",
            outcome="42501",
            defence="grants",
            test="test_sequences_are_closed",
        ),
        pinned(
            "lastval after a trigger drew a value",
            outcome="42501",
            defence="grants",
            test="test_value_that_a_trigger_drew_for_a_client_is_not_told_to_it",
        ),
        pinned(
            "gaps between the ids of own ledger entries",
            outcome="how many entries all others made in between",
            test="test_gap_between_own_ledger_ids_tells_how_many_entries_all_others_made",
            note="Open: one sequence for all. Never whose, or what.",
        ),
        pinned(
            "estimates of the planner: the number of rows of a user's id",
            outcome="roughly how many jobs somebody has",
            test="test_estimates_tell_roughly_how_many_jobs_a_user_has",
            note="Open, also to browsers: PostgREST answers `Prefer: count=planned` with the estimate. "
            "Whoever knows a user's id learns about how many rows it has, if that is among the most.",
        ),
        pinned(
            "estimates of the planner: a value",
            outcome="whether a title is common",
            test="test_estimates_tell_whether_a_title_is_common",
            note="Open as above, for leakproof operators (= of text and uuid, < of numbers, texts and "
            "times): a guess at a value that many rows share can be confirmed.",
        ),
        pinned(
            "estimates of the planner: LIKE, enums",
            outcome="nothing",
            defence="PostgreSQL: under policies, no statistics for operators that are not leakproof",
            test="test_estimates_of_leaky_operators_use_no_statistics",
        ),
        pinned(
            "explain analyze",
            outcome="how many rows of others were passed over",
            test="test_explain_analyze_counts_the_rows_that_policies_removed",
            note="Open to whoever can send EXPLAIN. Leave PostgREST's db-plan-enabled off, its default.",
        ),
        pinned(
            "pg_stats, pg_statistic",
            outcome="0 rows, 42501",
            defence="PostgreSQL",
            test="test_statistics_themselves_are_hidden",
        ),
        pinned(
            "pg_class, pg_stat_user_tables, pg_relation_size",
            outcome="how large each table is",
            test="test_catalog_tells_how_large_each_table_is",
            note="Open, of PostgreSQL. PostgREST exposes no catalog.",
        ),
        pinned(
            "pg_stat_activity",
            outcome="statements of others are hidden",
            defence="PostgreSQL",
            test="test_statements_of_other_requests_are_hidden",
        ),
        pinned(
            "ctid and xmin of own rows",
            outcome="how much was written before them",
            test="test_ctid_of_own_rows_tells_how_much_was_written_before_them",
            note="Open: whoever may read a table may read them. Volume only.",
        ),
        pinned(
            "realtime: a deleted row",
            outcome="its primary key, to every subscriber",
            test="test_deleted_row_shows_its_primary_key_to_all_subscribers_and_clients_delete_none",
            note="Open: policies cannot be asked about a row that is gone. No API role deletes any.",
        ),
    ),
)
