-- What the native bridge needs around the macros of the other files. DuckDB tries a macro's body when it is created; the
-- stand-ins answer then, so that the engine's process need not start before the first call.

-- name: query_stand_in
CREATE OR REPLACE TEMP MACRO __ai_query(a, b, c, d, e, f, g, h) AS NULL::VARCHAR;

-- name: structure_stand_in
CREATE OR REPLACE TEMP MACRO __ai_structure(returnType, responseFormat, failOnError) AS CASE
    WHEN returnType IS NULL THEN '"VARCHAR"'
    WHEN starts_with(returnType, 'ARRAY<') THEN '["' || returnType[7:-2] || '"]'
    ELSE to_json(returnType)::VARCHAR
END;

-- name: default_endpoint_stand_in
CREATE OR REPLACE TEMP MACRO __ai_default_endpoint_name(task) AS '';

-- name: listing_stand_in
CREATE OR REPLACE TEMP MACRO __ai_listing(name) AS '[]';

-- name: session
CREATE OR REPLACE TEMP MACRO __ai_session() AS 'native';

-- name: default_endpoint
CREATE OR REPLACE TEMP MACRO __ai_default_endpoint(task := 'chat') AS __ai_default_endpoint_name(task);

-- name: drop_query_stand_in
DROP MACRO temp.main.__ai_query;

-- name: drop_structure_stand_in
DROP MACRO temp.main.__ai_structure;

-- name: drop_default_endpoint_stand_in
DROP MACRO temp.main.__ai_default_endpoint_name;

-- name: drop_listing_stand_in
DROP MACRO temp.main.__ai_listing;
