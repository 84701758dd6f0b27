-- What a relation writes. {name} is a quoted name of up to three parts, {query} DuckDB's own text of the relation.

-- name: create
CREATE TABLE {name} AS {query}

-- name: insert
INSERT INTO {name} {query}
