-- What the planner says to DuckDB. A call is shown to it as `__ai_planned`, which fails when it is evaluated: so DuckDB
-- leaves it alone even where its arguments are constant. The type of its request stands behind them.

-- name: planning
CREATE OR REPLACE TEMP MACRO __ai_ask(
    endpoint, request, returnType, failOnError, modelParameters, responseFormat, files
) AS __ai_planned(
    endpoint, request, returnType, failOnError, modelParameters, responseFormat, files, typeof(request)
);

-- name: binding
-- The same for a statement that DuckDB also makes a plan of: it evaluates VALUES of constants then.
CREATE OR REPLACE TEMP MACRO __ai_ask(
    endpoint, request, returnType, failOnError, modelParameters, responseFormat, files
) AS CASE
    WHEN false
    THEN __ai_planned(
        endpoint, request, returnType, failOnError, modelParameters, responseFormat, files, typeof(request)
    )
END;

-- name: standing
-- Stands where a call will be looked up, to see whether DuckDB takes a subquery there.
CREATE OR REPLACE TEMP MACRO __ai_ask(
    endpoint, request, returnType, failOnError, modelParameters, responseFormat, files
) AS (SELECT answer FROM (VALUES ('')) AS answers(answer) WHERE answer = request::VARCHAR);

-- name: answering
-- The final run of a statement: every call is found in the table of answers, which is one hash join.
-- {call}, {request}, {files}, {document} and {answers} are quoted names that no user can have chosen. To a model, texts
-- that a column's collation takes for equal are two questions: "C" compares byte by byte. (A macro is bound before the type of
-- its argument is known, hence the cast.)
CREATE OR REPLACE TEMP MACRO __ai_ask(
    endpoint, request, returnType, failOnError, modelParameters, responseFormat, files
) AS {document_of};

-- name: answering_typed
-- The same with the type inside, so that a document is read once an answer and not once a row.
CREATE OR REPLACE TEMP MACRO ai_query(
    endpoint,
    request,
    returnType := NULL,
    failOnError := true,
    modelParameters := NULL,
    responseFormat := NULL,
    files := NULL
) AS (
    SELECT from_json(
        {document},
        if(
            returnType IS NULL,
            __ai_structure(NULL, responseFormat, failOnError),
            __ai_structure(returnType, responseFormat, failOnError)
        )
    )
    {found}
);

-- name: found
FROM {answers}
WHERE {call} = ({key_call}) COLLATE "C"
    AND {request} = ({key_request})::VARCHAR COLLATE "C"
    AND {files} = ({key_files}) COLLATE "C"

-- name: document
(SELECT {document} {found})

-- name: document_or_call
-- Where the statement's rows may differ from those that were asked about: what is missing is asked by the function.
coalesce(
    {document_of},
    __ai_query(
        endpoint, request, returnType, failOnError, modelParameters, responseFormat, files, __ai_session()
    )
)

-- name: key_call
-- An answer is found by how it was asked, its request and its files. What is constant folds and filters the answers.
SELECT to_json([
    endpoint::VARCHAR,
    returnType::VARCHAR,
    failOnError::VARCHAR,
    CASE WHEN typeof(modelParameters) = 'VARCHAR' THEN modelParameters::VARCHAR ELSE to_json(modelParameters)::VARCHAR END,
    responseFormat::VARCHAR
])::VARCHAR

-- name: key_text
-- Where every request of a statement is a text. Only a bare column lets DuckDB join rows and answers without first
-- finding the distinct texts again, which takes twice the time and memory.
SELECT request

-- name: key_request
SELECT CASE WHEN typeof(request) IN ('VARCHAR', 'JSON') THEN request::VARCHAR ELSE to_json(request)::VARCHAR END

-- name: key_files
SELECT if(typeof(request) = 'VARCHAR', '', typeof(request)) || coalesce(sha256(files::VARCHAR), '')

-- name: answers
CREATE TEMP TABLE {answers} ({call} VARCHAR, {request} VARCHAR, {files} VARCHAR, {document} VARCHAR);

-- name: functions
SELECT DISTINCT function_name, function_type, stability
FROM duckdb_functions()
WHERE function_type IN ('aggregate', 'scalar');

-- name: optimiser
SELECT current_setting('enable_optimizer');

-- name: optimiser_off
PRAGMA disable_optimizer;

-- name: optimiser_on
PRAGMA enable_optimizer;

-- name: serialize
SELECT json_serialize_sql(?, skip_null := true, skip_empty := true, skip_default := true);

-- name: deserialize
SELECT json_deserialize_sql(?);

-- name: transaction
SELECT current_transaction_id();

-- name: taken
-- What stands at the name that CREATE TABLE gives: in the schema named, or the current one.
SELECT kind
FROM (
    SELECT 'table' AS kind, database_name, schema_name, table_name AS name, temporary FROM duckdb_tables()
    UNION ALL
    SELECT 'view', database_name, schema_name, view_name, temporary FROM duckdb_views() WHERE NOT internal
)
WHERE lower(name) = $name
    AND CASE
        WHEN $database IS NOT NULL THEN lower(database_name) = $database AND lower(schema_name) = $schema
        WHEN $temporary THEN temporary
        WHEN $schema IS NULL THEN database_name = current_database() AND schema_name = current_schema()
        WHEN lower(schema_name) = $schema THEN database_name = current_database()
        ELSE lower(database_name) = $schema AND schema_name = 'main'
    END;

-- name: keep
CREATE TEMP TABLE {table} AS {query}

-- name: append
INSERT INTO {table} {query}

-- name: last
-- Rows that the transaction has not committed yet have rowids far above zero.
SELECT coalesce(max(rowid), -1) FROM {table}

-- name: count
SELECT count(*) FROM ({query})

-- name: temp_view
SELECT view_name FROM duckdb_views() WHERE temporary AND view_name = ?

-- name: drop_view
DROP VIEW {view}

-- name: rename
ALTER TABLE {table} RENAME TO {name}

-- name: drop
DROP TABLE IF EXISTS {table}

-- name: begin
BEGIN TRANSACTION

-- name: commit
COMMIT

-- name: rollback
ROLLBACK

-- name: present_count
SELECT ?::BIGINT AS "Count"

-- name: over
-- A query over a relation that is a Python variable.
WITH {name} AS NOT MATERIALIZED ({relation}) FROM ({query})

-- name: present_rows
SELECT * FROM __ai_returned

-- name: is_table
SELECT 1 FROM duckdb_tables() WHERE table_name = ? UNION ALL SELECT 1 FROM duckdb_views() WHERE view_name = ?

-- name: explained
SELECT unnest(?::VARCHAR[]) AS explain_key, unnest(?::VARCHAR[]) AS explain_value

-- name: definitions
-- The views and macros that users may have put calls into.
SELECT view_name, sql FROM duckdb_views() WHERE NOT internal
UNION
SELECT function_name, macro_definition
FROM duckdb_functions()
WHERE function_type IN ('macro', 'table_macro') AND NOT internal AND macro_definition IS NOT NULL
