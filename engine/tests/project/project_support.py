"""Small projects, written where a test wants them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

NOTES = (
    "create table public.notes (id int primary key, user_id uuid references auth.users);\n"
    "alter table public.notes enable row level security;\n"
    "create policy own on public.notes using (user_id = (select auth.uid()));\n"
)
WORLD = (
    "insert into auth.users (id) values ('a11ce000-0000-4000-8000-000000000001'),\n"
    "('b0b00000-0000-4000-8000-000000000002');\n"
    "insert into public.notes select row_number() over (order by id), id from auth.users;\n"
)


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", root, *who, *arguments], check=True, capture_output=True)


def commit_all(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "all")
