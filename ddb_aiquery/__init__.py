"""ai_query for DuckDB."""

__version__ = "0.1.0"
