"""DuckDB 2 as a command line, over the library in Python's wheel: no native 2.x program can be had from the index yet.

Takes what the bridge uses of `duckdb`: -json, -init FILE, -cmd TEXT, -c SQL, and `.read "file"` as a command.
"""

import json
import os
import sys

import duckdb


def main() -> int:
    words = iter(sys.argv[1:])
    as_json, statements = False, []
    for word in words:
        if word == "-json":
            as_json = True
        elif word == "-init":
            next(words)
        else:
            statements.append(next(words))
    con = duckdb.connect()
    try:
        for text in statements:
            run(con, text, as_json)
    except duckdb.Error as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        con.close()
    return 0


def run(con: duckdb.DuckDBPyConnection, text: str, as_json: bool) -> None:
    if text.startswith(".read "):
        with open(json.loads(text.removeprefix(".read "))) as file:  # noqa: PTH123
            text, as_json = file.read(), False
    result = con.execute(text)
    if as_json and result.description:
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        sys.stdout.write(json.dumps(rows, default=str) + "\n")


status = main()
sys.stdout.flush()
os._exit(status)  # without the library's own farewells
