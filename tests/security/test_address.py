import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddb_aiquery._address import check_endpoint_url, endpoint_name, origin
from ddb_aiquery.errors import CallError, SettingsError

HOSTILE = [
    # other schemes, and none
    "file:///etc/passwd",
    "ftp://models.example/v1",
    "gopher://127.0.0.1:6379/_SET",
    "ws://models.example/v1",
    "unix:///var/run/docker.sock",
    "javascript:alert(1)",
    "data:text/plain,hello",
    "//models.example/v1",
    "models.example/v1",
    "https:models.example",
    "https:///v1",
    "https://",
    "",
    # plain http to another machine
    "http://models.example/v1",
    "http://10.0.0.1/v1",
    "http://localhost.evil.example/v1",
    "http://127.0.0.1.evil.example/v1",
    "http://127.evil.example/v1",
    "http://[2001:db8::1]/v1",
    # credentials and a host that only looks like the one meant
    "https://user@models.example/v1",
    "https://user:password@models.example/v1",
    "https://models.example@evil.example/v1",
    "https://models.example:443@evil.example/v1",
    "https://@models.example/v1",
    "https://models.example\\@evil.example/v1",
    "https://models.example%40evil.example/v1",
    "https://models.example%2f.evil.example/v1",
    # queries, fragments, paths that lead elsewhere
    "https://models.example/v1?key=abc",
    "https://models.example/v1?",
    "https://models.example/v1#fragment",
    "https://models.example/v1#",
    "https://models.example/v1/../../admin",
    "https://models.example/v1/%2e%2e/admin",
    "https://models.example/v1%2f..%2fadmin",
    "https://models.example/v1\\..\\admin",
    # header and request splitting
    "https://models.example/v1\r\nX-Evil: 1",
    "https://models.example\r\nHost: evil.example/v1",
    "https://models.example/v1\n",
    "https://models.example/%0d%0aX-Evil:1",
    "https://models.example/v1\x00",
    " https://models.example/v1",
    "https://models.example/v 1",
    "https://models.example\t/v1",
    # link-local and metadata, in every spelling
    "http://169.254.169.254/latest/meta-data",
    "https://169.254.169.254/latest",
    "https://169.254.169.254./latest",
    "https://2852039166/latest",
    "https://0xa9fea9fe/latest",
    "https://0xA9.0xFE.0xA9.0xFE/latest",
    "https://0251.0376.0251.0376/latest",
    "https://169.16689662/latest",
    "https://169.254.43518/latest",
    "https://[::ffff:169.254.169.254]/latest",
    "https://[::ffff:a9fe:a9fe]/latest",
    "https://[::169.254.169.254]/latest",
    "https://[64:ff9b::a9fe:a9fe]/latest",
    "https://[2002:a9fe:a9fe::]/latest",
    "https://[fe80::1]/v1",
    "https://[fe80::1%25eth0]/v1",
    "https://[fd00:ec2::254]/latest",
    "https://[fd20:ce::254]/latest",
    "https://100.100.100.200/latest",
    "https://168.63.129.16/machine",
    "https://metadata.google.internal/computeMetadata/v1",
    "https://METADATA.google.internal/computeMetadata/v1",
    "https://metadata.google.internal./computeMetadata/v1",
    "https://metadata/computeMetadata/v1",
    "https://169.254.169.254\u3002/latest",
    "https://169\u3002254\u3002169\u3002254/latest",
    "https://169\uff0e254\uff0e169\uff0e254/latest",
    "https://\u2460\u2466\u2468.254.169.254/latest",
    # loopback in odd spellings
    "http://127.1/v1",
    "http://0x7f000001/v1",
    "http://2130706433/v1",
    "http://017700000001/v1",
    "http://127.0.0.01/v1",
    "http://localhost./v1",
    "http://0/v1",
    "http://0.0.0.0:8000/v1",
    "http://[::]:8000/v1",
    "http://[0:0:0:0:0:0:0:0]/v1",
    # multicast, broadcast, malformed hosts and ports
    "https://224.0.0.1/v1",
    "https://255.255.255.255/v1",
    "https://[ff02::1]/v1",
    "https://256.256.256.256/v1",
    "https://1.2.3.4.5/v1",
    "https://models..example/v1",
    "https://.models.example/v1",
    "https://-models.example/v1",
    "https://models.example:99999/v1",
    "https://models.example:0/v1",
    "https://models.example:/v1",
    "https://models.example:80a/v1",
    "https://[::1/v1",
    "https://[::1]evil.example/v1",
    "https://[v1.x]/v1",
    "https://m\u043edels.example/v1",
]

FINE = [
    ("https://api.openai.com/v1", "https://api.openai.com/v1"),
    ("HTTPS://API.OpenAI.com:443/v1/", "https://api.openai.com/v1"),
    ("https://models.example:8443", "https://models.example:8443"),
    ("http://localhost:11434/v1", "http://localhost:11434/v1"),
    ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
    ("http://127.0.0.2", "http://127.0.0.2"),
    ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ("https://10.1.2.3/v1", "https://10.1.2.3/v1"),
    ("https://[2001:DB8::1]/v1", "https://[2001:db8::1]/v1"),
    ("https://xn--mdels-wxa.example/v1", "https://xn--mdels-wxa.example/v1"),
    (
        "https://adb-123.4.azuredatabricks.net/serving-endpoints",
        "https://adb-123.4.azuredatabricks.net/serving-endpoints",
    ),
]


def test_there_are_enough_hostile_forms():
    """The table covers at least sixty different ways to lead a call astray."""
    assert len(set(HOSTILE)) >= 60


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
def test_a_hostile_url_is_refused(url):
    """Settings that lead a call elsewhere are refused, without repeating the URL."""
    with pytest.raises(SettingsError) as caught:
        check_endpoint_url(url)
    assert not url.strip() or url.strip() not in str(caught.value)


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
def test_a_hostile_url_is_no_endpoint_name(url):
    """None of them comes in through SQL either, but for what is a plain name without a colon and slashes."""
    if url == "models.example/v1":
        assert endpoint_name(url) == url  # a name like any other; it is looked up, never dialled
        return
    with pytest.raises(CallError):
        endpoint_name(url)


@pytest.mark.parametrize(("url", "shown"), FINE)
def test_a_good_url_gets_one_spelling(url, shown):
    """Upper case, default ports and trailing slashes make no difference."""
    assert check_endpoint_url(url) == shown
    assert check_endpoint_url(shown) == shown


def test_plain_http_can_be_allowed_for_a_host():
    """A listed host may be called without TLS; its neighbours and the metadata service may not."""
    assert check_endpoint_url("http://vllm.lan:8000/v1", allow_http_hosts=("vllm.lan",)) == "http://vllm.lan:8000/v1"
    for url in ("http://other.lan:8000/v1", "http://x.vllm.lan/v1", "http://169.254.169.254/v1"):
        with pytest.raises(SettingsError):
            check_endpoint_url(url, allow_http_hosts=("vllm.lan", "169.254.169.254"))


@given(st.text(max_size=60))
def test_any_text_is_a_url_or_a_clear_error(text):
    """No text makes the check fail in another way, and what passes passes again unchanged."""
    for url in (text, "https://" + text):
        try:
            good = check_endpoint_url(url)
        except SettingsError:
            continue
        assert check_endpoint_url(good) == good
        assert origin(good) == origin(url)


@pytest.mark.parametrize(
    "name", ["summarizer", "openai/gpt-4o-mini", "ollama/llama3.3:70b", "a", "databricks-meta_llama-3.1"]
)
def test_names_are_names(name):
    """What providers call their models is a name."""
    assert endpoint_name(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-x",
        "/x",
        "a b",
        "a\n",
        "a'b",
        "a;b",
        "a%2fb",
        "http:x",
        "a/../b",
        "x" * 129,
        "é",
        "a\x00",
        "127.0.0.1//x",
        "file:x",
    ],
)
def test_what_is_no_name_is_refused(text):
    """Anything but a plain name is a mistake in the call."""
    with pytest.raises(CallError):
        endpoint_name(text)


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-0123456789abcdef",
        "dapi0123456789abcdef0123456789abcdef",
        "hf_abcdefghijklmnopqrst",
        "AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_a_key_in_place_of_a_name_is_not_repeated(key):
    """A credential that ended up in SQL is refused and shown to nobody."""
    with pytest.raises(CallError, match="credential") as caught:
        endpoint_name(key)
    assert key not in str(caught.value)


def test_an_origin_names_its_port():
    """Two spellings of one origin are equal as text."""
    assert origin("https://a.example/x") == origin("https://A.example:443") == "https://a.example:443"
