"""The address of a fleet's cache: what is one, and that nothing secret is ever shown."""

from __future__ import annotations

import pytest

from pipeline import fleet, run
from pipeline.errors import UserError
from pipeline.fleet import Remote

HUNTER, PASS = "hunter2", "p@ss/"


@pytest.mark.parametrize(("text", "remote", "shown"), [
    ("redis://cache", Remote(host="cache", port=6379), "redis://cache:6379"),
    ("redis://cache.example.org:7000/3", Remote(host="cache.example.org", port=7000, database=3),
     "redis://cache.example.org:7000/3"),
    ("redis://me:hunter2@cache", Remote(host="cache", port=6379, user="me", password=HUNTER), "redis://cache:6379"),
    ("redis://:p%40ss%2F@cache", Remote(host="cache", port=6379, password=PASS), "redis://cache:6379"),
    ("redis://[::1]:1", Remote(host="::1", port=1), "redis://[::1]:1"),
    ("redis+unix:/run/redis.sock", Remote(path="/run/redis.sock"), "redis+unix:/run/redis.sock"),
])  # fmt: skip
def test_an_address(text: str, remote: Remote, shown: str) -> None:
    found = fleet.parsed(text)
    assert found == remote
    assert (str(found), found.password in repr(found)) == (shown, not found.password)


def test_none_is_named() -> None:
    assert fleet.configured({}) is None
    assert fleet.configured({fleet.VARIABLE: ""}) is None


@pytest.mark.parametrize(("text", "why"), [
    ("cache:6379", "begins with neither"), ("http://cache", "begins with neither"),
    ("rediss://c", "begins with neither"),
    ("redis://", "no host"), ("redis://a..b", "no host"), ("redis://" + "a" * 64, "no host"),
    ("redis://cache:port", "host or port"), ("redis://cache:65536", "host or port"), ("redis://cache:0", "port is 0"),
    ("redis://cache/one", "database"), ("redis://cache/-1", "database"), ("redis://[::1", "host or port"),
    ("redis://hunter2@cache", "without a password"), ("redis://me:@cache", "without a password"),
    ("redis://:hunter/2@cache", "host or port"), ("redis://:12/2@cache", "no host"), ("redis://:hunter#2@cache", "#"),
    ("redis://u:hunter?2@cache", "?"), ("redis://cache|read-only=false", "no host"), ("redis://u:hun ter2@c", "blanks"),
    ("redis+unix:run/redis.sock", "absolute path"), ("redis+unix://host/x", "absolute path"),
    ("redis+unix:/" + "x" * 107, "absolute path"), ("redis+unix:/a%00b", "absolute path"),
    ("redis://c\u00e4che", "ASCII"),
])  # fmt: skip
def test_a_bad_address_is_refused_and_not_shown(text: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fleet.VARIABLE, text)
    with pytest.raises(UserError) as caught:
        run.Options()
    assert why in caught.value.brief
    assert fleet.VARIABLE in caught.value.brief
    assert "hun" not in str(caught.value)
    assert caught.value.__cause__ is None
