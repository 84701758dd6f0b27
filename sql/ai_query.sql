-- ai_query as Databricks spells it: same arguments, order and defaults, by position or by name (=> or :=).
-- `__ai_ask` returns a JSON document, `__ai_structure` (a constant when the query is bound) says what it holds,
-- so the result has its declared type: VARCHAR, or the type of returnType or responseFormat.

-- name: ask
-- The one way from SQL to the engine; the planner puts another macro in its place while it works. A NULL is handed on as
-- JSON's null, which from_json turns into NULL of the declared type: of a constant NULL it would forget the type.
CREATE OR REPLACE TEMP MACRO __ai_ask(
    endpoint, request, returnType, failOnError, modelParameters, responseFormat, files
) AS coalesce(
    __ai_query(endpoint, request, returnType, failOnError, modelParameters, responseFormat, files, __ai_session()), 'null'
);

-- name: ai_query
CREATE OR REPLACE TEMP MACRO ai_query(
    endpoint,
    request,
    returnType := NULL,
    failOnError := true,
    modelParameters := NULL,
    responseFormat := NULL,
    files := NULL
) AS from_json(
    __ai_ask(endpoint, request, returnType, failOnError, modelParameters, responseFormat, files),
    -- The test for NULL lets DuckDB create the macro while the arguments are still unknown.
    if(
        returnType IS NULL,
        __ai_structure(NULL, responseFormat, failOnError),
        __ai_structure(returnType, responseFormat, failOnError)
    )
);
