"""The access matrix: who can do what, as executed, beside what was accepted."""
