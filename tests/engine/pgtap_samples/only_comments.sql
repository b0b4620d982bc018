\echo # nothing to see
