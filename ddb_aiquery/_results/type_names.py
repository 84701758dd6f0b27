"""What types are called: every scalar name of Databricks and DuckDB, and those that no reply can become."""

from __future__ import annotations

_SAME = """
BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT FLOAT DOUBLE VARCHAR
DATE TIME TIMESTAMP TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS TIMESTAMPTZ INTERVAL UUID JSON
"""
NAMES: dict[str, str] = {name: name for name in _SAME.split()} | {
    "BOOL": "BOOLEAN", "LOGICAL": "BOOLEAN",
    "BYTE": "TINYINT", "INT1": "TINYINT",
    "SHORT": "SMALLINT", "INT2": "SMALLINT", "INT16": "SMALLINT",
    "INT": "INTEGER", "INT4": "INTEGER", "INT32": "INTEGER", "SIGNED": "INTEGER",
    "LONG": "BIGINT", "INT8": "BIGINT", "INT64": "BIGINT", "INT128": "HUGEINT",
    "UINT8": "UTINYINT", "UINT16": "USMALLINT", "UINT32": "UINTEGER", "UINT64": "UBIGINT", "UINT128": "UHUGEINT",
    "REAL": "FLOAT", "FLOAT4": "FLOAT", "FLOAT8": "DOUBLE",
    "STRING": "VARCHAR", "TEXT": "VARCHAR", "CHAR": "VARCHAR", "BPCHAR": "VARCHAR", "NVARCHAR": "VARCHAR",
    "DATETIME": "TIMESTAMP", "TIMESTAMP_NTZ": "TIMESTAMP", "TIMESTAMP_LTZ": "TIMESTAMPTZ", "TIMESTAMP_US": "TIMESTAMP",
    "VARIANT": "JSON",
}  # fmt: skip
"""Every scalar name of either dialect and the DuckDB type it stands for; VARIANT is JSON, which from_json can make."""

REFUSED = dict.fromkeys(
    ("BLOB", "BINARY", "BYTEA", "VARBINARY"),
    "a reply is JSON and holds no bytes; take STRING and decode it with from_base64",
) | dict.fromkeys(
    ("BIT", "BITSTRING", "BIGNUM", "UNION", "GEOMETRY", "GEOGRAPHY", "VOID", "NULL", "OBJECT", "TIMETZ"),
    "no JSON value becomes one; take STRING or VARIANT",
)
"""Types that exist and that a reply cannot have, each with what to take instead."""
