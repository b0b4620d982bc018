"""Databases: apply scripts, build templates, clone them, and act as personas in them."""

from __future__ import annotations

from pgassay.database.actor import Actor, Result
from pgassay.database.apply import Notice, Watcher, apply_script
from pgassay.database.model import Database
from pgassay.database.owner import choose_owner
from pgassay.database.recipe import Layer, Recipe
from pgassay.database.script import Script, Statement, parse_script, read_script
from pgassay.database.session import Client, Session, open_client, request
from pgassay.database.template import clone, drop_database, ensure_template, expose

__all__ = [
    "Actor",
    "Client",
    "Database",
    "Layer",
    "Notice",
    "Recipe",
    "Result",
    "Script",
    "Session",
    "Statement",
    "Watcher",
    "apply_script",
    "choose_owner",
    "clone",
    "drop_database",
    "ensure_template",
    "expose",
    "open_client",
    "parse_script",
    "read_script",
    "request",
]
