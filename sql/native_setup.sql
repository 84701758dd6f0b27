-- What `ddb-aiquery native` runs in the user's own duckdb. Settings hold for that run only; a repository and what was
-- installed from it stay. {prefix}, {key} and {file} are quoted literals.

-- name: program
SELECT version() AS version, (SELECT platform FROM pragma_platform()) AS platform,
       coalesce(nullif(current_setting('extension_directory'), ''), '~/.duckdb/extensions') AS extensions;

-- name: trust
SET allow_extension_repositories = 'allowed';
CREATE OR REPLACE EXTENSION REPOSITORY ddb_aiquery WITH PREFIX {prefix} USING PUBLIC KEY {key};
FORCE INSTALL ddb_aiquery FROM ddb_aiquery;

-- name: distrust
SET allow_extension_repositories = 'allowed';
DROP EXTENSION REPOSITORY IF EXISTS ddb_aiquery;

-- name: load_installed
LOAD ddb_aiquery FROM ddb_aiquery;

-- name: load_file
LOAD {file};

-- name: check
SELECT __ai_structure(NULL, NULL, true) AS answer;
