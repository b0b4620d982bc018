"""What the system catalogs say about a schema, as values."""
