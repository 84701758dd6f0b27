"""Files on disk into a question: read_blob, lists, every known type, and what cannot be sent; planned and not."""

from __future__ import annotations

import base64

import duckdb
import pytest

from ddb_aiquery._results.request import MAX_FILE_BYTES
from ddb_aiquery.errors import AiQueryError

WRONG = (AiQueryError, duckdb.Error)
HEADS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBP",
    "application/pdf": b"%PDF-1.7",
}


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Return a directory, which is also the current one, with two pictures, a copy of one, and a text."""
    directory = tmp_path / "album"
    directory.mkdir()
    for name, content in {"a": b"red", "b": b"blue", "c": b"red"}.items():
        (directory / f"{name}.png").write_bytes(HEADS["image/png"] + content)
    (directory / "d.txt").write_text("no picture")
    monkeypatch.chdir(directory)
    return directory


def files_of(body):
    """Return the files of a request: type and content of each."""
    blocks = [block for block in body["messages"][-1]["content"] if block["type"] != "text"]
    urls = [block["image_url"]["url"] if "image_url" in block else block["file"]["file_data"] for block in blocks]
    return [(url[5:].split(";")[0], base64.b64decode(url.split(",")[1])) for url in urls]


def test_read_blob_into_ai_query(con, served, album):
    """Each picture of a directory is asked about once: equal bytes are one question, whatever their names."""
    sql = """
        SELECT parse_filename(filename), ai_query('chat', 'What is it?', files => content)
        FROM read_blob('*.png') ORDER BY filename
    """
    assert con.execute(sql).fetchall() == [(f"{name}.png", "echo: What is it?") for name in "abc"]
    found = sorted(files_of(body) for body in served.bodies)
    assert found == [[("image/png", HEADS["image/png"] + content)] for content in (b"blue", b"red")]
    con.execute(sql).fetchall()
    assert served.server.requests == 2
    (album / "b.png").write_bytes(HEADS["image/png"] + b"green")
    con.execute(sql).fetchall()
    assert served.server.requests == 3


def test_a_picture_with_a_type(con, served, album):
    """A file, a prompt of the row and a format go together, and a typed answer comes back."""
    served.says({"title": "Lamp", "colours": ["red"]})
    rows = con.execute(
        """
        SELECT ai_query('chat', 'Describe ' || parse_filename(filename), files => content,
            responseFormat => 'STRUCT<picture: STRUCT<title: STRING, colours: ARRAY<STRING>>>').colours[1]
        FROM read_blob(['a.png', 'b.png'])
        """
    ).fetchall()
    assert rows == [("red",)] * 2
    assert served.server.requests == 2


def test_a_list_of_files_is_one_question(con, served, album):
    """A list sends all its files in order, NULLs left out; an empty list and NULL send the text alone."""
    con.execute(
        "SELECT ai_query('chat', 'Compare.', files => list(content ORDER BY filename)) FROM read_blob('*.png')"
    ).fetchall()
    con.execute("SELECT ai_query('chat', 'One.', files => [NULL, content]) FROM read_blob('a.png')").fetchall()
    con.execute(
        "SELECT ai_query('chat', 'None.', files => []::BLOB[]), ai_query('chat', 'Null.', files => NULL)"
    ).fetchall()
    sent = {str(body["messages"][-1]["content"])[:200]: body for body in served.bodies}
    assert {"None.", "Null."} <= set(sent)
    several = sorted(
        (files_of(body) for body in served.bodies if isinstance(body["messages"][-1]["content"], list)), key=len
    )
    assert [[content[8:] for _, content in files] for files in several] == [[b"red"], [b"red", b"blue", b"red"]]


@pytest.mark.parametrize("kind", HEADS)
def test_the_type_is_known_by_the_bytes(con, served, album, kind):
    """PNG, JPEG, GIF, WebP and PDF are recognised whatever the name says."""
    (album / "thing.bin").write_bytes(HEADS[kind] + b"rest")
    con.execute("SELECT ai_query('chat', 'See.', files => content) FROM read_blob('thing.bin')").fetchall()
    (body,) = served.bodies
    assert files_of(body) == [(kind, HEADS[kind] + b"rest")]


def test_a_file_of_another_type(con, served, album):
    """A text is refused with its size and the types that are taken; under failOnError => false in its row alone."""
    with pytest.raises(WRONG, match=r"File 1 \(10 bytes\) is neither PNG, JPEG, WebP, GIF nor PDF: convert it"):
        con.execute("SELECT ai_query('chat', 'See.', files => content) FROM read_blob('d.txt')").fetchall()
    rows = con.execute(
        """
        SELECT parse_filename(filename) AS name, ai_query('chat', 'See.', files => content, failOnError => false) AS r
        FROM read_blob(['b.png', 'd.txt']) ORDER BY name
        """
    ).fetchall()
    assert rows[0] == ("b.png", {"response": "echo: See.", "errorMessage": None})
    assert rows[1][1]["response"] is None
    assert "neither PNG" in rows[1][1]["errorMessage"]
    assert served.server.requests == 1


def test_a_file_that_is_too_large(con, served, album):
    """The limit is said, and nothing is sent."""
    with (album / "huge.png").open("wb") as file:
        file.write(HEADS["image/png"])
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(WRONG, match=rf"File 1 has {MAX_FILE_BYTES + 1:,} bytes: the limit is 20 MB"):
        con.execute("SELECT ai_query('chat', 'See.', files => content) FROM read_blob('huge.png')").fetchall()
    assert served.server.requests == 0


@pytest.mark.parametrize("files", ["'a.png'", "7", "['a.png']", "{'content': 'x'}"])
def test_what_is_no_file(con, served, album, files):
    """A name, a number or a STRUCT is no BLOB, and the message says where BLOBs come from."""
    with pytest.raises(WRONG, match="files takes a BLOB or a list of them, as read_blob gives"):
        con.execute(f"SELECT ai_query('chat', 'See.', files => {files})").fetchall()
    assert served.server.requests == 0
