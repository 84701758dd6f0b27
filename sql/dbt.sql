-- What may hide a call from somebody who reads a statement: the name and the text of every view and macro.

-- name: views
SELECT view_name, sql FROM duckdb_views() WHERE NOT internal;

-- name: macros
SELECT function_name, macro_definition
FROM duckdb_functions()
WHERE function_type IN ('macro', 'table_macro') AND NOT internal AND NOT starts_with(function_name, 'ai_');
