"""A project's files, as they are and as git keeps them."""
