"""The platform: its roles and schemas as SQL, and what a request of it looks like to a database."""
