"""`ledger cluster`: output, exit codes, and what it leaves on the partitions."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from ledger_py import Cluster
from ledger_py.cli import main
from ledger_py.cluster import catalogue, files
from ledger_py.cluster.buckets import write_ranges
from ledger_py.cluster.errors import ClusterError
from tests.distributed.clusters import Partitions, described, owner_on
from tests.sql.calls import Connection, call, record, refused, scalar

GIFT = "SELECT ledger.define_operation('GIFT', 'A gift', default_amount => 1, max_amount => 5)"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return CliRunner(env={"LEDGER_LOG_FORMAT": "console"})


def run(runner: CliRunner, *arguments: str | Path, path: Path, given: str = "") -> Result:
    command = ["cluster", arguments[0], *arguments[1:]]
    return runner.invoke(
        main, [str(part) for part in command], env={"LEDGER_CLUSTER": str(path)}, input=given
    )


def operations(conn: Connection) -> int:
    found: int = scalar(conn, "SELECT count(*) FROM ledger.operations WHERE operation = 'GIFT'")
    return found


# init


def test_init_makes_every_partition(
    runner: CliRunner, fresh_urls: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "cluster.toml"
    files.write(path, described(*fresh_urls))
    result = run(runner, "init", path=path)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "p0: migrations/0001_schemas.sql applied"
    assert lines[-3:] == [
        "p0: keeps buckets 0-7",
        "p1: keeps buckets 8-15",
        "The cluster is ready: 2 partitions",
    ]
    with Partitions(path) as cluster:
        owner = owner_on(0)
        assert record(cluster.conns[0], owner_id=owner)["seq"] == 1
        with refused(cluster.conns[1], "LG311"):
            record(cluster.conns[1], owner_id=owner)
    again = run(runner, "init", path=path)
    assert (again.exit_code, again.stdout) == (0, "The cluster is ready: 2 partitions\n")


def test_init_refuses_a_ledger_with_owners_of_other_buckets(
    runner: CliRunner, clone: str, cluster: Partitions
) -> None:
    conn = cluster.conns[1]
    conn.execute("DELETE FROM ledger_core.kept_buckets")
    record(conn, owner_id=owner_on(0))
    result = run(runner, "init", path=cluster.path)
    assert result.exit_code == 1
    assert "p1: owners of buckets other than 8-15 have accounts there" in result.stderr
    assert clone


def test_init_refuses_two_names_for_one_database(
    runner: CliRunner, cluster: Partitions, tmp_path: Path
) -> None:
    path = tmp_path / "twice.toml"
    files.write(path, described(cluster.urls[0], cluster.urls[0]))
    result = run(runner, "init", path=path)
    assert result.exit_code == 1
    assert "p0 and p1 are the same database" in result.stderr


def test_init_refuses_addresses_that_were_interchanged(
    runner: CliRunner, cluster: Partitions, tmp_path: Path
) -> None:
    path = tmp_path / "interchanged.toml"
    files.write(path, described(*reversed(cluster.urls)))
    result = run(runner, "init", path=path)
    assert result.exit_code == 1
    assert "p0 is partition p1 of a cluster of 16 buckets" in result.stderr


def test_command_without_a_file_says_how_to_name_it(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEDGER_CLUSTER", raising=False)
    result = runner.invoke(main, ["cluster", "status"])
    assert result.exit_code == 1
    assert "--file or LEDGER_CLUSTER" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        *("migrate", "status", "rollback", "psql", "roles"),
        *("verify", "checkpoint", "export -", "settle", "show alice", "console"),
    ],
)
def test_command_about_one_database_does_not_take_another_one(
    runner: CliRunner, cluster: Partitions, tmp_path: Path, command: str
) -> None:
    """Such as the embedded one, which is empty, and so is always right."""
    folder = tmp_path / "data"
    environment = {"LEDGER_CLUSTER": str(cluster.path), "LEDGER_DATA_DIR": str(folder)}
    result = runner.invoke(main, command.split(), env=environment)
    assert result.exit_code == 1
    assert "Name one of its partitions in DATABASE_URL, or use `ledger cluster`" in result.stderr
    assert not folder.exists()


def test_command_about_one_database_takes_the_partition_that_is_named(
    runner: CliRunner, cluster: Partitions
) -> None:
    record(cluster.conns[1], owner_id=owner_on(1))
    environment = {"LEDGER_CLUSTER": str(cluster.path), "DATABASE_URL": cluster.urls[1]}
    result = runner.invoke(main, ["verify"], env=environment)
    assert result.stdout == "The books are right (1 account, 1 entry)\n"


# add


def test_added_partition_takes_buckets_without_owners(
    runner: CliRunner, cluster: Partitions, empty_db: str
) -> None:
    result = run(runner, "add", "p2", empty_db, "12-15", path=cluster.path)
    assert result.exit_code == 0, result.output
    assert [write_ranges(p.kept) for p in cluster.file.partitions] == ["0-7", "8-11", "12-15"]
    assert run(runner, "status", path=cluster.path).exit_code == 0
    owner = next(owner for owner in iter(lambda: owner_on(3, of=4), None))
    with refused(cluster.conns[1], "LG311"):
        record(cluster.conns[1], owner_id=owner)
    with psycopg.connect(empty_db) as conn:
        assert record(conn, owner_id=owner)["seq"] == 1


def test_buckets_with_owners_cannot_be_given_away(
    runner: CliRunner, cluster: Partitions, empty_db: str
) -> None:
    owner = owner_on(3, of=4)
    record(cluster.conns[1], owner_id=owner)
    result = run(runner, "add", "p2", empty_db, "4-7, 12-15", path=cluster.path)
    assert result.exit_code == 1
    assert "p1: owners of buckets other than 8-11 have accounts there" in result.stderr
    # The first was narrowed by then.
    assert "p0: keeps buckets 0-7 again" in result.stdout
    assert run(runner, "status", path=cluster.path).exit_code == 0
    assert len(cluster.file.partitions) == 2


@pytest.mark.parametrize("number", [0, 2], ids=["reserved", "of an owner there"])
def test_buckets_with_claim_subjects_cannot_be_given_away(
    runner: CliRunner, cluster: Partitions, empty_db: str, number: int
) -> None:
    claim = {"owner_id": owner_on(number, of=4), "operation": "SIGNUP_CREDIT", "nonce": "n"}
    with Cluster(cluster.path, app="app1") as client:
        client.record_entries([claim | {"claim_subject": owner_on(3, of=4)}])
    result = run(runner, "add", "p2", empty_db, "12-15", path=cluster.path)
    assert result.exit_code == 1
    assert "p1: claim subjects of buckets other than 8-11 have claims there" in result.stderr
    assert run(runner, "status", path=cluster.path).exit_code == 0


# status


def test_status_shows_every_partition(runner: CliRunner, cluster: Partitions) -> None:
    record(cluster.conns[0], owner_id=owner_on(0))
    result = run(runner, "status", path=cluster.path)
    assert result.exit_code == 0, result.output
    assert "1 account, 1 entry" in result.stdout
    assert "buckets 8-15" in result.stdout


def test_status_names_a_partition_that_is_away(
    runner: CliRunner, cluster: Partitions, tmp_path: Path
) -> None:
    path = tmp_path / "away.toml"
    files.write(path, described(cluster.urls[0], "postgresql://127.0.0.1:1/nowhere"))
    result = run(runner, "status", path=path)
    assert result.exit_code == 1
    assert "p1: 127.0.0.1 1 nowhere" in result.stdout
    assert "WRONG: The database cannot be reached" in result.stdout


def test_status_waits_once_for_all_partitions_that_say_nothing(
    runner: CliRunner, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2"
        path = tmp_path / "cluster.toml"
        files.write(path, described(*[url] * 4))
        began = time.monotonic()
        result = run(runner, "status", path=path)
    assert result.exit_code == 1
    assert result.stdout.count("WRONG: The database cannot be reached") == 4
    assert time.monotonic() - began < 6.0


def test_status_names_differences_of_the_catalogues(runner: CliRunner, cluster: Partitions) -> None:
    cluster.conns[1].execute(GIFT)
    result = run(runner, "status", path=cluster.path)
    assert result.exit_code == 1
    assert "The catalogues differ: operation" in result.stdout
    assert ": on p1, not on p0" in result.stdout


# change


def test_change_reaches_all_partitions(
    runner: CliRunner, cluster: Partitions, tmp_path: Path
) -> None:
    result = run(runner, "change", "-", path=cluster.path, given=GIFT)
    assert result.exit_code == 0, result.output
    assert [operations(conn) for conn in cluster.conns] == [1, 1]
    assert tmp_path


def test_change_that_one_partition_refuses_reaches_none(
    runner: CliRunner, cluster: Partitions
) -> None:
    # It has an entry, so that its asset cannot change any more.
    for conn in cluster.conns:
        conn.execute(GIFT)
        conn.execute("SELECT ledger.allow_operation('app1', 'GIFT')")
    record(cluster.conns[1], owner_id=owner_on(1), operation="GIFT")
    changed = GIFT.replace(", default", ", asset => 'OTHER', default")
    result = run(runner, "change", "-", path=cluster.path, given=changed)
    assert result.exit_code == 1
    assert "Nothing was changed; p1: " in result.stderr
    query = "SELECT asset FROM ledger.operations WHERE operation = 'GIFT'"
    assert [scalar(conn, query) for conn in cluster.conns] == ["CREDIT", "CREDIT"]


def test_change_reaches_none_while_one_is_away(
    runner: CliRunner, cluster: Partitions, tmp_path: Path
) -> None:
    path = tmp_path / "away.toml"
    files.write(path, described(cluster.urls[0], "postgresql://127.0.0.1:1/nowhere"))
    result = run(runner, "change", "-", path=path, given=GIFT)
    assert result.exit_code == 1
    assert "p1: " in result.stderr
    assert operations(cluster.conns[0]) == 0


def test_change_after_which_catalogues_would_differ_reaches_none(
    runner: CliRunner, cluster: Partitions
) -> None:
    statement = f"DO $$ BEGIN IF (SELECT partition_name = 'p1' FROM ledger.kept_buckets()) THEN\n\
        PERFORM {GIFT.removeprefix('SELECT ')}; END IF; END $$"
    result = run(runner, "change", "-", path=cluster.path, given=statement)
    assert result.exit_code == 1
    assert "the partitions would differ" in result.stderr
    assert [operations(conn) for conn in cluster.conns] == [0, 0]


@pytest.mark.parametrize(
    "statements",
    [
        f"{GIFT}; COMMIT",
        f"BEGIN; {GIFT}; COMMIT;",
        f"{GIFT}; COMMIT; BEGIN; SELECT 1 / 0",
        f"{GIFT}; COMMIT; BEGIN",
        f"DO $$ BEGIN PERFORM {GIFT.removeprefix('SELECT ')}; COMMIT; END $$",
    ],
)
def test_change_that_ends_the_transaction_reaches_none(
    runner: CliRunner, cluster: Partitions, statements: str
) -> None:
    result = run(runner, "change", "-", path=cluster.path, given=statements)
    assert result.exit_code == 1
    assert "Nothing was changed; p0: " in result.stderr
    assert "Leave BEGIN and COMMIT out" in result.stderr
    assert [operations(conn) for conn in cluster.conns] == [0, 0]


def test_statements_of_a_change_follow_each_other(runner: CliRunner, cluster: Partitions) -> None:
    """Quotes, percent signs and comments are the statements' own."""
    statements = f"""
        -- 100 % of the apps' operations
        CREATE TABLE public.made (note text);
        INSERT INTO public.made VALUES ('it''s $$ 5 % \\ "quoted"');
        {GIFT.replace("A gift", "It''s a $$ gift of 5 %")};
        SELECT ledger.allow_operation('app1', 'GIFT')
    """
    result = run(runner, "change", "-", path=cluster.path, given=statements)
    assert result.exit_code == 0, result.output
    for conn in cluster.conns:
        assert scalar(conn, "SELECT note FROM public.made") == 'it\'s $$ 5 % \\ "quoted"'
        query = "SELECT description FROM ledger.operations WHERE operation = 'GIFT'"
        assert scalar(conn, query) == "It's a $$ gift of 5 %"


# verify and checkpoint


def test_verify_finds_nothing_wrong_in_a_cluster(runner: CliRunner, cluster: Partitions) -> None:
    for number, conn in enumerate(cluster.conns):
        record(conn, owner_id=owner_on(number))
    result = run(runner, "verify", path=cluster.path)
    assert (result.exit_code, result.stdout) == (0, "The books are right (2 partitions)\n")


def test_verify_names_a_nonce_of_two_partitions(runner: CliRunner, cluster: Partitions) -> None:
    for number, conn in enumerate(cluster.conns):
        record(conn, owner_id=owner_on(number), nonce="twice")
        record(conn, owner_id=owner_on(number), nonce=f"once {number}")
    result = run(runner, "verify", path=cluster.path)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        'nonce "twice" of app1 is used on several partitions: p0, p1',
        "The books are WRONG: 1 discrepancy",
    ]


def test_verify_names_a_claim_subject_beyond_its_limit(
    runner: CliRunner, cluster: Partitions
) -> None:
    for number, (conn, partition) in enumerate(
        zip(cluster.conns, cluster.file.partitions, strict=True)
    ):
        keep = "UPDATE ledger_core.kept_buckets SET kept = %s"
        conn.execute(keep, ["{[0,16)}"])
        claim = {"operation": "SIGNUP_CREDIT", "owner_id": owner_on(number)}
        record(conn, **claim, claim_subject="mail")
        conn.execute(keep, [partition.multirange])
    result = run(runner, "verify", path=cluster.path)
    assert result.exit_code == 1
    assert (
        'claim subject "mail" has claimed SIGNUP_CREDIT 2 times since -infinity, 1 may be: p0, p1'
    ) in result.stdout.splitlines()
    assert "claim subject of another partition" in result.stdout


def test_verify_names_an_owner_in_the_wrong_place(runner: CliRunner, cluster: Partitions) -> None:
    owner = owner_on(0)
    conn = cluster.conns[1]
    conn.execute("UPDATE ledger_core.kept_buckets SET kept = '{[0,16)}'")
    record(conn, owner_id=owner)
    conn.execute("UPDATE ledger_core.kept_buckets SET kept = '{[8,16)}'")
    result = run(runner, "verify", path=cluster.path)
    assert result.exit_code == 1
    assert f'p1: accounts "{owner}" CREDIT: owner of another partition' in result.stdout


def test_each_partition_is_verified_on_several_connections(
    runner: CliRunner, cluster: Partitions
) -> None:
    for number, conn in enumerate(cluster.conns):
        record(conn, owner_id=owner_on(number))
        conn.execute("UPDATE ledger.accounts SET balance = balance + 1")
    alone, together = (
        run(runner, "verify", "--connections", connections, path=cluster.path)
        for connections in ("1", "3")
    )
    assert (together.exit_code, alone.exit_code) == (1, 1)
    assert sorted(together.stdout.splitlines()) == sorted(alone.stdout.splitlines())
    for number in range(2):
        assert f"p{number}: verified 1 account\n" in together.stderr


def test_checkpoints_hold_until_the_past_changes(
    runner: CliRunner, cluster: Partitions, tmp_path: Path
) -> None:
    for number, conn in enumerate(cluster.conns):
        record(conn, owner_id=owner_on(number))
    taken = run(runner, "checkpoint", path=cluster.path)
    assert taken.exit_code == 0, taken.output
    lines = [json.loads(line) for line in taken.stdout.splitlines()]
    assert [line["partition"] for line in lines] == ["p0", "p1"]
    kept = tmp_path / "checkpoints"
    kept.write_text(taken.stdout)
    held = run(runner, "verify", "--checkpoint", kept, path=cluster.path)
    assert held.exit_code == 0, held.output

    kept.write_text(taken.stdout.replace(lines[1]["digest"], lines[0]["digest"]))
    broken = run(runner, "verify", "--checkpoint", kept, path=cluster.path)
    assert broken.exit_code == 1
    assert "p1: checkpoint of" in broken.stdout


def test_partitions_note_that_they_were_proved(runner: CliRunner, cluster: Partitions) -> None:
    for number, conn in enumerate(cluster.conns):
        record(conn, owner_id=owner_on(number))
    right, wrong = cluster.conns
    query = "SELECT discrepancies FROM ledger.proofs WHERE kind = %s"
    wrong.execute("UPDATE ledger.accounts SET balance = 7")
    assert run(runner, "verify", path=cluster.path).exit_code == 1
    assert scalar(right, query, "verify") == 0
    assert scalar(wrong, query, "verify") > 0
    assert run(runner, "checkpoint", path=cluster.path).exit_code == 0
    assert scalar(wrong, query, "checkpoint") == 0


def test_verify_does_not_pass_with_a_partition_away(
    runner: CliRunner, cluster: Partitions, tmp_path: Path
) -> None:
    path = tmp_path / "away.toml"
    files.write(path, described(cluster.urls[0], "postgresql://127.0.0.1:1/nowhere"))
    result = run(runner, "verify", path=path)
    assert result.exit_code == 1
    assert "p1: The database cannot be reached" in result.stderr
    assert "right" not in result.stdout


def test_migrate_goes_from_partition_to_partition(runner: CliRunner, cluster: Partitions) -> None:
    for conn in cluster.conns:
        conn.execute("UPDATE ledger_core.installed_files SET checksum = 'x' WHERE path = 'sql/'")
    assert run(runner, "status", path=cluster.path).exit_code == 1
    result = run(runner, "migrate", path=cluster.path)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "All partitions are up to date"
    assert run(runner, "status", path=cluster.path).exit_code == 0
    assert call(cluster.conns[0], "balance", owner_id=owner_on(0))["balance"] == 0


def test_login_is_bound_on_partitions_of_one_server(cluster: Partitions) -> None:
    """Memberships belong to the server, so one transaction would wait for the other."""
    role = "ledger_test_bound_on_all"
    conn = cluster.conns[0]
    conn.execute(f"CREATE ROLE {role} LOGIN".encode())
    try:
        with pytest.raises(ClusterError):
            catalogue.change(cluster.file, f"SELECT ledger.bind_role('{role}', 'app1'), 1 / 0")
        refused_later = (
            f"SELECT ledger.bind_role('{role}', 'app1'), ledger.allow_operation('x', 'y')"
        )
        with pytest.raises(ClusterError):
            catalogue.change(cluster.file, refused_later)
        assert not is_member(conn, role)
        for _ in range(2):
            catalogue.change(cluster.file, f"SELECT ledger.bind_role('{role}', 'app1')")
            assert is_member(conn, role)
        for partition in cluster.conns:
            assert scalar(partition, "SELECT count(*) FROM ledger.app_roles") == 1
        catalogue.change(cluster.file, f"SELECT ledger.unbind_role('{role}', 'app1')")
        assert not is_member(conn, role)
    finally:
        conn.execute(f"DROP ROLE {role}".encode())


def is_member(conn: Connection, role: str) -> bool:
    return bool(scalar(conn, "SELECT pg_has_role(%s, 'ledger_app', 'MEMBER')", role))
