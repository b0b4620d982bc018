"""Changes of a live database: what they do to its schema, its rows and whoever works on it meanwhile."""
