"""Settings from the environment and `.env`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ledger_py import settings
from ledger_py.database_urls import plain_database_url
from ledger_py.settings import PROJECT_ROOT, Settings, SettingsError


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text(
        'LEDGER_PORT=9000\n# a comment\nDATABASE_URL="postgresql://u:a${b}c@h/d"\nLEDGER_HOST=\n',
        encoding="utf-8",
    )
    return path


def test_defaults_apply_without_settings(tmp_path: Path) -> None:
    assert Settings.from_environment({}, dotenv=tmp_path / "none") == Settings()


def test_dotenv_file_is_read(dotenv: Path) -> None:
    found = Settings.from_environment({}, dotenv=dotenv)

    assert (found.port, found.host) == (9000, "127.0.0.1")
    assert found.database_url == "postgresql://u:a${b}c@h/d"


def test_environment_overrides_the_file(dotenv: Path) -> None:
    assert Settings.from_environment({"LEDGER_PORT": "9001"}, dotenv=dotenv).port == 9001


def test_dotenv_file_of_the_working_directory_is_found(
    dotenv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(dotenv.parent)

    assert Settings.from_environment({}).port == 9000


def test_every_setting_has_an_effect(tmp_path: Path) -> None:
    found = Settings.from_environment(
        {
            "DATABASE_URL": "postgresql://u@h/d",
            "LEDGER_DATA_DIR": str(tmp_path),
            "LEDGER_HOST": "0.0.0.0",
            "LEDGER_PORT": "1",
            "LEDGER_HOSTS": "ledger.example.org, *.internal",
            "LEDGER_POOL_SIZE": "2",
            "LEDGER_POOL_TIMEOUT": "3",
            "LEDGER_STATEMENT_TIMEOUT": "4.5",
            "LEDGER_LOCK_TIMEOUT": "5",
            "LEDGER_IDLE_IN_TRANSACTION_TIMEOUT": "6",
            "LEDGER_MAX_BODY": "7000",
            "LEDGER_LOG_FORMAT": "json",
            "LEDGER_MIGRATE_ON_START": "No",
        }
    )

    assert found == Settings(
        database_url="postgresql://u@h/d",
        data_dir=tmp_path,
        host="0.0.0.0",
        port=1,
        hosts=("ledger.example.org", "*.internal"),
        pool_size=2,
        pool_timeout=3.0,
        statement_timeout=4.5,
        lock_timeout=5.0,
        idle_in_transaction_timeout=6.0,
        max_body=7000,
        log_format="json",
        migrate_on_start=False,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "sqlite:///x.db"),
        ("DATABASE_URL", "localhost"),
        ("DATABASE_URL", "postgresql://h/d?ssl=require"),
        ("LEDGER_PORT", "70000"),
        ("LEDGER_PORT", "http"),
        ("LEDGER_PORT", "65536"),
        ("LEDGER_PORT", "٨"),
        ("LEDGER_POOL_SIZE", "0"),
        ("LEDGER_POOL_SIZE", "1"),
        ("LEDGER_POOL_SIZE", "1001"),
        ("LEDGER_POOL_SIZE", "-1"),
        ("LEDGER_POOL_TIMEOUT", "0"),
        ("LEDGER_POOL_TIMEOUT", "86401"),
        ("LEDGER_STATEMENT_TIMEOUT", "nan"),
        ("LEDGER_LOCK_TIMEOUT", "5s"),
        ("LEDGER_IDLE_IN_TRANSACTION_TIMEOUT", "1e9"),
        ("LEDGER_MAX_BODY", "1.5"),
        ("LEDGER_MAX_BODY", "1023"),
        ("LEDGER_MAX_BODY", "1073741825"),
        ("LEDGER_LOG_FORMAT", "xml"),
        ("LEDGER_MIGRATE_ON_START", "maybe"),
    ],
)
def test_invalid_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: "):
        Settings.from_environment({name: value})


def test_constructor_validates_too() -> None:
    with pytest.raises(SettingsError, match=r"^LEDGER_POOL_SIZE: "):
        Settings(pool_size=1)


@pytest.mark.parametrize("address", ["postgresql://u:se cret@h/d", "postgresql://u:secret@[h/d"])
def test_password_is_not_repeated_in_an_error(address: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"DATABASE_URL": address})

    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("postgresql+asyncpg://u:p@h:1/d", "postgresql://u:p@h:1/d"),
        ("postgresql+psycopg://u@/d?host=/run/x", "postgresql://u@/d?host=/run/x"),
        ("postgres+psycopg2://h/d", "postgres://h/d"),
        (" postgres://h/d\n", "postgres://h/d"),
        ("host=h dbname=d", "host=h dbname=d"),
    ],
)
def test_driver_is_removed_from_an_address(given: str, plain: str) -> None:
    assert plain_database_url(given) == plain


def test_example_is_up_to_date() -> None:
    written = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    assert written == settings.example(), "run: make format"


def test_example_shows_the_defaults(tmp_path: Path) -> None:
    example = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    uncommented = tmp_path / ".env"
    uncommented.write_text(re.sub(r"(?m)^#(?=[A-Z_]+=)", "", example), encoding="utf-8")

    assert Settings.from_environment({}, dotenv=uncommented) == Settings()
