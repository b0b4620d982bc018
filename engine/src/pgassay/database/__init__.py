"""Databases: apply scripts, build templates, clone them, and act as personas in them."""

from __future__ import annotations

from pgassay.database.actor import Actor as Actor
from pgassay.database.apply import Notice as Notice
from pgassay.database.apply import Watcher as Watcher
from pgassay.database.apply import apply_script as apply_script
from pgassay.database.model import Database as Database
from pgassay.database.model import choose_owner as choose_owner
from pgassay.database.recipe import Layer as Layer
from pgassay.database.recipe import Recipe as Recipe
from pgassay.database.script import Script as Script
from pgassay.database.script import Statement as Statement
from pgassay.database.script import parse_script as parse_script
from pgassay.database.script import read_script as read_script
from pgassay.database.session import Client as Client
from pgassay.database.session import Session as Session
from pgassay.database.session import open_client as open_client
from pgassay.database.session import open_session as open_session
from pgassay.database.session import request as request
from pgassay.database.template import clone as clone
from pgassay.database.template import drop_database as drop_database
from pgassay.database.template import ensure_template as ensure_template
from pgassay.database.template import expose as expose
