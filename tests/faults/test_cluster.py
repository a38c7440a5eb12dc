"""Faults in a partition of a cluster, and its move, lose nothing; others are served meanwhile."""

from __future__ import annotations

from tests.faults.cluster import run_on_cluster
from tests.faults.faults import drop_connections, kill_server, kill_service, pause_server
from tests.faults.fronts import kill_front_pooler, kill_front_session


def test_books_of_partitions_match_the_journal_after_faults_in_one() -> None:
    faults = (kill_server, pause_server, drop_connections, kill_service)
    front_faults = (kill_front_pooler, kill_front_session)
    figures = run_on_cluster(
        rounds=1, seed=1, report=print, faults=faults, front_faults=front_faults
    )

    assert figures.findings.all() == [], "\n".join(figures.lines())
    assert figures.journal.causes, "no request was affected by the faults"
    assert figures.beside["kill_server"]
