"""Break the schema on purpose, in every small way, and see whether its tests notice."""
