"""Schedules: every order in which concurrent sessions can take their steps, and what must hold in each."""
