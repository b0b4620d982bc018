"""pgassay: executed evidence about PostgreSQL schemas."""

__version__ = "0.1.0"
