"""read_files in DuckDB: the files of a directory, and the options, as Databricks reads them."""

from __future__ import annotations

import pytest

from ddb_aiquery._translate import translate
from ddb_aiquery.errors import CallError

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def folder(tmp_path):
    """Return a directory of pictures, tables and files that Databricks passes over."""
    (tmp_path / "imgs" / "deep").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "deep/c.png", "_SUCCESS", ".hidden.png"):
        (tmp_path / "imgs" / name).write_bytes(PNG)
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "1.csv").write_text("n;w\n1;'x;y'\n", "utf-8")
    (tmp_path / "csv" / "2.csv").write_text("n;w\n2;-\n", "utf-8")
    (tmp_path / "bare.csv").write_text("1,a\n2,b\n", "utf-8")
    (tmp_path / "lines.json").write_text('{"a": 1, "b": "x"}\n{"a": -2}\n', "utf-8")
    return tmp_path


@pytest.fixture
def rows(script, folder):
    """Run translated text, DIR being the directory."""
    return lambda text: script.con.execute(translate(text.replace("DIR", str(folder)))).fetchall()


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("'DIR/imgs/'", ["a.png", "b.jpg", "c.png"]),
        ("'DIR/imgs'", ["a.png", "b.jpg", "c.png"]),
        ("'DIR/imgs/', fileNamePattern => '*.png'", ["a.png", "c.png"]),
        ("'DIR/imgs', fileNamePattern => '*.{png,jpg}'", ["a.png", "b.jpg", "c.png"]),
        ("'DIR/imgs/', recursiveFileLookup => false", ["a.png", "b.jpg"]),
        ("'DIR/imgs/', recursiveFileLookup => 'false', pathGlobFilter => '*.png'", ["a.png"]),
        ("'DIR/imgs/', recursiveFileLookup => true", ["a.png", "b.jpg", "c.png"]),
        ("'DIR/imgs/*.png'", ["a.png"]),
        ("'DIR/{imgs,imgs/deep}/*.{jpg,png}'", ["a.png", "b.jpg", "c.png"]),
        ("path => 'DIR/imgs/a.png'", ["a.png"]),
    ],
)
def test_the_files_of_a_directory(rows, arguments, names):
    """A directory is read with what lies below it, or as pattern and depth say."""
    text = f"SELECT path, content, length FROM READ_FILES({arguments}, format => 'binaryFile')"
    found = rows(text)
    assert sorted(path.rsplit("/", 1)[1] for path, _, _ in found) == names
    assert {content for _, content, _ in found} == {PNG}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "SELECT n, w FROM read_files('DIR/csv/', format => 'csv', sep => ';', header => true, quote => '''', nullValue => '-')",
            [(1, "x;y"), (2, None)],
        ),
        (
            "SELECT * FROM read_files('DIR/bare.csv', format => 'csv', header => false, schema => 'n BIGINT, w STRING')",
            [(1, "a"), (2, "b")],
        ),
        (
            "SELECT w FROM read_files('DIR/bare.csv', format => 'csv', schema => 'n INT, w STRING', header => 'false') AS f WHERE f.n = 2",
            [("b",)],
        ),
        (
            "SELECT * FROM read_files('DIR/lines.json', format => 'json', schema => 'a DOUBLE, b STRING', multiLine => true)",
            [(1.0, "x"), (-2.0, None)],
        ),
        ("SELECT f.a FROM json.`DIR/lines.json` AS f", [(1,), (-2,)]),
        ("SELECT count(*) FROM binaryFile.`DIR/imgs`", [(3,)]),
        ("SELECT count(*) FROM binaryFile.`DIR/imgs` AS f TABLESAMPLE (2 ROWS)", [(2,)]),
        ("SELECT count(*) FROM read_files('DIR/imgs', format => 'binaryFile') TABLESAMPLE (2 ROWS)", [(2,)]),
        ("SELECT f.a FROM read_files('DIR/lines.json', format => 'json') AS f TABLESAMPLE (9 ROWS)", [(1,), (-2,)]),
    ],
)
def test_the_options_of_a_format(rows, text, expected):
    """Separator, header, quote, schema and the like reach DuckDB's reader."""
    assert sorted(rows(text), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "'x.csv', format => 'csv', rescuedDataColumn => 'r'",
            r"no counterpart for rescuedDataColumn.*leave it out; it takes .*sep",
        ),
        ("'x.parquet', format => 'parquet', schema => 'a INT'", "parquet has no counterpart for schema"),
        ("'x/', format => 'binaryFile', modifiedAfter => '2026-01-01'", "modifiedAfter"),
        ("'x.csv', format => 'csv', schema => 'INT'", "write schema => 'a INT, b STRING'"),
        ("p, format => 'csv', fileNamePattern => '*.csv'", "as the path"),
        ("format => 'csv'", "no path"),
        ("'x.avro', format => 'avro'", "'avro'"),
    ],
)
def test_an_option_without_a_counterpart_is_refused(arguments, said):
    """No option is dropped in silence."""
    with pytest.raises(CallError, match=said):
        translate(f"SELECT * FROM read_files({arguments})")
