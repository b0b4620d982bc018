"""pgassay: executed evidence about PostgreSQL schemas."""

__version__ = "0.2.0"
