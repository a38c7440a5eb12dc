"""No part of a password is ever printed, and messages about addresses say what to do."""

from __future__ import annotations

import io
import logging
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from ledger_py.cli import main
from ledger_py.database_urls import plain_database_url
from ledger_py.http import logs, startup
from ledger_py.settings import Settings, SettingsError
from tests.http.running import make_service
from tests.http.test_startup import refusal_of

SPECIAL = (*"@/:%#? =&'\\[+", "@/", "/@", "?@", "?=", "%4")
PARTS = ("Xq7", "Zw9", "Kj3")
"""Passwords are made of these, with special characters between."""

COMMANDS = [
    ["serve", "app1", "--port", "0"],
    *([name] for name in ("migrate", "roles", "rollback", "status", "psql")),
    *([name] for name in ("verify", "checkpoint", "settle")),
]


def password(special: str) -> str:
    return special.join(PARTS)


def assert_secret(text: str) -> None:
    for part in PARTS:
        assert part not in text, text


def forms(special: str) -> list[str]:
    """Addresses of a server that is away, with a password with special characters."""
    secret = password(special)
    quoted = secret.replace("\\", "\\\\").replace("'", "\\'")
    return [
        f"postgresql://user:{quote(secret, safe='')}@127.0.0.1:1/ledger",
        f"postgresql+asyncpg://user:{quote(secret, safe='')}@127.0.0.1:1/ledger",
        f"postgresql://user:{secret}@127.0.0.1:1/ledger",
        f"postgresql://user:{secret}@127.0.0.1:1/ledger?options=-c a=b",
        f"postgresql://user:{secret}",
        f"postgresql://user@127.0.0.1:1/ledger?password={secret}",
        f"host=127.0.0.1 port=1 user=user password='{quoted}'",
        f"host=127.0.0.1 port=1 user=user password='{quoted}",
        f"host=127.0.0.1 port=1 user=user password={secret}",
        f"host=127.0.0.1 user=user password={secret} port={secret}",
        secret,
    ]


def run(command: list[str], **settings: str) -> Result:
    result = CliRunner(env=settings).invoke(main, command)
    assert result.exit_code == 1, result.output
    return result


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_address_is_printed_with_its_password(special: str, log_format: str) -> None:
    for url in forms(special):
        for command in (COMMANDS[0], ["status"]):
            result = run(command, DATABASE_URL=url, LEDGER_LOG_FORMAT=log_format)
            assert_secret(result.output)
            assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("special", ["@", "/", " "])
def test_no_command_prints_a_password(
    special: str, command: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for url in forms(special):
        assert_secret(run(command, DATABASE_URL=url).output)
    assert_secret(caplog.text)


@pytest.mark.parametrize("special", SPECIAL)
def test_passwords_beside_the_address_are_not_printed(special: str, tmp_path: Path) -> None:
    secret = password(special)
    service = tmp_path / "services"
    service.write_text(f"[ledger]\nhost=127.0.0.1\nport=1\nuser=user\npassword={secret}\n")
    broken = tmp_path / "broken"
    broken.write_text(f"[ledger]\nhost=127.0.0.1\n{secret}\npassword={secret}\n")
    passwords = tmp_path / "passwords"
    passwords.write_text(f"127.0.0.1:1:*:user:{secret}\n")
    passwords.chmod(0o600)
    plain = "host=127.0.0.1 port=1 user=user"
    for settings in (
        {"DATABASE_URL": plain, "PGPASSWORD": secret},
        {"DATABASE_URL": plain, "PGPASSFILE": str(passwords)},
        {"DATABASE_URL": "service=ledger", "PGSERVICEFILE": str(service)},
        {"DATABASE_URL": "service=ledger", "PGSERVICEFILE": str(broken)},
        {"DATABASE_URL": "service=none", "PGSERVICEFILE": str(service)},
    ):
        for command in (COMMANDS[0], ["status"]):
            assert_secret(run(command, **settings).output)


@pytest.mark.parametrize("special", SPECIAL)
def test_a_service_that_cannot_start_does_not_print_its_password(
    special: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(startup, "DATABASE_ANSWERS_WITHIN", 0.0)
    monkeypatch.setattr(startup, "_PAUSE", 0.0)

    assert_secret(refusal_of(make_service(forms(special)[0])))
    assert_secret(caplog.text)


def test_settings_are_shown_without_the_address() -> None:
    url = forms("@")[0]
    settings = Settings(database_url=url, read_database_url=url)

    assert_secret(repr(settings))
    assert_secret(str(settings))
    assert "database_url='...'" in repr(settings)
    assert "database_url=None" in repr(Settings())


def fail(settings: Settings) -> None:
    secret = settings.database_url
    raise RuntimeError(f"failed with an address of {len(secret or '')} characters")


def test_tracebacks_do_not_hold_the_address() -> None:
    settings = Settings(database_url=forms("@")[0])
    try:
        fail(settings)
    except RuntimeError as error:
        terminal = io.StringIO()
        logs.make_logger("console", terminal).log(logging.ERROR, "request", exc_info=error)
        assert "RuntimeError" in terminal.getvalue()
        assert_secret(terminal.getvalue())
        assert_secret("".join(traceback.format_exception(error)))


def test_pretty_printers_do_not_show_the_address() -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(Settings(database_url=forms("@")[0]))

    assert_secret(console.file.getvalue())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("postgresql://u:a@b@h/d", "the character @ in its user name or password: write it as %40"),
        ("postgresql://u@c:a@h/d", "the character @ in its user name or password: write it as %40"),
        ("postgresql://u:a/b@h/d", "the character / in its user name or password: write it as %2F"),
        ("postgresql://u:a%zz@h/d", "write % itself as %25"),
        ("postgresql://u:a b@h/d", "has a space: write it as %20"),
        ("postgresql://u:a?b/c@h/d", "? as %3F"),
        ("postgresql://h/d?options=-c a=b", "has an = in the value of options: write it as %3D"),
        ("postgresql://h/d?sslmod=require", "has an unknown parameter: sslmod"),
        ("postgresql://h/d?sslmode", "has a parameter without a value"),
        ("postgresql://u:p@h:54x/d", "has a port that is not a number"),
        ("postgresql://u:p@[::1/d", "[ without its ]"),
        ("postgresql://u:%00@h/d", "must not contain %00"),
        ("host=h pasword=x", "has an unknown parameter: pasword"),
        ("password=two words", "put a value with spaces into single quotes"),
        ("password=two words=3", "put a value with spaces into single quotes"),
        ("password='two", "has a single quote without its end"),
        ("db.example.org", "write parameters as in host=db.example.org"),
    ],
)
def test_mistake_in_an_address_is_explained(url: str, advice: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"DATABASE_URL": url})

    assert str(refused.value).startswith("DATABASE_URL: ")
    assert advice in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:a:b@h/d",
        "postgresql://u:a#b@h/d",
        "postgresql://u:a?b=c@h/d",
        "postgresql://u:a%40b@h1:1,h2:2/d?target_session_attrs=any",
        "postgresql://[::1]:5432/d",
        "postgresql:///d?host=/run/a@b&user=x@y&password=a@b",
        "postgresql://u@/d?options=-c%20search_path%3Da",
        "postgresql://",
        "host=h password='two words' options='-c a=b'",
        "",
    ],
)
def test_right_address_is_taken(url: str) -> None:
    assert plain_database_url(url) == url
