"""Who a request is: claims, roles and settings, over real logins."""

from __future__ import annotations

from tests.attacks.attack import Section, Written

NO_SET = "PostgREST passes on no SET and exposes no function that sets anything; it says who a request is."
CLOSED = 'restrictive policies "Closed accounts see and do nothing"'


def identity(name: str, *, test: str, **fields: str) -> Written:
    """An attack of test_identity.py."""
    return Written(name=name, test=f"test_identity.py::{test}", **fields)


def setting(name: str, *, test: str, **fields: str) -> Written:
    """An attack of test_session_settings.py, all of them Alice's."""
    return Written(name=name, by="alice", test=f"test_session_settings.py::{test}", **fields)


IDENTITY = Section(
    title="Identity",
    intro="Over connections that log in as authenticator, as PostgREST does.",
    attacks=(
        identity(
            "no claims, no sub, an empty sub, a sub in another place",
            by="authenticated",
            outcome="0 rows; inserts 42501",
            defence="policies compare with auth.uid(), which is null",
            test="test_request_without_sub_sees_and_adds_nothing",
        ),
        identity(
            "a malformed sub, malformed claims",
            by="authenticated",
            outcome="22P02, nothing read",
            defence="auth.uid() is a uuid",
            test="test_malformed_sub_is_22p02_and_reads_nothing",
        ),
        identity(
            "role, tier, credits or another sub in the metadata of a token",
            by="alice",
            outcome="no effect",
            defence="no policy and no function reads metadata",
            test="test_metadata_of_a_token_has_no_effect",
        ),
        identity(
            "role, tier, credits or another id in the metadata of a sign-up, or changed later",
            by="new user",
            outcome="no effect",
            defence="private.handle_new_user takes name and avatar alone",
            test="test_metadata_at_sign_up_and_later_has_no_effect",
        ),
        identity(
            "claims of the request before, after commit, rollback, error",
            by="authenticated",
            outcome="never seen",
            defence="settings local to the transaction",
            test="test_claims_of_the_request_before_are_never_seen",
        ),
        identity(
            "claims set for the whole session by the request before",
            by="alice",
            outcome="overwritten",
            defence="each request sets its own",
            test="test_claims_left_for_the_whole_session_are_overwritten_by_the_next_request",
            note=f"Open to whoever can send SET: it can be anybody. {NO_SET}",
        ),
        identity(
            "the legacy setting request.jwt.claim.sub of one transaction",
            by="authenticated",
            outcome="never seen",
            defence="settings local to the transaction",
            test="test_legacy_claim_of_one_transaction_does_not_outlive_it",
        ),
        identity(
            "the legacy setting request.jwt.claim.sub left for the session",
            by="authenticated",
            outcome="wins over the claims where a server does not clear it",
            defence="none in the schema",
            test="test_legacy_claim_left_for_the_session_wins_where_a_server_does_not_clear_it",
            note=f"Open, in Supabase's auth.uid(). {NO_SET}",
        ),
        identity(
            "a live token of a closed account",
            by="dave",
            outcome="0 rows; inserts 42501",
            defence=CLOSED,
            test="test_live_token_of_a_closed_account_sees_and_changes_nothing",
        ),
        identity(
            "an account that is closed while its connection is in use",
            by="bob",
            outcome="0 rows; inserts 42501",
            defence=CLOSED,
            test="test_account_is_closed_to_the_next_request_of_a_connection_in_use",
        ),
        setting(
            "set role postgres, supabase_admin, pg_read_all_data …",
            outcome="42501",
            defence="authenticator is a member of anon, authenticated and service_role alone",
            test="test_roles_that_own_or_read_everything_are_refused",
        ),
        setting(
            "set role service_role over PostgREST's own login",
            outcome="succeeds",
            defence="none in the schema",
            test="test_login_of_postgrest_may_become_service_role_if_set_ever_reaches_it",
            note=f"Open: SET ROLE asks for the memberships of who logged in. {NO_SET}",
        ),
        setting(
            "set role over a login that is authenticated alone",
            outcome="42501",
            defence="authenticated is a member of no role",
            test="test_login_that_is_authenticated_alone_becomes_nobody_else",
        ),
        setting(
            "call a function that sets a role, a claim or a limit",
            outcome="there is none",
            defence="the one function of clients, close_my_account, takes no argument",
            test="test_exposed_schema_offers_clients_no_function_but_to_leave",
        ),
        setting(
            "set row_security = off",
            outcome="42501",
            defence="row level security",
            test="test_row_security_off_gives_an_error_instead_of_rows",
        ),
        setting(
            "set session_replication_role and other parameters of superusers",
            outcome="42501",
            defence="PostgreSQL",
            test="test_parameters_that_weaken_the_server_are_refused",
        ),
        setting(
            "a statement that never ends",
            outcome="57014",
            defence="statement_timeout of the roles",
            test="test_statement_without_end_is_57014",
            note="How many run at once is for the pool of PostgREST to limit, not for the schema.",
        ),
        setting(
            "lift the time limit",
            outcome="succeeds",
            defence="none in the schema",
            test="test_client_could_lift_its_time_limit_if_set_ever_reached_it",
            note=f"Open: statement_timeout is anybody's to set. {NO_SET}",
        ),
        setting(
            "lock tables",
            outcome="42501",
            defence="grants",
            test="test_tables_can_not_be_locked",
            note="ACCESS SHARE, which every SELECT takes, is all that can be had.",
        ),
        setting(
            "functions of a client's in the way of ours",
            outcome="42501",
            defence="no CREATE on any schema; pg_temp is never searched for functions",
            test="test_client_makes_functions_in_no_schema_that_is_searched_for_them",
        ),
        setting(
            "temporary tables and an own search_path in the way of our tables",
            outcome="no effect",
            defence="search_path = '' and qualified names in every function",
            test="test_temporary_tables_of_a_client_move_no_money",
            note="Temporary types: tests/attacks/test_shadowed_types.py.",
        ),
    ),
)
