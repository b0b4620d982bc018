"""Which tests guard what of a schema, as the last run over all mutants found."""
