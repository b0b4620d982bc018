"""PL/pgSQL functions: their bodies as statements, their places in files, points for probes, faults."""
