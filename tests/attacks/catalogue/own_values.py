"""What a user writes into rows of their own that is too large, unknown, or points elsewhere."""

from __future__ import annotations

from tests.attacks.attack import ALICE, BOB, Attack, Control, Section
from tests.attacks.catalogue.defences import (
    VALUES_CHECKED,
    constraint,
)
from tests.attacks.catalogue.own_rows import (
    MY_JOB,
    MY_NAME,
    MY_THEME,
    NEW_JOB,
    PENDING,
    rejected,
)


def limit(name: str, sql: str, table: str, check: str, control: Control) -> Attack:
    """Refused by a CHECK, or by the trigger that checks the values of jobs."""
    held_by = VALUES_CHECKED if table == "jobs" else constraint(table, check)
    return rejected(name, sql, "23514", held_by, control=control, constraint=check)


MISLEADING = {
    "a line feed": r"a\nb",
    "a carriage return": r"a\rb",
    "a right-to-left override": r"a\u202eb",
    "an isolate": r"a\u2066b",
    "a right-to-left mark": r"a\u200fb",
    "an Arabic letter mark": r"a\u061cb",
    "a line separator": r"a\u2028b",
    "a delete": r"a\x7fb",
    "a C1 control": r"a\u0085b",
}
"""Names that look like something else where they are shown or logged; as the inside of E''."""
NO_AVATARS = {
    "javascript:": "javascript:alert(1)",
    "JavaScript: behind a space": " JavaScript:alert(1)",
    "javascript: before an address": "javascript://https://example.com/%%0aalert(1)",
    "data:": "data:text/html,x",
    "no scheme": "//example.com/a.png",
    "an address with a line feed": r"https://example.com/\na",
    "an address with a quote": r"https://example.com/\"onerror=x",
    "an address with a tag": "https://example.com/<script>",
}

SIZES = Section(
    title="Own rows: sizes and values",
    attacks=(
        limit(
            "start a job with a title of 1 MB",
            "insert into public.jobs (user_id, job_name) values (%(alice)s, repeat('x', 1000000))",
            "jobs",
            "jobs_name_in_bounds",
            NEW_JOB,
        ),
        limit(
            "give a job a title of 1 MB",
            f"update public.jobs set job_name = repeat('x', 1000000) where id = {PENDING}",
            "jobs",
            "jobs_name_in_bounds",
            MY_JOB,
        ),
        limit(
            "take away the title of a job",
            f"update public.jobs set job_name = '' where id = {PENDING}",
            "jobs",
            "jobs_name_in_bounds",
            MY_JOB,
        ),
        limit(
            "start a job with an endless client_request_id",
            "insert into public.jobs (user_id, client_request_id) values (%(alice)s, repeat('x', 101))",
            "jobs",
            "jobs_client_request_is_short",
            NEW_JOB,
        ),
        limit(
            "take a name of 1 MB",
            "update public.users set full_name = repeat('x', 1000000) where id = %(alice)s",
            "users",
            "users_full_name_is_short",
            MY_NAME,
        ),
        limit(
            "take an avatar of 1 MB",
            "update public.users set avatar_url = 'https://' || repeat('x', 1000000) where id = %(alice)s",
            "users",
            "users_avatar_url_is_short",
            MY_NAME,
        ),
        *(
            limit(
                f"take a name with {what}",
                f"update public.users set full_name = E'{name}' where id = %(alice)s",
                "users",
                "users_full_name_is_plain",
                MY_NAME,
            )
            for what, name in MISLEADING.items()
        ),
        *(
            limit(
                f"give a job a title with {what}",
                f"update public.jobs set job_name = E'{name}' where id = {PENDING}",
                "jobs",
                "jobs_name_is_plain",
                MY_JOB,
            )
            for what, name in MISLEADING.items()
        ),
        *(
            limit(
                f"take an avatar at {what}",
                f"update public.users set avatar_url = E'{url}' where id = %(alice)s",
                "users",
                "users_avatar_url_is_web",
                MY_NAME,
            )
            for what, url in NO_AVATARS.items()
        ),
        *(
            limit(
                f"set {name}",
                f"update public.user_preferences set {column} = {value} where user_id = %(alice)s",
                "user_preferences",
                f"user_preferences_{check}",
                MY_THEME,
            )
            for name, column, value, check in (
                (
                    "preferences of 1 MB",
                    "preferences_json",
                    "jsonb_build_object('x', repeat('x', 1000000))",
                    "json_is_small_object",
                ),
                ("preferences that are no object", "preferences_json", "'[]'", "json_is_small_object"),
                ("an unknown aspect ratio", "default_aspect_ratio", "'2:1'", "aspect_ratio_is_known"),
                ("an unknown subtitle style", "default_subtitle_style", "'x'", "subtitle_style_is_known"),
                ("an unknown theme", "theme", "'<script>'", "theme_is_known"),
                ("an unknown language", "language", "'xx'", "language_is_known"),
            )
        ),
    ),
)

BAD_PATHS = {
    "in another user's folder": f"'{BOB}/video.mp4'",
    "that climbs out of the folder": f"'{ALICE}/../{BOB}/video.mp4'",
    "that ends in ..": f"'{ALICE}/..'",
    "with a . segment": f"'{ALICE}/./video.mp4'",
    "with an empty segment": f"'{ALICE}//video.mp4'",
    "with a look-alike prefix": f"'{ALICE}x/video.mp4'",
    "in upper case": f"'{ALICE.upper()}/video.mp4'",
    "from the root": f"'/{ALICE}/video.mp4'",
    "without a folder": "'video.mp4'",
    "that is the folder itself": f"'{ALICE}/'",
    "with a backslash": rf"'{ALICE}/..\video.mp4'",
    "with a line feed": rf"E'{ALICE}/a\nb.mp4'",
    "of 2 kB": f"'{ALICE}/' || repeat('x', 2000)",
    "that is a URL": f"'https://example.com/{ALICE}/video.mp4'",
}

ENCODED = {
    "through %2e%2e": f"{ALICE}/%2e%2e/{BOB}/completed.mp4",
    "through %2E.": f"{ALICE}/%2E./{BOB}/completed.mp4",
    "through %252e%252e": f"{ALICE}/%252e%252e/{BOB}/completed.mp4",
    "behind %2f": f"{ALICE}/..%2f{BOB}/completed.mp4",
    "behind %5c": f"{ALICE}/..%5c{BOB}/completed.mp4",
    "behind a backslash": f"{ALICE}/..\\{BOB}\\completed.mp4",
    "through .. with parameters": f"{ALICE}/..;a=1/{BOB}/completed.mp4",
    "through .. and a space": f"{ALICE}/.. /{BOB}/completed.mp4",
    "through a space and ..": f"{ALICE}/ ../{BOB}/completed.mp4",
    "through .. and a tab": f"{ALICE}/.\t./{BOB}/completed.mp4",
    "through .. with a soft hyphen": f"{ALICE}/.\u00ad./{BOB}/completed.mp4",
    "through full-width dots": f"{ALICE}/\uff0e\uff0e/{BOB}/completed.mp4",
    "through a two-dot leader": f"{ALICE}/\u2025/{BOB}/completed.mp4",
    "behind a division slash": f"{ALICE}/..\u2215{BOB}/completed.mp4",
    "behind a query": f"{ALICE}/x?/../../{BOB}/completed.mp4",
    "behind a fragment": f"{ALICE}/x#/../../{BOB}/completed.mp4",
}
"""Ways out of a folder that some parser of URLs or keys takes for two dots and a slash."""


def literal(path: str) -> str:
    """A path as it is, in SQL that takes parameters."""
    return f"$path${path.replace('%', '%%')}$path$"


PATHS = Section(
    title="Own rows: paths of videos",
    attacks=(
        *(
            rejected(
                what,
                f"insert into public.jobs (user_id, input_video_path) values (%(alice)s, {path})",
                "23514",
                VALUES_CHECKED,
                constraint="jobs_input_path_is_own",
                of="start a job with a path",
                control=Control(
                    by="alice",
                    sql="insert into public.jobs (user_id, input_video_path)"
                    f" values (%(alice)s, '{ALICE}/video.mp4')",
                ),
            )
            for what, path in (BAD_PATHS | {what: literal(path) for what, path in ENCODED.items()}).items()
        ),
        rejected(
            "point a job at another user's video",
            f"update public.jobs set input_video_path = '{BOB}/completed.mp4' where id = {PENDING}",
            "23514",
            VALUES_CHECKED,
            constraint="jobs_input_path_is_own",
            control=MY_JOB,
        ),
    ),
)
