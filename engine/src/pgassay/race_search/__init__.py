"""`pgassay races` without a scenario: pairs from the catalog."""
