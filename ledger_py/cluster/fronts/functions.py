"""The functions and views of a front, under the names that they have in a ledger.

Schema `ledger_front` is the inside of a front: nobody but its owner may use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ledger_py.cluster.files import ClusterFile
from ledger_py.cluster.fronts.doors import CONTEXT, rows_door
from ledger_py.cluster.fronts.doors import SCHEMA as DOORS
from ledger_py.cluster.fronts.interface import Function, Interface, Relation
from ledger_py.cluster.fronts.routing import (
    NONCE_OF,
    ORDER_OF,
    OWNERS,
    Route,
    instead_of,
    route_of,
    route_of_relation,
)

__all__ = ("limits_of", "places", "proxies_of", "statements_of")

_SIGNATURE: Final = """
CREATE FUNCTION {name}({parameters})
RETURNS {result}
LANGUAGE plpgsql
{volatility}
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $front$
"""

_FUNCTION: Final = (
    _SIGNATURE
    + """#variable_conflict use_column
BEGIN
    {body}
EXCEPTION
    WHEN OTHERS THEN
        IF NOT ledger_front.is_lost(sqlstate) THEN
            RAISE;
        END IF;
        PERFORM ledger_front.unavailable(sqlerrm);
END
$front$;
"""
)

_FIRST: Final = (
    _SIGNATURE
    + """#variable_conflict use_column
DECLARE
    v_number integer;
    v_away text;
BEGIN
    FOR v_number IN SELECT number FROM ledger_front.partitions()
    LOOP
        BEGIN
            {body}
            RETURN;
        EXCEPTION
            WHEN OTHERS THEN
                IF NOT ledger_front.is_lost(sqlstate) THEN
                    RAISE;
                END IF;
                v_away := sqlerrm;
        END;
    END LOOP;
    PERFORM ledger_front.unavailable(v_away);
END
$front$;
"""
)

_SUMMED: Final = {"numeric": "sum", "bigint": "sum", "boolean": "bool_and"}
"""The aggregates that add rows of partitions up; other columns are keys."""

_CONTEXT: Final = (
    "ledger_front.caller()",
    "current_setting('lock_timeout')",
    "ledger_front.is_dry_run()",
)
"""What a door needs to know of the caller's session."""


def places(cluster: ClusterFile) -> Iterator[str]:
    """Write the functions that say which partition keeps an owner, as the file does."""
    rows = ", ".join(
        f"({number}, '{one.name}', '{one.multirange}'::int4multirange)"
        for number, one in enumerate(cluster.partitions)
    )
    yield f"""
CREATE FUNCTION ledger_front.partitions()
RETURNS TABLE (number integer, name text, kept int4multirange)
LANGUAGE sql
IMMUTABLE
AS $$ VALUES {rows} $$
"""
    cases = " ".join(
        f"WHEN v_bucket <@ '{one.multirange}'::int4multirange THEN {number}"
        for number, one in enumerate(cluster.partitions)
    )
    yield f"""
CREATE FUNCTION ledger_front.place(owner_id text)
RETURNS integer
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
    v_hash bytea := sha256(convert_to(coalesce(owner_id, ''), 'UTF8'));
    v_bucket integer := (get_byte(v_hash, 0) * 256 + get_byte(v_hash, 1)) % {cluster.buckets};
BEGIN
    RETURN CASE {cases} END;
END
$$
"""


def limits_of(interface: Interface) -> Iterator[str]:
    """Write the constants of a ledger that a front needs."""
    for name, value in interface.limits.items():
        yield f"""
CREATE FUNCTION ledger_front.{name}()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT {value} $$
"""


def proxies_of(interface: Interface) -> Iterator[str]:
    """Write the functions of PL/Proxy: each calls one door."""
    for function in interface.functions:
        route = route_of(function)
        if route in (Route.OWNER, Route.NONCE, Route.FIRST, Route.INSIDE):
            yield _proxy(function.name, function.name, function.types, is_set=function.is_set)
        elif route in (Route.ALL, Route.SUM):
            yield _proxy(function.name, function.name, function.types, is_set=True, on_all=True)
        elif function.name == "entries_after":
            yield _proxy("read_feed", "read_feed", function.types, is_set=True)
    for relation in interface.relations:
        route = route_of_relation(relation)
        if route is not Route.NONE:
            name = rows_door(relation)
            yield _proxy(name, name, (), is_set=True, on_all=route is Route.SUM)
    yield _proxy("has_nonce", "has_nonce", ("text", "text", "text"), is_set=False)


def _proxy(
    name: str, door: str, types: Sequence[str], *, is_set: bool, on_all: bool = False
) -> str:
    """Write one. Its first parameter is the number of the partition, unless all are asked."""
    wanted = (*CONTEXT, *types)
    given = wanted if on_all else ("integer", *wanted)
    first = 1 if on_all else 2
    arguments = ", ".join(f"${at}::{type_}" for at, type_ in enumerate(wanted, first))
    return f"""
CREATE FUNCTION ledger_front.{name}({", ".join(given)})
RETURNS {"SETOF text" if is_set else "text"}
LANGUAGE plproxy
AS $$
    CLUSTER 'ledger';
    RUN ON {"ALL" if on_all else "$1"};
    SELECT * FROM {DOORS}.{door}({arguments});
$$
"""


def statements_of(interface: Interface) -> Iterator[str]:
    """Write what callers of a front see: types, functions and views, their rights and comments."""
    for function in interface.functions:
        yield _function(function)
        yield f"COMMENT ON FUNCTION ledger.{function.name} IS {_literal(function.comment)}"
        for role in function.roles:
            yield f"GRANT EXECUTE ON FUNCTION ledger.{function.name} TO {role}"
    for relation in interface.relations:
        yield from _relation(relation)


def _function(function: Function) -> str:
    route = route_of(function)
    template, body = _FUNCTION, ""
    arguments = [f"${number}" for number in range(1, 1 + len(function.types))]
    if route in (Route.NONE, Route.INSIDE):
        body = _refused(f"ledger.{function.name}()", instead_of(function.name))
    elif route is Route.OWN:
        body = f"RETURN QUERY SELECT * FROM ledger_front.{function.name}({', '.join(arguments)});"
    elif route is Route.FIRST:
        template = _FIRST
        body = _returned(function, _asked(function.name, "v_number", arguments))
    elif route is Route.OWNER:
        owner = next(f"${at}" for at, name in enumerate(function.names, 1) if name in OWNERS)
        body = _returned(function, _asked(function.name, f"ledger_front.place({owner})", arguments))
        if function.name == "verify":
            whole = _refused("ledger.verify()", instead_of(function.name))
            body = f"IF {owner} IS NULL THEN {whole} END IF; {body}"
        if "claim_subject" in function.names:
            body = f"{_claim_elsewhere(function)} {body}"
    elif route is Route.NONCE:
        body = _returned(function, _asked(function.name, _place_of_nonce(function), arguments))
    elif function.is_set:
        body = _merged(function, route, arguments)
    else:
        answers = f"ledger_front.{function.name}({', '.join((*_CONTEXT, *arguments))})"
        body = (
            "RETURN (SELECT sum((ledger_front.checked(answer) #>> '{}')::"
            f"{function.result}) FROM {answers} AS answer);"
        )
    if function.volatility == "VOLATILE" and route not in (Route.NONE, Route.INSIDE):
        body = f"PERFORM ledger_front.check_writable('ledger.{function.name}'); {body}"
    return template.format(
        name=f"ledger.{function.name}",
        parameters=function.parameters,
        result=function.result,
        volatility=function.volatility,
        body=body,
    )


def _claim_elsewhere(function: Function) -> str:
    """Write what is done if another partition keeps the claim subject than the owner."""
    places = {name: f"${1 + at}" for at, name in enumerate(function.names)}
    owner, subject = places["owner_id"], places["claim_subject"]
    given = ", ".join(place for name, place in places.items() if name != "claim_deadline")
    return (
        f"IF {subject} IS NOT NULL"
        f" AND ledger_front.place({subject}) <> ledger_front.place({owner})"
        f" THEN RETURN ledger_front.record_claim({given}); END IF;"
    )


def _asked(name: str, place: str, arguments: Sequence[str]) -> str:
    return f"ledger_front.{name}({', '.join((place, *_CONTEXT, *arguments))})"


def _place_of_nonce(function: Function) -> str:
    kind, parameter = NONCE_OF[function.name]
    nonce, app = (f"${1 + function.names.index(name)}" for name in (parameter, "app"))
    search = f"ledger_front.partition_that_has('{kind}', {app}, {nonce}, '{parameter}')"
    if "owner_id" not in function.names:
        return search
    owner = f"${1 + function.names.index('owner_id')}"
    return f"CASE WHEN {owner} IS NULL THEN {search} ELSE ledger_front.place({owner}) END"


def _returned(function: Function, asked: str) -> str:
    """Write the statement that returns what a door answers."""
    if function.is_set:
        return (
            f"RETURN QUERY SELECT answered.* FROM {asked} AS answer"
            f" CROSS JOIN LATERAL {_row(function, 'ledger_front.checked(answer)')};"
        )
    checked = f"ledger_front.checked({asked})"
    if function.result == "void":
        return f"PERFORM {checked};"
    if function.is_composite:
        return f"RETURN json_populate_record(NULL::{function.result}, {checked});"
    return f"RETURN ({checked} #>> '{{}}')::{function.result};"


def _row(function: Function, answer: str) -> str:
    if function.columns is not None:
        return f"json_to_record({answer}) AS answered ({function.columns})"
    return f"json_populate_record(NULL::{function.row_type}, {answer}) AS answered"


def _merged(function: Function, route: Route, arguments: Sequence[str]) -> str:
    """Write the statement that merges the rows of all partitions, or adds them up."""
    asked = f"ledger_front.{function.name}({', '.join((*_CONTEXT, *arguments))})"
    selected, grouped, order = "answered.*", "", ORDER_OF.get(function.name)
    if route is Route.SUM:
        columns = (one.split(" ", 1) for one in (function.columns or "").split(", "))
        selected, order = _summed((name, type_) for name, type_ in columns)
        grouped = f" GROUP BY {order}"
    return (
        f"RETURN QUERY SELECT {selected} FROM {asked} AS answer"
        f" CROSS JOIN LATERAL {_row(function, 'ledger_front.checked(answer)')}"
        f"{grouped} ORDER BY {order};"
    )


def _relation(relation: Relation) -> Iterator[str]:
    name = f"ledger.{relation.name}"
    route = route_of_relation(relation)
    if route is Route.NONE:
        nulls = ", ".join(f"NULL::{one.type} AS {one.name}" for one in relation.columns)
        rows = f"SELECT {nulls} WHERE {_refusal(name, instead_of(relation.name))}"
    else:
        reader = f"ledger_front.read_{relation.name}"
        yield _reader(reader, relation, route)
        for role in relation.roles:
            yield f"GRANT EXECUTE ON FUNCTION {reader} TO {role}"
        rows = f"SELECT {_selected(relation, route)} FROM {reader}() AS answered"
        if route is Route.SUM:
            _, keys = _summed((one.name, one.type) for one in relation.columns)
            rows += f" GROUP BY {keys}"
    yield f"CREATE VIEW {name} AS {rows}"
    if relation.comment is not None:
        yield f"COMMENT ON VIEW {name} IS {_literal(relation.comment)}"
    for role in relation.roles:
        yield f"GRANT SELECT ON {name} TO {role}"


def _reader(name: str, relation: Relation, route: Route) -> str:
    columns = ", ".join(f"{one.name} {one.type}" for one in relation.columns)
    proxy = f"ledger_front.{rows_door(relation)}"
    given = _CONTEXT if route is Route.SUM else ("v_number", *_CONTEXT)
    body = (
        f"RETURN QUERY SELECT answered.* FROM {proxy}({', '.join(given)}) AS answer"
        f" CROSS JOIN LATERAL json_to_record(ledger_front.checked(answer)) AS answered ({columns});"
    )
    template = _FUNCTION if route is Route.SUM else _FIRST
    return template.format(
        name=name,
        parameters="",
        result=f"TABLE ({columns})",
        volatility="STABLE",
        body=body,
    )


def _selected(relation: Relation, route: Route) -> str:
    if route is not Route.SUM:
        return ", ".join(f"answered.{one.name}" for one in relation.columns)
    return _summed((one.name, one.type) for one in relation.columns)[0]


def _summed(columns: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Write the columns with their numbers added up, and the keys by which that is done."""
    selected, keys = [], []
    for name, type_ in columns:
        if type_ in _SUMMED:
            selected.append(f"{_SUMMED[type_]}(answered.{name})::{type_} AS {name}")
        else:
            selected.append(f"answered.{name}")
            keys.append(f"answered.{name}")
    return ", ".join(selected), ", ".join(keys)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _refusal(what: str, instead: str) -> str:
    return f"ledger_front.only_on_partitions({_literal(what)}, {_literal(instead)})"


def _refused(what: str, instead: str) -> str:
    return f"PERFORM {_refusal(what, instead)};"
