"""The three roles, created by `ledger migrate` if it may, or else by the script of `ledger roles`.

On a server of its own: roles belong to the whole server, and exist on that of the other tests.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger_py.cli import main
from ledger_py.embedded import binaries, embedded_server
from ledger_py.migrate import FileState, ensure_current, role_script, status
from ledger_py.settings import PROJECT_ROOT, Settings
from tests.fixtures.database import Server, new_database
from tests.sql.calls import call, fails, record, scalar

GROUPS = ("ledger_app", "ledger_auditor", "ledger_operator")
OWNER = 'the "owner"; --'
LOGINS = {
    "superuser": "SUPERUSER",
    "administrator": "CREATEROLE",
    "stranger": "",
    "service": "",
    "second service": "",
    "auditor": "",
    "operator": "",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server without the roles of the ledger."""
    with tempfile.TemporaryDirectory(prefix="ledger-test-") as folder:
        Path(folder).chmod(0o711)
        options = {"fsync": "off"}
        with embedded_server(Path(folder, "data"), database="postgres", options=options) as url:
            yield Server(url)


@pytest.fixture
def owned(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database for its owner, whose attributes are the parameter."""
    attributes = getattr(request, "param", "")
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        for name, has in {OWNER: attributes, **LOGINS}.items():
            admin.execute(
                sql.SQL("CREATE ROLE {} LOGIN {}").format(sql.Identifier(name), sql.SQL(has))
            )
        try:
            options = sql.SQL("OWNER {}").format(sql.Identifier(OWNER)).as_string(admin)
            with new_database(server, options) as url:
                yield as_role(url, OWNER)
        finally:
            for name in (*GROUPS, OWNER, *LOGINS):
                admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def as_role(url: str, name: str) -> str:
    return make_conninfo(url, user=name)


def run_script(url: str, name: str) -> subprocess.CompletedProcess[str]:
    """Run the script of `ledger roles` as a role, in another database of the server."""
    script = CliRunner().invoke(main, ["roles"], env={"DATABASE_URL": url})
    assert script.exit_code == 0, script.output
    elsewhere = make_conninfo(as_role(url, name), dbname="postgres")
    return subprocess.run(
        [binaries() / "psql", "-X", "-v", "ON_ERROR_STOP=1", "-d", elsewhere, "-f", "-"],
        input=script.stdout,
        capture_output=True,
        text=True,
        check=False,
    )


def migrated(url: str) -> list[str]:
    """Migrate and return the warnings."""
    result = CliRunner().invoke(main, ["migrate"], env={"DATABASE_URL": url})
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[-1] == "The database is up to date"
    assert {file.state for file in status(url)} == {FileState.APPLIED}
    return [line for line in lines if line.startswith("WARNING")]


def assert_roles_work(url: str) -> None:
    """Bind one service as the owner and one as an operator; read their entries as an auditor."""
    with psycopg.connect(as_role(url, "superuser"), autocommit=True) as superuser:
        superuser.execute("GRANT ledger_auditor TO auditor")
        superuser.execute("GRANT ledger_operator TO operator")
    with psycopg.connect(url, autocommit=True) as owner:
        call(owner, "bind_role", role="service", app="app1")
    with psycopg.connect(as_role(url, "operator"), autocommit=True) as operator:
        call(operator, "bind_role", role="second service", app="app2")
    with psycopg.connect(as_role(url, "service"), autocommit=True) as service:
        record(service, app="app1", amount=3)
        with fails(service, "LG401"):
            record(service, app="app2")
    with psycopg.connect(as_role(url, "second service"), autocommit=True) as service:
        record(service, app="app2", amount=4)
    with psycopg.connect(as_role(url, "auditor"), autocommit=True) as auditor:
        assert scalar(auditor, "SELECT balances FROM ledger.trial_balance") == 7


def refuses_to_bind(url: str, name: str = "service") -> bool:
    with psycopg.connect(url, autocommit=True) as owner, fails(owner, "LG001") as refusal:
        call(owner, "bind_role", role=name, app="app1")
    quoted = '"{}"'.format(OWNER.replace('"', '""'))
    reason = f"cannot be made a member of ledger_app by {quoted}"
    assert refusal.detail == {"field": "role", "reason": reason}
    return 'an administrator run what "ledger roles" prints' in refusal.hint


@pytest.mark.parametrize("owned", ["SUPERUSER", "CREATEROLE"], indirect=True)
def test_owner_with_createrole_needs_no_administrator(owned: str) -> None:
    assert migrated(owned) == []
    assert_roles_work(owned)


def test_migrate_without_roles_does_the_rest_and_gives_advice(owned: str) -> None:
    (warning,) = migrated(owned)

    assert "may not make roles, and these are missing: " + ", ".join(GROUPS) in warning
    assert 'Have an administrator run what "ledger roles" prints, then run "ledger mig' in warning
    with psycopg.connect(owned, autocommit=True) as owner:
        assert record(owner)["seq"] == 1
    assert refuses_to_bind(owned)


def test_missing_roles_are_reported_even_with_notices_disabled(owned: str) -> None:
    assert len(migrated(make_conninfo(owned, options="-c client_min_messages=warning"))) == 1


def test_migrate_after_the_script_grants_the_rest(owned: str) -> None:
    migrated(owned)

    assert run_script(owned, "administrator").returncode == 0

    assert migrated(owned) == []
    assert_roles_work(owned)


@pytest.mark.parametrize("name", ["administrator", "superuser"])
def test_script_can_be_run_before_the_first_migrate_and_again(owned: str, name: str) -> None:
    for _ in range(2):
        done = run_script(owned, name)
        assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr

    assert migrated(owned) == []
    assert run_script(owned, name).returncode == 0
    assert_roles_work(owned)


def test_script_names_the_owner_for_any_role(owned: str) -> None:
    migrated(owned)

    assert role_script(as_role(owned, "stranger")) == role_script(owned)


def test_script_contains_the_file_that_migrate_runs(owned: str) -> None:
    file = PROJECT_ROOT / "sql/privileges/roles.sql"

    assert file.read_text(encoding="utf-8") in role_script(owned)


@pytest.mark.parametrize("owned", ["SUPERUSER"], indirect=True)
def test_script_grants_a_superuser_nothing(owned: str) -> None:
    assert "ADMIN OPTION;" not in role_script(owned)


def test_script_without_createrole_fails_with_an_explanation(owned: str) -> None:
    done = run_script(owned, "stranger")

    assert done.returncode == 3
    assert "stranger may not make roles, and these are missing" in done.stderr


def test_owner_cannot_grant_roles_of_another_ledger(owned: str) -> None:
    with psycopg.connect(as_role(owned, "superuser"), autocommit=True) as superuser:
        for group in GROUPS:
            superuser.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(group)))

    (warning,) = migrated(owned)
    assert "may not make logins members of ledger_app, as ledger.bind_role does. Have" in warning
    assert refuses_to_bind(owned)

    assert run_script(owned, "superuser").returncode == 0
    assert_roles_work(owned)
    assert migrated(owned) == []


def test_binding_an_existing_member_needs_no_right_to_grant(owned: str) -> None:
    migrated(owned)
    with psycopg.connect(as_role(owned, "superuser"), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE ledger_app")
        superuser.execute("GRANT ledger_app TO service")
    migrated(owned)

    with psycopg.connect(owned, autocommit=True) as owner:
        call(owner, "bind_role", role="service", app="app1")

    with psycopg.connect(as_role(owned, "service"), autocommit=True) as service:
        assert record(service)["seq"] == 1
    assert refuses_to_bind(owned, "second service")


def test_service_of_an_owner_without_roles_starts_with_a_warning(owned: str) -> None:
    said: list[str] = []

    ensure_current(owned, Settings(), app="app1", report=said.append)

    assert [line for line in said if 'what "ledger roles" prints' in line] != []
