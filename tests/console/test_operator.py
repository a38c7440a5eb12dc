"""Operators' actions: a form, what it would do, and then the action itself, once."""

from __future__ import annotations

from typing import Any, Final

import httpx
import psycopg
import pytest

from ledger_py.console import require_auditor
from ledger_py.logins import LoginRefused
from tests.console.conftest import Visitor, auditor, make_console, visiting
from tests.console.reading import form_token, forms, shown_sql, words
from tests.console.test_access import addresses
from tests.console.year import HOSTILE
from tests.sql.calls import Connection, balance, call, entries, record, rows, spend
from tests.sql.lifecycle import adjust, operate, place, reverse

WHO: Final = {"reason": "Outage of 3 March", "actor": "Kim of support"}

ACTIONS: Final[dict[str, dict[str, str]]] = {
    "adjust": {"amount": "+25"},
    "freeze": {},
    "unfreeze": {},
    "floor": {"min_balance": "-50"},
}
NAMES: Final = {"actor": "Your name", "min_balance": "Floor", "owner_id": "Owner"}

TABLES: Final = (
    "ledger.accounts",
    "ledger.allowances",
    "ledger.entries",
    "ledger.lots",
    "ledger.operator_actions",
    "ledger_core.nonces",
)


def everything(conn: Connection) -> list[Any]:
    """Read the tables that an action could write."""
    return [
        conn.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1".encode()).fetchall()
        for table in TABLES
    ]


def actions(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT action, actor, reason, seq FROM ledger.operator_actions ORDER BY action_seq"
    ).fetchall()


def asked(client: httpx.Client, action: str, **fields: str) -> httpx.Response:
    """Open a form, fill it in, and send it."""
    given = {"owner_id": "alice"} | {k: v for k, v in fields.items() if k in ("owner_id", "seq")}
    page = client.get(f"/{action}", params=given)
    assert page.status_code == 200, words(page)
    (form,) = forms(page, action)
    return client.post(f"/{action}", data=form | WHO | ACTIONS.get(action, {}) | fields)


def confirmed(client: httpx.Client, page: httpx.Response, action: str) -> httpx.Response:
    """Press the button of a page that shows what an action would do."""
    assert page.status_code == 200, words(page)
    (form,) = [form for form in forms(page, action) if "confirm" in form]
    return client.post(f"/{action}", data=form)


def prepared(conn: Connection, action: str) -> None:
    record(conn, amount=10)
    if action == "unfreeze":
        operate(conn, "freeze_account")


@pytest.mark.parametrize("action", ACTIONS)
def test_action_is_shown_first_and_then_done_once(
    operator: httpx.Client, conn: Connection, action: str
) -> None:
    prepared(conn, action)
    before, known = everything(conn), len(actions(conn))

    shown = asked(operator, action)

    assert "Nothing is done yet" in words(shown)
    assert {
        "adjust": "Balance 10 35 Held 0 0 Available 10 35 Floor 0 0 Frozen no no",
        "freeze": "Available 10 10 Floor 0 0 Frozen no yes",
        "unfreeze": "Available 10 10 Floor 0 0 Frozen yes no",
        "floor": "Available 10 10 Floor 0 -50 Frozen no no",
    }[action] in words(shown)
    assert everything(conn) == before

    first = confirmed(operator, shown, action)
    after = everything(conn)
    second = confirmed(operator, shown, action)

    assert everything(conn) == after != before
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    (done,) = actions(conn)[known:]
    assert done[1:3] == (WHO["actor"], WHO["reason"])
    notice = words(operator.get(f"/{first.headers['location']}"))
    assert {
        "adjust": "The adjustment is recorded as entry no. 2",
        "freeze": "The account is frozen now.",
        "unfreeze": "The account is not frozen any more.",
        "floor": "The floor of the account is -50 now.",
    }[action] in notice


def test_shown_statements_do_what_the_page_says(operator: httpx.Client, conn: Connection) -> None:
    record(conn, amount=10)
    before = everything(conn)
    statements = shown_sql(asked(operator, "adjust"))
    assert statements[-1] == "ROLLBACK"
    (adjusting,) = [text for text in statements if "adjust_balance" in text]
    with conn.transaction(force_rollback=True):
        assert conn.execute(adjusting.encode()).fetchone() == (2, 25, 35, False)
    assert everything(conn) == before


def test_form_that_was_carried_out_is_shown_as_done(
    operator: httpx.Client, conn: Connection
) -> None:
    record(conn, amount=10)
    shown = asked(operator, "adjust")
    confirmed(operator, shown, "adjust")
    (form,) = [form for form in forms(shown, "adjust") if "confirm" in form]
    del form["confirm"]

    again = operator.post("/adjust", data=form)
    other = operator.post("/adjust", data=form | {"amount": "26"})

    assert "This was done already, as entry no. 2" in words(again)
    assert not any("confirm" in one for one in forms(again, "adjust"))
    assert other.status_code == 409
    assert "carried out already, with other values" in words(other)
    assert len(entries(conn)) == 2


def test_form_adjusts_once_however_often_it_is_sent(
    operator: httpx.Client, conn: Connection
) -> None:
    record(conn, amount=10)
    (form,) = forms(operator.get("/adjust?owner_id=alice"), "adjust")
    filled = form | WHO | {"amount": "25"}
    shown = [operator.post("/adjust", data=filled) for _ in range(2)]
    answers = [confirmed(operator, page, "adjust") for page in shown]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert balance(conn) == 35
    assert len(entries(conn)) == 2
    (other,) = forms(operator.get("/adjust?owner_id=alice"), "adjust")
    assert other["nonce"] != form["nonce"]


@pytest.mark.parametrize("action", ["freeze", "floor"])
def test_what_is_so_already_is_not_offered(
    operator: httpx.Client, conn: Connection, action: str
) -> None:
    record(conn, amount=10)
    confirmed(operator, asked(operator, action), action)
    again = asked(operator, action)
    assert "This would change nothing" in words(again)
    assert not any("confirm" in form for form in forms(again, action))


@pytest.mark.parametrize("confirm", [{}, {"confirm": "yes"}])
def test_refusal_has_words_and_values(
    operator: httpx.Client, conn: Connection, confirm: dict[str, str]
) -> None:
    record(conn, amount=10)
    before = everything(conn)

    page = asked(
        operator, "adjust", amount="\N{MINUS SIGN}1\N{NARROW NO-BREAK SPACE}000", **confirm
    )

    assert page.status_code == 402
    assert "The account has too few available credits. Nothing was done." in words(page)
    assert "available 10" in words(page)
    assert "required 1000" in words(page)
    assert "Add credits, or ask for at most what is available" in words(page)
    (form,) = forms(page, "adjust")
    assert form["reason"] == WHO["reason"]
    assert everything(conn) == before


@pytest.mark.parametrize("confirm", [{}, {"confirm": "yes"}])
@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        *((action, field, "") for action in ACTIONS for field in ("reason", "actor")),
        *((action, "reason", " \r\n ") for action in ACTIONS),
        ("freeze", "reason", "x" * 1001),
        ("freeze", "actor", "x" * 256),
        ("adjust", "amount", ""),
        ("adjust", "amount", "0"),
        ("adjust", "amount", "1.5"),
        ("adjust", "amount", "9" * 19),
        ("adjust", "nonce", ""),
        ("floor", "min_balance", "1"),
        ("floor", "min_balance", "none"),
        ("freeze", "owner_id", ""),
        ("freeze", "asset", "credit"),
    ],
)
def test_wrong_field_is_named(
    operator: httpx.Client,
    conn: Connection,
    action: str,
    field: str,
    value: str,
    confirm: dict[str, str],
) -> None:
    prepared(conn, action)
    before = everything(conn)
    (form,) = forms(operator.get(f"/{action}?owner_id=alice"), action)
    form = form | WHO | ACTIONS[action] | confirm | {field: value}

    page = operator.post(f"/{action}", data=form)

    assert page.status_code == 422
    assert f"Nothing was done. {NAMES.get(field, field.capitalize())} " in words(page)
    assert everything(conn) == before


@pytest.mark.parametrize("field", ["reason", "actor", "owner_id", "nonce"])
def test_text_that_the_database_cannot_hold_is_refused(
    operator: httpx.Client, conn: Connection, field: str
) -> None:
    record(conn, amount=10)
    (form,) = forms(operator.get("/adjust?owner_id=alice"), "adjust")
    page = operator.post("/adjust", data=form | WHO | {"amount": "1"} | {field: "a\0b"})
    assert page.status_code == 422
    assert len(entries(conn)) == 1


def test_markup_is_only_shown(operator: httpx.Client, conn: Connection) -> None:
    record(conn, owner_id=HOSTILE, amount=10)
    said = {"owner_id": HOSTILE, "reason": HOSTILE, "actor": HOSTILE}

    shown = asked(operator, "adjust", **said)
    refused = asked(operator, "adjust", amount=HOSTILE, **said)
    confirmed(operator, shown, "adjust")
    empty = operator.get("/freeze", params={"owner_id": HOSTILE})

    for page in (shown, refused, empty):
        assert HOSTILE in words(page)
        assert HOSTILE not in page.text
        assert "<img" not in page.text
    ((_, actor, reason, _),) = actions(conn)
    assert (actor, reason) == (HOSTILE, HOSTILE)


def test_operator_gives_the_name_once_in_a_session(
    operator: httpx.Client, conn: Connection
) -> None:
    record(conn)
    asked(operator, "freeze")
    (form,) = forms(operator.get("/floor?owner_id=alice"), "floor")
    assert form["actor"] == WHO["actor"]


def test_entry_is_reversed_once_by_its_number(operator: httpx.Client, conn: Connection) -> None:
    record(conn, amount=10)
    spend(conn, 4)
    page = operator.get("/owner?owner_id=alice")
    assert 'href="reverse?owner_id=alice&amp;asset=CREDIT&amp;seq=2"' in page.text

    shown = asked(operator, "reverse", seq="2", amount="3")
    assert "CREDIT_SPEND of app1, -4" in words(shown)
    assert "Balance 6 9" in words(shown)
    assert balance(conn) == 6
    first, second = (confirmed(operator, shown, "reverse") for _ in range(2))

    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    notice = words(operator.get(f"/{first.headers['location']}"))
    assert "The reversal is recorded as entry no. 3" in notice
    assert f"{WHO['actor']} : {WHO['reason']}" in notice
    assert balance(conn) == 9
    assert actions(conn) == [("reverse_entry", WHO["actor"], WHO["reason"], 3)]


def test_what_is_left_is_reversed_if_no_amount_is_given(
    operator: httpx.Client, conn: Connection
) -> None:
    record(conn, amount=10, nonce="one")
    reverse(conn, "one", amount=4)
    form = operator.get("/reverse?owner_id=alice&seq=1")
    assert "4 of it are reversed already" in words(form)

    confirmed(operator, asked(operator, "reverse", seq="1"), "reverse")

    assert balance(conn) == 0
    assert 'href="reverse?' not in operator.get("/owner?owner_id=alice").text
    refused = asked(operator, "reverse", seq="1")
    assert refused.status_code == 409
    assert "reversible 0" in words(refused)


def test_claim_is_freed_if_that_is_ticked(operator: httpx.Client, conn: Connection) -> None:
    record(conn, operation="SIGNUP_CREDIT")
    record(conn, amount=10)
    assert "claimed again" in words(operator.get("/reverse?owner_id=alice&seq=1"))
    assert "claimed again" not in words(operator.get("/reverse?owner_id=alice&seq=2"))

    confirmed(operator, asked(operator, "reverse", seq="1", free_claim="yes"), "reverse")

    assert record(conn, operation="SIGNUP_CREDIT")["seq"] == 4


def test_no_other_amount_is_reversed_than_was_shown(
    operator: httpx.Client, conn: Connection
) -> None:
    record(conn, amount=10, nonce="one")
    shown = asked(operator, "reverse", seq="1")
    assert "Amount -10" in words(shown)
    reverse(conn, "one", amount=4)
    refused = confirmed(operator, shown, "reverse")
    assert refused.status_code == 409
    assert "The reversals would exceed the original entry. Nothing was done." in words(refused)
    assert balance(conn) == 6


def test_entry_on_a_frozen_account_is_reversed(operator: httpx.Client, conn: Connection) -> None:
    record(conn, amount=10)
    operate(conn, "freeze_account")
    confirmed(operator, asked(operator, "reverse", seq="1"), "reverse")
    assert balance(conn) == 0


def test_entries_of_the_ledger_itself_have_no_reversal(
    operator: httpx.Client, conn: Connection
) -> None:
    adjust(conn, 5)
    assert 'href="reverse?' not in operator.get("/owner?owner_id=alice").text
    refused = asked(operator, "reverse", seq="1")
    assert refused.status_code == 422
    assert "must not be the ledger itself" in words(refused)


def test_transfer_is_reversed_from_the_page_of_its_sender(
    operator: httpx.Client, conn: Connection
) -> None:
    record(conn, amount=10)
    gift = {"from_owner_id": "alice", "to_owner_id": "bob", "operation": "CREDIT_GIFT"}
    rows(conn, "transfer_credits", app="app1", **gift, nonce="gift", amount=3)
    assert 'href="reverse?' not in operator.get("/owner?owner_id=bob").text
    assert "&amp;seq=2" in operator.get("/owner?owner_id=alice").text

    confirmed(operator, asked(operator, "reverse", seq="2"), "reverse")

    assert (balance(conn), balance(conn, "bob")) == (10, 0)


@pytest.mark.parametrize(
    "claim", ["done=adjust&seq=1", "done=adjust", "done=freeze", "done=x", "done=adjust&seq=9"]
)
def test_notice_says_only_what_is_so(operator: httpx.Client, conn: Connection, claim: str) -> None:
    record(conn)
    page = operator.get(f"/owner?owner_id=alice&{claim}")
    assert page.status_code == 200
    assert 'class="banner done"' not in page.text


PLAN: Final = {"owner_id": "alice", "app": "app1", "allowance_nonce": "plan of <b>"}


def with_a_plan(conn: Connection) -> None:
    call(
        conn,
        "grant_allowance",
        app="app1",
        owner_id="alice",
        operation="CREDIT_ADD",
        nonce=PLAN["allowance_nonce"],
        amount=100,
    )


def end_of_plan(client: httpx.Client, **fields: str) -> httpx.Response:
    """Fill the form in that ends the allowance, and ask what it would do."""
    page = client.get("/end-allowance", params=PLAN)
    assert page.status_code == 200, words(page)
    (form,) = forms(page, "end-allowance")
    # Not ticked
    del form["forfeit"]
    return client.post("/end-allowance", data=form | WHO | fields)


def test_allowance_is_ended_once_after_it_was_shown(
    operator: httpx.Client, conn: Connection
) -> None:
    with_a_plan(conn)
    spend(conn, 30)
    place(conn, 20)
    owner = operator.get("/owner?owner_id=alice")
    assert 'href="end-allowance?owner_id=alice&amp;asset=CREDIT&amp;app=app1&amp;' in owner.text
    before = everything(conn)

    shown = end_of_plan(operator, forfeit="yes")

    assert "100 CREDIT every month by CREDIT_ADD of app1, nonce plan of <b>" in words(shown)
    assert "<b>" + "plan" not in shown.text
    assert "Balance 70 20 Held 20 20 Available 50 0" in words(shown)
    assert "Ends never" in words(shown)
    assert everything(conn) == before

    first, second = (confirmed(operator, shown, "end-allowance") for _ in range(2))

    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert actions(conn) == [("end_allowance", WHO["actor"], WHO["reason"], 3)]
    notice = words(operator.get(f"/{first.headers['location']}"))
    assert "The end of the allowance is noted below." in notice
    assert "end allowance Kim of support" in notice
    assert f"{WHO['actor']} : {WHO['reason']}" in notice
    assert "This would change nothing" in words(end_of_plan(operator))


def test_end_of_an_allowance_can_be_put_off_and_taken_back(
    operator: httpx.Client, conn: Connection
) -> None:
    with_a_plan(conn)
    confirmed(operator, end_of_plan(operator, at="2099-01-31 12:00"), "end-allowance")
    shown = end_of_plan(operator, at="never")
    assert "Ends 2099-01-31 12:00:00 never" in words(shown)
    confirmed(operator, shown, "end-allowance")
    (plan,) = rows(conn, "allowances_of", owner_id="alice")
    assert (plan["ends_at"], plan["status"]) == (None, "open")


def test_allowance_of_a_frozen_account_is_ended(operator: httpx.Client, conn: Connection) -> None:
    with_a_plan(conn)
    operate(conn, "freeze_account")
    confirmed(operator, end_of_plan(operator), "end-allowance")
    (plan,) = rows(conn, "allowances_of", owner_id="alice")
    assert plan["status"] == "ended"


@pytest.mark.parametrize("confirm", [{}, {"confirm": "yes"}])
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"at": "tomorrow"}, "When must be a time in UTC"),
        ({"at": "9999-06-01"}, "When must be before 9999"),
        ({"at": "2099-01-01", "forfeit": "yes"}, "What is left is possible at once only"),
        ({"reason": ""}, "Reason is required, at most 1000 characters"),
    ],
)
def test_wrong_end_of_an_allowance_is_named(
    operator: httpx.Client,
    conn: Connection,
    fields: dict[str, str],
    said: str,
    confirm: dict[str, str],
) -> None:
    with_a_plan(conn)
    before = everything(conn)
    page = end_of_plan(operator, **fields, **confirm)
    assert page.status_code == 422
    assert said in words(page)
    assert everything(conn) == before


@pytest.mark.parametrize("wrong", [{"app": "app2"}, {"allowance_nonce": "x"}, {"owner_id": "bob"}])
def test_allowance_that_does_not_exist_is_not_ended(
    operator: httpx.Client, conn: Connection, wrong: dict[str, str]
) -> None:
    with_a_plan(conn)
    assert operator.get("/end-allowance", params=PLAN | wrong).status_code == 404
    assert end_of_plan(operator, **wrong, confirm="yes").status_code == 404
    assert actions(conn) == []


@pytest.mark.parametrize("number", ["", "3", "x", "9" * 19])
def test_entry_that_does_not_exist_is_not_reversed(
    operator: httpx.Client, conn: Connection, number: str
) -> None:
    record(conn, amount=10)
    (form,) = forms(operator.get("/reverse?owner_id=alice&seq=1"), "reverse")
    page = operator.post("/reverse", data=form | WHO | {"seq": number, "confirm": "yes"})
    assert page.status_code == 404
    assert operator.get("/reverse?owner_id=alice&seq=3").status_code == 404
    assert len(entries(conn)) == 1


def test_owner_without_entries_can_be_adjusted(operator: httpx.Client, conn: Connection) -> None:
    assert 'href="adjust?owner_id=bob' in operator.get("/owner?owner_id=bob").text
    shown = asked(operator, "adjust", owner_id="bob")
    assert "Nothing was ever recorded for this owner in CREDIT" in words(shown)
    confirmed(operator, shown, "adjust")
    assert balance(conn, "bob") == 25


@pytest.mark.parametrize("confirm", [{}, {"confirm": "yes"}])
def test_locked_account_is_left_alone(
    operator: httpx.Client, conn: Connection, confirm: dict[str, str]
) -> None:
    record(conn, amount=10)
    before = everything(conn)
    with psycopg.connect(conn.info.dsn, password=conn.info.password or None) as other:
        record(other, amount=1)
        page = asked(operator, "adjust", **confirm)
        other.rollback()
    assert page.status_code == 503
    assert "The account is locked by another transaction, nothing was done" in words(page)
    assert everything(conn) == before


def test_action_that_takes_too_long_is_stopped(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=10)
    before = everything(conn)
    with (
        auditor(ledger_db, group="ledger_operator") as url,
        visiting(make_console(url, operator=True, console_timeout=0.5)) as client,
        psycopg.connect(conn.info.dsn, password=conn.info.password or None) as other,
    ):
        record(other, amount=1)
        page = asked(client, "freeze", confirm="yes")
        other.rollback()
    assert page.status_code == 503
    assert "longer than 0.5 seconds, nothing was done" in words(page)
    assert everything(conn) == before


def test_forms_from_elsewhere_write_nothing(operator: httpx.Client, conn: Connection) -> None:
    record(conn, amount=10)
    before = everything(conn)
    for action, fields in ACTIONS.items():
        (form,) = forms(operator.get(f"/{action}?owner_id=alice"), action)
        form |= WHO | fields | {"confirm": "yes"}
        foreign = operator.post(f"/{action}", data=form, headers={"Origin": "http://evil.example"})
        strange = httpx.post(f"{operator.base_url}/{action}", data=form)
        for token in ("", "0" * 64):
            forged = operator.post(f"/{action}", data=form | {"form_token": token})
            assert forged.status_code == 403
        assert foreign.status_code == 403
        assert strange.status_code == 401
    assert everything(conn) == before


def test_reader_has_no_actions(visitor: Visitor, conn: Connection) -> None:
    record(conn, amount=10)
    client = visitor()
    page = client.get("/owner?owner_id=alice")
    for action, fields in ACTIONS.items():
        assert f'href="{action}?' not in page.text
        assert client.get(f"/{action}?owner_id=alice").status_code == 404
        form = {"form_token": form_token(client), "confirm": "yes"} | WHO | fields
        assert client.post(f"/{action}", data=form).status_code == 404


def test_auditor_gets_no_actions(login: str, conn: Connection) -> None:
    record(conn, amount=10)
    before = everything(conn)
    with pytest.raises(LoginRefused, match="not a member of ledger_operator"):
        require_auditor(login, operator=True)
    with visiting(make_console(login, operator=True)) as client:
        for action in ACTIONS:
            page = asked(client, action, confirm="yes")
            assert page.status_code == 403
            assert "no member of ledger_operator. Nothing was done" in words(page)
    assert everything(conn) == before


def test_every_form_of_an_operator_needs_the_token(operator: httpx.Client, ledger_db: str) -> None:
    paths = addresses(make_console(ledger_db, operator=True), "POST")
    assert set(paths) >= {f"/{action}" for action in ACTIONS}
    for path in paths:
        assert operator.post(path, data={"form_token": ""}).status_code == 403
