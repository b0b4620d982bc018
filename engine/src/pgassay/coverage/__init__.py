"""What the suites never ran: statements and branches of functions, atoms of policies."""
