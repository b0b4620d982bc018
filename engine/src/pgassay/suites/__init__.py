"""A project's own suites, run by pytest: in a process of their own, and what became of each test."""
