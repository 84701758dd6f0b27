-- What the package knows of itself, as tables that any query may use.

-- name: ai_endpoints
CREATE OR REPLACE TEMP MACRO ai_endpoints() AS TABLE
    SELECT unnest(__ai_endpoints(__ai_session()), max_depth := 2);

-- name: ai_usage
CREATE OR REPLACE TEMP MACRO ai_usage() AS TABLE
    SELECT unnest(__ai_usage(__ai_session()), max_depth := 2);

-- name: ai_cache
CREATE OR REPLACE TEMP MACRO ai_cache() AS TABLE
    SELECT unnest(__ai_cache(__ai_session()), max_depth := 2);

-- name: ai_errors
CREATE OR REPLACE TEMP MACRO ai_errors() AS TABLE
    SELECT unnest(__ai_errors(__ai_session()), max_depth := 2);
