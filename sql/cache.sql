-- The cache: one SQLite file. Text that comes from outside is kept as UTF-8 in BLOB columns, since it may hold NUL.
-- Format 1 only ever grows: a later revision adds tables and nullable or defaulted columns, and renames or removes none,
-- so that several versions of the package can share one file.

-- name: revision_1
CREATE TABLE IF NOT EXISTS answers (
    id            INTEGER PRIMARY KEY,
    key           BLOB NOT NULL UNIQUE,         -- SHA-256 over dialect, origin, path and body
    created       REAL NOT NULL,                -- seconds since 1970, for display and for clear()
    endpoint      BLOB NOT NULL,
    model         BLOB NOT NULL,
    finish        BLOB NOT NULL,
    note          BLOB NOT NULL,
    request_id    BLOB NOT NULL,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    estimated     INTEGER NOT NULL,             -- 1: the endpoint reported no tokens
    cost_micro    INTEGER NOT NULL,             -- micro-dollars
    checksum      INTEGER NOT NULL,             -- CRC-32 of everything that is served: a flipped bit is a miss
    packed        INTEGER NOT NULL,             -- 1: request is compressed with zlib
    text          BLOB NOT NULL,
    reasoning     BLOB NOT NULL,
    request       BLOB NOT NULL                 -- last: get_many never reads its pages
) STRICT;
CREATE TABLE IF NOT EXISTS failures (           -- never served; one row a question, the latest failure
    id            INTEGER PRIMARY KEY,
    key           BLOB NOT NULL UNIQUE,
    created       REAL NOT NULL,
    endpoint      BLOB NOT NULL,
    kind          BLOB NOT NULL,
    message       BLOB NOT NULL,
    status        INTEGER,
    request_id    BLOB NOT NULL,
    times         INTEGER NOT NULL,             -- how often this question failed
    input_tokens  INTEGER NOT NULL,             -- tokens and cost of all those times
    output_tokens INTEGER NOT NULL,
    estimated     INTEGER NOT NULL,
    cost_micro    INTEGER NOT NULL,
    packed        INTEGER NOT NULL,
    text          BLOB NOT NULL,                -- what came back all the same
    request       BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS claims (key BLOB PRIMARY KEY, owner TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cooldowns (endpoint TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets (bucket TEXT PRIMARY KEY, level REAL NOT NULL, at REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lessons (
    endpoint TEXT NOT NULL, what TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (endpoint, what)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spending (day TEXT PRIMARY KEY, micro INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservations (
    day TEXT NOT NULL, owner TEXT NOT NULL, micro INTEGER NOT NULL, PRIMARY KEY (day, owner)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    id            INTEGER PRIMARY KEY,
    run           BLOB NOT NULL,
    at            REAL NOT NULL,
    endpoint      BLOB,
    label         BLOB,
    sql           BLOB,
    rows          INTEGER,
    questions     INTEGER,
    cached        INTEGER,
    sent          INTEGER,
    retried       INTEGER,
    failed        INTEGER,
    input_tokens  INTEGER,
    output_tokens INTEGER,
    cost_micro    INTEGER,
    saved_micro   INTEGER,
    seconds       REAL
) STRICT;
PRAGMA user_version = 1001;                     -- format * 1000 + revision

-- name: version
PRAGMA user_version;

-- name: settings
PRAGMA fullfsync = ON;                          -- macOS: fsync alone does not reach the disk
PRAGMA checkpoint_fullfsync = ON;
PRAGMA mmap_size = 0;
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA secure_delete = FAST;
PRAGMA journal_size_limit = 67108864;
PRAGMA wal_autocheckpoint = 4000;               -- 16 MB: keys are random, so every batch touches many index pages
PRAGMA cache_size = -16000;

-- name: wal
PRAGMA journal_mode = WAL;

-- name: rollback_journal
PRAGMA journal_mode = TRUNCATE;

-- name: durable
PRAGMA synchronous = FULL;

-- name: hasty
PRAGMA synchronous = NORMAL;

-- name: look
-- The casts change nothing in a sound row; a damaged one must not reach Python as text that is no UTF-8.
SELECT CAST(a.key AS BLOB), CAST(a.text AS BLOB), CAST(a.reasoning AS BLOB), CAST(a.finish AS BLOB),
       CAST(a.model AS BLOB), CAST(a.note AS BLOB), CAST(a.request_id AS BLOB), a.input_tokens + 0, a.output_tokens + 0,
       a.estimated + 0, a.checksum + 0
FROM carray(:keys) AS wanted CROSS JOIN answers AS a ON a.key = wanted.value;

-- name: findable
-- The index must lead to the very rows that were written.
SELECT wanted.value, a.checksum FROM carray(:keys) AS wanted CROSS JOIN answers AS a ON a.key = wanted.value;

-- name: put_answer
INSERT INTO answers (key, created, endpoint, model, finish, note, request_id, input_tokens, output_tokens, estimated,
                     cost_micro, checksum, packed, text, reasoning, request)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    created = excluded.created, endpoint = excluded.endpoint, model = excluded.model, finish = excluded.finish,
    note = excluded.note, request_id = excluded.request_id, input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens, estimated = excluded.estimated, cost_micro = excluded.cost_micro,
    checksum = excluded.checksum, packed = excluded.packed, text = excluded.text, reasoning = excluded.reasoning,
    request = excluded.request;

-- name: put_note
-- The checksum tells whether the answer is still the one that was read.
UPDATE answers SET note = ?, checksum = ? WHERE key = ? AND checksum = ?;

-- name: put_failure
INSERT INTO failures (key, created, endpoint, kind, message, status, request_id, times, input_tokens, output_tokens,
                      estimated, cost_micro, packed, text, request)
VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    created = excluded.created, endpoint = excluded.endpoint, kind = excluded.kind, message = excluded.message,
    status = excluded.status, request_id = excluded.request_id, times = times + 1,
    input_tokens = min(input_tokens + excluded.input_tokens, 4611686018427387904),
    output_tokens = min(output_tokens + excluded.output_tokens, 4611686018427387904),
    estimated = max(estimated, excluded.estimated),
    cost_micro = min(cost_micro + excluded.cost_micro, 4611686018427387904),
    packed = excluded.packed, text = excluded.text, request = excluded.request;

-- name: claimed
SELECT c.key, c.owner FROM carray(:keys) AS wanted CROSS JOIN claims AS c ON c.key = wanted.value;

-- name: claim
INSERT INTO claims (key, owner) SELECT value, :owner FROM carray(:keys) WHERE true
ON CONFLICT (key) DO UPDATE SET owner = excluded.owner;

-- name: release
DELETE FROM claims WHERE owner = :owner AND key IN (SELECT value FROM carray(:keys));

-- name: release_all
DELETE FROM claims WHERE owner NOT IN (SELECT value FROM json_each(:others));

-- name: cooldown
SELECT until FROM cooldowns WHERE endpoint = ?;

-- name: set_cooldown
INSERT INTO cooldowns (endpoint, until) VALUES (?, ?)
ON CONFLICT (endpoint) DO UPDATE SET until = max(until, excluded.until);

-- name: bucket
SELECT level, at FROM buckets WHERE bucket = ?;

-- name: set_bucket
INSERT INTO buckets (bucket, level, at) VALUES (?, ?, ?)
ON CONFLICT (bucket) DO UPDATE SET level = excluded.level, at = excluded.at;

-- name: lessons
SELECT what, value FROM lessons WHERE endpoint = ?;

-- name: learn
INSERT INTO lessons (endpoint, what, value) VALUES (?, ?, ?)
ON CONFLICT (endpoint, what) DO UPDATE SET value = excluded.value;

-- name: committed
SELECT coalesce((SELECT micro FROM spending WHERE day = :day), 0)
     + coalesce((SELECT sum(micro) FROM reservations WHERE day = :day), 0);

-- name: reserve
INSERT INTO reservations (day, owner, micro) VALUES (?, ?, ?)
ON CONFLICT (day, owner) DO UPDATE SET micro = micro + excluded.micro;

-- name: unreserve
UPDATE reservations SET micro = max(0, micro - :micro) WHERE day = :day AND owner = :owner;

-- name: spend
INSERT INTO spending (day, micro) VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET micro = micro + excluded.micro;

-- name: put_run
INSERT INTO runs (run, at, endpoint, label, sql, rows, questions, cached, sent, retried, failed, input_tokens,
                  output_tokens, cost_micro, saved_micro, seconds)
VALUES (:id, :at, :endpoint, :label, :sql, :rows, :questions, :cached, :sent, :retried, :failed, :input_tokens,
        :output_tokens, :cost_micro, :saved_micro, :seconds);

-- name: runs
SELECT run, at, endpoint, label, sql, rows, questions, cached, sent, retried, failed, input_tokens, output_tokens,
       cost_micro, saved_micro, seconds
FROM runs ORDER BY id;

-- name: list_answers
SELECT id, CAST(key AS BLOB), CAST(endpoint AS BLOB), created + 0, CAST(text AS BLOB), CAST(request_id AS BLOB),
       input_tokens + 0, output_tokens + 0, estimated + 0, cost_micro + 0, packed + 0, CAST(request AS BLOB),
       CAST(model AS BLOB), CAST(finish AS BLOB), CAST(note AS BLOB)
FROM answers WHERE id > ? ORDER BY id LIMIT ?;

-- name: list_failures
SELECT id, CAST(key AS BLOB), CAST(endpoint AS BLOB), created + 0, CAST(text AS BLOB), CAST(request_id AS BLOB),
       input_tokens + 0, output_tokens + 0, estimated + 0, cost_micro + 0, packed + 0, CAST(request AS BLOB),
       CAST(kind AS BLOB), CAST(message AS BLOB), status + 0, times + 0
FROM failures WHERE id > ? ORDER BY id LIMIT ?;

-- name: stats
SELECT (SELECT count(*) FROM answers), (SELECT count(*) FROM failures),
       (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size()),
       (SELECT coalesce(sum(cost_micro), 0) FROM answers) + (SELECT coalesce(sum(cost_micro), 0) FROM failures),
       (SELECT min(created) FROM answers), (SELECT max(created) FROM answers);

-- name: clear_answers
DELETE FROM answers WHERE (:before IS NULL OR created < :before) AND (:endpoint IS NULL OR endpoint = :endpoint);

-- name: clear_failures
DELETE FROM failures WHERE (:before IS NULL OR created < :before) AND (:endpoint IS NULL OR endpoint = :endpoint);

-- name: tidy
VACUUM;
PRAGMA wal_checkpoint(TRUNCATE);
