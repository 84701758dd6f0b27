-- What the shell asks the database about itself.

-- name: tables
-- What is in another attached database has its whole name.
SELECT if(here, name, concat_ws('.', database_name, schema_name, name)) FROM (
    SELECT database_name, schema_name, table_name AS name, database_name = current_database() OR temporary AS here
    FROM duckdb_tables() WHERE NOT internal
    UNION ALL
    SELECT database_name, schema_name, view_name, database_name = current_database() OR temporary
    FROM duckdb_views() WHERE NOT internal
)
WHERE name ILIKE $pattern
ORDER BY NOT here, database_name, schema_name, name;

-- name: indexes
SELECT index_name FROM duckdb_indexes() WHERE table_name ILIKE $pattern ORDER BY ALL;

-- name: databases
SELECT database_name || ': ' || coalesce(path, '(memory)') FROM duckdb_databases()
WHERE NOT internal AND database_name ILIKE $pattern
ORDER BY ALL;

-- name: schema
SELECT sql FROM (
    SELECT 1 AS place, table_name AS name, sql FROM duckdb_tables() WHERE NOT internal
    UNION ALL
    SELECT 2, view_name, sql FROM duckdb_views() WHERE NOT internal
    UNION ALL
    SELECT 3, table_name, sql FROM duckdb_indexes()
)
WHERE name ILIKE $pattern AND sql IS NOT NULL
ORDER BY place, name;

-- name: endpoints
SELECT name, provider, task, model, base_url, max_concurrency, in_flight, state FROM ai_endpoints();

-- name: usage
-- Short columns first: the box is as wide as the terminal, and the statement gets what is left of it. Local time, as
-- `ddb-aiquery usage` has it.
SELECT date_trunc('second', created AT TIME ZONE 'UTC')::TIMESTAMP AS created, * EXCLUDE (created)
FROM (
    SELECT created, rows, questions, cached, sent, failed, cost_usd, saved_usd, round(seconds, 3) AS seconds,
        coalesce(nullif(label, ''), sql)[:60] AS statement
    FROM ai_usage() ORDER BY created DESC LIMIT 20
) AS newest
ORDER BY newest.created;

-- name: words
SELECT keyword_name AS word, 'keyword' AS kind FROM duckdb_keywords()
UNION ALL
SELECT DISTINCT function_name, 'function' FROM duckdb_functions()
WHERE function_name SIMILAR TO '[a-z][a-z0-9_]*' AND NOT starts_with(function_name, '__');

-- name: catalog
SELECT table_name AS relation, column_name AS word FROM duckdb_columns() WHERE NOT internal
UNION ALL
SELECT schema_name, NULL FROM duckdb_schemas() WHERE NOT internal
UNION ALL
SELECT database_name, NULL FROM duckdb_databases() WHERE NOT internal;

-- name: alone
-- The shell's own variables are no tables.
SET python_enable_replacements = false;

-- name: called
SELECT name, state FROM ai_endpoints() ORDER BY name;
