"""Rows that nobody wrote: who needs them, how they come about, and whose they are."""
