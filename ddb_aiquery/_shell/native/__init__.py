"""The bridge that gives the real `duckdb` shell `ai_query`: one C file, and a child process with the engine."""
