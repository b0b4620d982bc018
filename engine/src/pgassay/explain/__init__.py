"""Why one statement of one persona is refused or allowed, asked from the command line."""
