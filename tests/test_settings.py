from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ddb_aiquery._settings import load
from ddb_aiquery.errors import MissingKey, SettingsError, UnknownEndpoint

FILE = """
[endpoints.summarizer]
base_url = "http://127.0.0.1:8000/v1"
model = "llama-3.3-70b"
api_key = "${MY_KEY}"
max_concurrency = 8
parameters = { temperature = 0.0 }

[defaults]
endpoint = "summarizer"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ai.toml"
    path.write_text(FILE)
    return path


def test_a_file_gives_the_endpoint_its_fields(file: Path) -> None:
    """An endpoint of the file has the file's values and the defaults of what it leaves out."""
    endpoint = load(file, {}).endpoint("summarizer", {"MY_KEY": "secret"})
    assert (endpoint.model, endpoint.max_concurrency, endpoint.task) == ("llama-3.3-70b", 8, "chat")
    assert endpoint.api_key is not None
    assert endpoint.api_key.reveal() == "secret"


def test_the_environment_names_the_file_and_the_cache(file: Path, tmp_path: Path) -> None:
    """DDB_AIQUERY_CONFIG is the file, DDB_AIQUERY_CACHE the directory."""
    environ = {"DDB_AIQUERY_CONFIG": str(file), "DDB_AIQUERY_CACHE": str(tmp_path / "c")}
    settings = load(None, environ)
    assert settings.default_endpoint == "summarizer"
    assert settings.cache_directory == tmp_path / "c"


def test_the_argument_beats_the_environment(file: Path, tmp_path: Path) -> None:
    """config= wins over DDB_AIQUERY_CONFIG, and its cache over DDB_AIQUERY_CACHE."""
    environ = {"DDB_AIQUERY_CONFIG": str(file), "DDB_AIQUERY_CACHE": str(tmp_path / "c")}
    settings = load({"cache": {"directory": "off"}}, environ)
    assert settings.cache_directory is None
    assert not settings.entries


def test_the_cache_is_off_by_a_word() -> None:
    """DDB_AIQUERY_CACHE=off keeps nothing on disk."""
    assert load({}, {"DDB_AIQUERY_CACHE": "off"}).cache_directory is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[endpoints.a]\nbase_url = 'http://127.0.0.1/v1'\nmodle = 'x'\n", ["endpoints.a.modle", "line 3", "model?"]),
        ("[endpoints.a]\nmax_concurrency = 'many'\n", ["endpoints.a.max_concurrency", "line 2", "str"]),
        ("[endpoints.a]\nmax_concurrency = 2000\n", ["max_concurrency", "line 2", "1 to 1024"]),
        ("[endpoints.a]\nmax_concurrency = true\n", ["max_concurrency", "line 2", "bool"]),
        ("[endpoints.a]\nmodel = ''\n", ["endpoints.a.model", "not empty"]),
        ("[endpoints.a]\ninput_price = -1\n", ["input_price", "0 or more"]),
        ("[endpoints.a]\nprovider = 'opnai'\n", ["provider", "openai"]),
        ("[budgets]\nday_usd = 1\n", ["[budgets]", "line 1", "budget?"]),
        ("[budget]\nday_eur = 1\n", ["budget.day_eur", "line 2", "day_usd?"]),
        ("[defaults]\nendpoint = 3\n", ["defaults.endpoint", "line 2"]),
        ("endpoints = 3\n", ["[endpoints] must be a table"]),
        ("[endpoints.a\n", ["not valid TOML", "line 1"]),
    ],
)
def test_a_mistake_is_named_with_key_file_and_line(tmp_path: Path, text: str, words: list[str]) -> None:
    """A wrong setting is refused in one line that names the key, the file, the line and the remedy."""
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(path, {})
    message = str(caught.value)
    assert "\n" not in message
    for word in ["bad.toml", *words]:
        assert word in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that does not exist is an error, not an empty configuration."""
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml", {})


def test_an_unknown_endpoint_lists_the_known_nearest_first() -> None:
    """The message offers the names that exist, the likeliest first."""
    entries: dict[str, Any] = {"zebra": {}, "summarizer": {}}
    with pytest.raises(UnknownEndpoint, match="known: summarizer, zebra"):
        load({"endpoints": entries}, {}).endpoint("sumarizer", {})


def test_without_a_file_the_usual_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no settings yet learns where they go; who gave a table, that it is the table."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(UnknownEndpoint, match=r"add \[endpoints\.mine\] to .*ddb_aiquery.*config\.toml"):
        load(None, {}).endpoint("mine", {})
    with pytest.raises(UnknownEndpoint, match="to the config argument"):
        load({}, {}).endpoint("mine", {})


def test_a_missing_key_names_its_variable(file: Path) -> None:
    """A credential that is not set is named by its environment variable."""
    with pytest.raises(MissingKey, match="MY_KEY"):
        load(file, {}).endpoint("summarizer", {})
    with pytest.raises(MissingKey, match="OPENAI_API_KEY"):
        load({}, {}).endpoint("openai/gpt-4o-mini", {})


@pytest.mark.parametrize(
    ("name", "environ", "url", "model"),
    [
        ("openai/gpt-4o-mini", {"OPENAI_API_KEY": "k"}, "https://api.openai.com/v1", "gpt-4o-mini"),
        ("ollama/llama3.3", {}, "http://127.0.0.1:11434/v1", "llama3.3"),
        ("openrouter/a/b", {"OPENROUTER_API_KEY": "k"}, "https://openrouter.ai/api/v1", "a/b"),
        ("my-endpoint", {"DATABRICKS_HOST": "adb-1.net", "DATABRICKS_TOKEN": "k"}, "https://adb-1.net", "my-endpoint"),
    ],
)
def test_some_names_need_no_file(name: str, environ: dict[str, str], url: str, model: str) -> None:
    """provider/model, and any serving endpoint where DATABRICKS_HOST is set, work without settings."""
    endpoint = load({}, environ).endpoint(name, environ)
    assert (endpoint.base_url, endpoint.model) == (url, model)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("localhost:8000/v1/", "http://localhost:8000/v1"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("adb-1.net", "https://adb-1.net"),
        ("localhost.example.org/v1", "https://localhost.example.org/v1"),
    ],
)
def test_a_base_url_may_lack_its_scheme(given: str, url: str) -> None:
    """What runs on this machine is spoken to in plain, all else over TLS."""
    assert load({"endpoints": {"e": {"base_url": given}}}).endpoint("e").base_url == url


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/serving-endpoints/m/invocations/"])
def test_a_base_url_that_is_the_whole_address_is_named(path: str) -> None:
    """What is copied from a documentation's example, or from a serving endpoint's page, is an error with the remedy."""
    with pytest.raises(SettingsError, match="which is appended"):
        load({"endpoints": {"e": {"base_url": f"https://adb-1.net{path}"}}}).endpoint("e")


def test_a_settings_file_may_be_given_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the user's home, where no shell has put it in."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ai.toml").write_text("[defaults]\nendpoint = 'e'\n")
    assert load("~/ai.toml").default_endpoint == "e"
    assert load(None, {"DDB_AIQUERY_CONFIG": "~/ai.toml"}).default_endpoint == "e"


def test_a_home_that_is_not_there_is_an_error_with_the_remedy() -> None:
    """What names the home of nobody, as it does in containers whose user has none, is one line of ours."""
    with pytest.raises(SettingsError, match="DDB_AIQUERY_CACHE"):
        load({}, {"DDB_AIQUERY_CACHE": "~nobody-of-this-name/cache"})


def test_a_secret_never_shows_itself() -> None:
    """A credential is in no repr, str, format or pickle of the settings and the endpoint."""
    settings = load({"endpoints": {"a": {"base_url": "http://127.0.0.1:1", "api_key": "${K}"}}}, {})
    endpoint = settings.endpoint("a", {"K": "canary-1234"})
    assert "canary-1234" not in f"{settings!r}{settings}{endpoint!r}{endpoint}{endpoint.api_key!r}{endpoint.api_key}"


def test_how_an_endpoint_is_reached_is_a_setting() -> None:
    """A proxy, further certificates, the connection's patience and the largest reply go to the transport as given."""
    ways = {"proxy": "http://127.0.0.1:3128", "ca_file": "own.pem", "connect_seconds": 3, "max_response_bytes": 10_000}
    endpoint = load({"endpoints": {"e": {"base_url": "http://127.0.0.1:1/v1", **ways}}}).endpoint("e")
    assert ways.items() <= endpoint.options.items()


def test_a_proxys_password_shows_itself_nowhere() -> None:
    """A proxy's URL that holds one is kept as a credential, in what the settings show and in what an endpoint does."""
    for url, environ in (
        ("http://me:canary-1@127.0.0.1:3128", {}),
        ("${P}", {"P": "http://me:canary-1@127.0.0.1:3128"}),
    ):
        settings = load({"endpoints": {"e": {"base_url": "http://127.0.0.1:1/v1", "proxy": url}}}, environ)
        endpoint = settings.endpoint("e", environ)
        assert "canary-1" not in f"{settings!r}{endpoint!r}"
        assert endpoint.options["proxy"].reveal() == "http://me:canary-1@127.0.0.1:3128"


@pytest.mark.parametrize("number", ["inf", "nan", "-inf", "1e300"])
@pytest.mark.parametrize(
    ("table", "key"),
    [
        *(("endpoints.e", key) for key in ("input_price", "output_price", "requests_per_minute", "timeout_seconds")),
        *(("budget", key) for key in ("query_usd", "day_usd", "confirm_usd")),
    ],
)
def test_a_number_that_nothing_can_be_counted_with_is_refused(file: Path, table: str, key: str, number: str) -> None:
    """TOML's inf and nan are numbers: where money, time or calls are counted, the key and its line are named."""
    file.write_text(f"[{table}]\n{key} = {number}\n")
    with pytest.raises(SettingsError, match=rf"{table}\.{key} must be a number.*line 2"):
        load(file, {})
