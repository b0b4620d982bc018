"""Draw docs/pictures/schedule.svg: the simplest schedule in which two deposits lose one.

    python tools/draw_schedule.py

A test compares it with what is drawn here.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap

from pgassay.config import Config, load_config
from pgassay.races.exploration import explore_all
from pgassay.races.model import Event, Move, StepFate, Trial
from pgassay.races.report import describe_outcome, describe_violations
from pgassay.races.scenario_file import read_scenarios
from pgassay.server import Server, open_server
from pgassay.workbench import Workbench

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "schedule.svg"
SCHEMA = """
create table public.accounts (id integer primary key, balance integer not null);
insert into public.accounts values (1, 100);
"""
SCENARIO = """
invariants = { "no deposit is lost" = "select balance from public.accounts where balance <> 120" }

[sessions.alice]
persona = "owner"
steps = [
    "select balance from public.accounts where id = 1",
    "update public.accounts set balance = %(balance)s + 10 where id = 1",
]

[sessions.bob]
persona = "owner"
steps = [
    "select balance from public.accounts where id = 1",
    "update public.accounts set balance = %(balance)s + 10 where id = 1",
]
"""
_LANE, _GAP, _LINE, _CHARS = 330, 20, 18, 40
_STYLE = """text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2430 }
.name { font-weight: bold } .told { fill: #3d6b35 } .bad { fill: #b3261e; font-weight: bold }
.step { fill: #eef3f8; stroke: #9fb3c8 } .wait { fill: #fff4e0; stroke: #d9a441; stroke-dasharray: 4 3 }"""


def find_trial(server: Server) -> Trial:
    """The simplest schedule of the example that breaks what must hold."""
    with TemporaryDirectory(prefix="pgassay-") as folder:
        schema, file = Path(folder, "schema.sql"), Path(folder, "deposits.toml")
        schema.write_text(SCHEMA, encoding="utf-8")
        file.write_text(SCENARIO, encoding="utf-8")
        config = Config(
            root=Path(folder), schema=(schema,), environment=load_config(Path(folder)).environment
        )
        (explored,) = explore_all(Workbench(config, server), read_scenarios([file], {}), jobs=1)
    return explored.broken[0]


def draw(trial: Trial) -> str:
    """An SVG: a lane for each session, time downwards, each step with what it got."""
    lanes = {session.name: number for number, session in enumerate(trial.scenario.sessions)}
    width = len(lanes) * (_LANE + _GAP) + _GAP
    shapes = [
        f'<text class="name" x="{_left(number) + 10}" y="26">{escape(name)}</text>'
        for name, number in lanes.items()
    ]
    top = 40
    for box in _boxes(trial.moves):
        lines, kind, name = box
        height = len(lines) * _LINE + 12
        left = _left(lanes[name])
        shapes.append(f'<rect class="{kind}" x="{left}" y="{top}" width="{_LANE}" height="{height}" rx="6"/>')
        shapes += _texts(lines, left + 10, top + _LINE)
        top += height + 8
    ends = [(describe_outcome(trial), "name"), *((line, "bad") for line in describe_violations(trial))]
    shapes += _texts(ends, _GAP, top + _LINE)
    height = top + len(ends) * _LINE + 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect x="0" y="0" width="{width}" height="{height}" rx="8" fill="#ffffff"/>\n'
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def _left(lane: int) -> int:
    return _GAP + lane * (_LANE + _GAP)


def _boxes(moves: tuple[Move, ...]) -> Iterator[tuple[list[tuple[str, str]], str, str]]:
    """The lines of each event with their classes, the class of the box, the session."""
    for move in moves:
        for event in move.events:
            kind = "wait" if event.fate is StepFate.WAITS else "step"
            step = [(line, "") for line in wrap(str(event.step), _CHARS, subsequent_indent="  ")]
            yield [*step, *((line, "told") for line in _told(event))], kind, event.session


def _told(event: Event) -> Iterator[str]:
    if event.fate is StepFate.WAITS:
        yield f"waits for {' and '.join(event.waits_for)}"
    elif event.fate is StepFate.FAILED:
        yield f"→ {event.reply.sqlstate}"
    for row in event.reply.rows:
        yield "→ " + ", ".join(
            f"{name} {value}" for name, value in zip(event.reply.columns, row, strict=True)
        )


def _texts(lines: list[tuple[str, str]], left: int, top: int) -> Iterator[str]:
    for number, (line, kind) in enumerate(lines):
        style = f' class="{kind}"' if kind else ""
        yield f'<text{style} x="{left}" y="{top + number * _LINE}" xml:space="preserve">{escape(line)}</text>'


if __name__ == "__main__":
    with open_server("embedded") as own:
        PICTURE.write_text(draw(find_trial(own)), encoding="utf-8")
