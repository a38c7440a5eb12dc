"""The doors of a partition: what a front may call there.

Each calls a function of the ledger in the caller's role and answers JSON, also for refusals: an
error would cost PL/Proxy its connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ledger_py.cluster.fronts.interface import Function, Interface, Relation
from ledger_py.cluster.fronts.routing import Route, route_of, route_of_relation

__all__ = ("CONTEXT", "LOGIN", "SCHEMA", "doors_of", "rows_door")

SCHEMA: Final = "ledger_door"
LOGIN: Final = "ledger_front"
"""The login of all fronts on a partition."""

CONTEXT: Final = ("text", "text", "boolean")
"""The first parameters of every door: the caller, the lock_timeout, and whether it is a dry run."""

_WITHOUT_DOOR: Final = (Route.NONE, Route.OWN)

_DOOR: Final = """
CREATE OR REPLACE FUNCTION {schema}.{name}({parameters})
RETURNS {result}
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $door$
DECLARE
    v_answer text;
    v_detail text;
    v_hint text;
BEGIN
    PERFORM set_config('role', $1, TRUE), set_config('lock_timeout', $2, TRUE);
    {answer}
    IF $3 THEN
        RAISE SQLSTATE 'LGDRY';
    END IF;
    RETURN{result_variable};
EXCEPTION
    -- A dry run is rolled back, and answered.
    WHEN SQLSTATE 'LGDRY' THEN
        RETURN{result_variable};
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
        RETURN {next} json_build_array(sqlstate, sqlerrm, v_detail, v_hint);
END
$door$;
"""


def rows_door(relation: Relation) -> str:
    """Return the name of the door to the rows of a table or view."""
    return f"rows_of_{relation.name}"


def doors_of(interface: Interface) -> Iterator[str]:
    """Write the statements that create the doors of a partition."""
    for function in interface.functions:
        if route_of(function) not in _WITHOUT_DOOR:
            yield _door(function.name, function.types, function.is_set, _answer(function))
        elif function.name == "entries_after":
            yield _door("read_feed", function.types, True, _answer(function))
    for relation in interface.relations:
        if route_of_relation(relation) is not Route.NONE:
            yield _door(rows_door(relation), (), True, _rows(f"ledger.{relation.name}"))


def _door(name: str, types: tuple[str, ...], is_set: bool, answer: str) -> str:
    parameters = ", ".join((*CONTEXT, *types))
    return _DOOR.format(
        schema=SCHEMA,
        name=name,
        parameters=parameters,
        result="SETOF text" if is_set else "text",
        answer=answer,
        next="NEXT" if is_set else "",
        result_variable="" if is_set else " v_answer",
    )


def _answer(function: Function) -> str:
    first = len(CONTEXT) + 1
    arguments = ", ".join(f"${number}" for number in range(first, first + len(function.types)))
    call = f"ledger.{function.name}({arguments})"
    if function.is_set:
        # The position is for merging rows of several partitions.
        return _rows(f"{call} WITH ORDINALITY")
    if function.result == "void":
        return f"PERFORM {call};\n    v_answer := 'null';"
    return f"v_answer := coalesce(to_json({call})::text, 'null');"


def _rows(source: str) -> str:
    return f"RETURN QUERY SELECT to_json(answered)::text FROM {source} AS answered;"
