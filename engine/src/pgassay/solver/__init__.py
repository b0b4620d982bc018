"""Conditions of a schema, and the rows, claims and arguments that make them true or false."""
