"""What DuckDB's own errors mean: a call that is written wrongly, or a statement that is Databricks SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from ddb_aiquery.errors import CallError

_RAISED = re.compile(r"Python exception occurred while executing the UDF: CallError: (.*)", re.DOTALL)
_NOT_CONSTANT = 'The "structure" argument in function "from_json" must be a constant expression'
_CONSTANTS = re.compile(
    r"""\b(returnType|responseFormat|failOnError|labels)\s*(?:=>|:=)\s*
    (?!'|true\b|false\b|null\b|getvariable\b|json_structure\b)(\S)""",
    re.IGNORECASE | re.VERBOSE,
)
_HINT = "This looks like Databricks SQL: ddb_aiquery.translate(sql), or `ddb-aiquery translate`, writes it for DuckDB."
_DATABRICKS_TEXT = re.compile(
    r"`|\b(?:array|struct)\s*\(|\blateral\s+view\b|\busing\s+delta\b|\binsert\s+overwrite\b"
    r"|\b(?:distribute|cluster|sort)\s+by\b|\sdiv\s",
    re.IGNORECASE,
)
"""What DuckDB cannot parse and Databricks can."""
_DATABRICKS_FUNCTIONS = """
add_months array_join array_size collect_list collect_set date_format element_at explode filter format_string
from_unixtime get_json_object initcap inline locate map map_from_arrays months_between named_struct nvl nvl2
parse_json percentile_approx posexplode regexp_like rlike schema_of_json sequence sha2 size struct to_date
transform trunc try_parse_json unbase64 unix_timestamp variant_get
"""
"""Those that `translate` writes otherwise: DuckDB has none of that name, or none of those arguments."""
_MISSED = re.compile(
    r"Function with name (\w+) does not exist|Macro (\w+)\(\) does not support|argument types '(\w+)\("
)
_QUOTED_ARGUMENT = re.compile(r"\bai_\w+\s*\(\s*\"", re.IGNORECASE)


@contextmanager
def pointing_to_translate(sql: str) -> Iterator[None]:
    """Add a line to DuckDB's error where the statement looks like Databricks SQL; it stays the same error."""
    try:
        yield
    except (duckdb.ParserException, duckdb.CatalogException, duckdb.BinderException) as error:
        said = str(error)
        if _HINT not in said and _looks_like_databricks(error, said, sql):
            error.args = (f"{said}\n\n{_HINT}",)
        raise


def _looks_like_databricks(error: duckdb.Error, said: str, sql: str) -> bool:
    if isinstance(error, duckdb.ParserException):
        return 'at or near ":"' in said or bool(_DATABRICKS_TEXT.search(sql))  # x:field
    if missed := _MISSED.search(said):
        return str(missed[missed.lastindex or 0]).lower() in _DATABRICKS_FUNCTIONS.split()
    return 'column "' in said and bool(_QUOTED_ARGUMENT.search(sql))  # Databricks' "text" is DuckDB's column


@contextmanager
def in_our_words(sql: str) -> Iterator[None]:
    """Raise CallError for what DuckDB says of a call that is written wrongly; other errors pass."""
    try:
        yield
    except duckdb.Error as error:
        wrong = _wrong_call(str(error), sql)
        if wrong is None:
            raise
        raise wrong from None


def _wrong_call(error: str, sql: str) -> CallError | None:
    """Return what DuckDB's error at bind time means where a call is written wrongly; None for any other error.

    What decides a result's type must be a constant, and only DuckDB knows what is one; the place is that of the first
    named argument of `sql` which is not one at sight.
    """
    if raised := _RAISED.search(error):
        return CallError(raised[1])
    if _NOT_CONSTANT not in error:
        return None
    found = _CONSTANTS.search(sql)
    what, place = "returnType, responseFormat, failOnError and the labels of ai_extract", ""
    if found:
        before = sql[: found.start(2)]
        place = f" (line {before.count(chr(10)) + 1}, column {found.start(2) - before.rfind(chr(10))})"
        what = found[1]
    return CallError(
        f"{what} must be a constant{place}: it decides the column's type, so it cannot come from a row; write it as "
        "text, or SET VARIABLE v = '...' before and give getvariable('v')"
    )
