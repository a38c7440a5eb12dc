"""What the pages say about a ledger with a year of life, and about one without any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from weakref import WeakSet

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ledger_py.console import books
from ledger_py.console.pages import start
from ledger_py.console.showing import address
from tests.console import million
from tests.console.conftest import Visitor, auditor, make_console, visiting
from tests.console.reading import section, shown_sql, words
from tests.console.year import HOSTILE, PICTURES, RIGHT_TO_LEFT, TURNED
from tests.sql.calls import Connection, Row, call, entries, record, rows, scalar, spend
from tests.sql.lifecycle import place, reverse

ALICE = "/owner?owner_id=alice"


def give(conn: Connection, receiver: str) -> None:
    """Transfer 3 credits of alice."""
    gift = {"from_owner_id": "alice", "to_owner_id": receiver, "operation": "CREDIT_GIFT"}
    rows(conn, "transfer_credits", app="app1", **gift, nonce="gift", amount=3)


@pytest.fixture
def ledger(year_db: str) -> Iterator[Connection]:
    with psycopg.connect(year_db, autocommit=True) as conn:
        yield conn


@pytest.fixture(scope="module")
def talkative(year_db: str) -> Iterator[httpx.Client]:
    """A client of a console to which the server tells every statement that it gets."""
    with auditor(year_db) as url, psycopg.connect(year_db, autocommit=True) as conn:
        role = sql.Identifier(str(conninfo_to_dict(url)["user"]))
        for name, value in (("log_statement", "all"), ("client_min_messages", "log")):
            setting = sql.SQL("ALTER ROLE {} SET {} = {}")
            conn.execute(setting.format(role, sql.Identifier(name), value))
        with visiting(make_console(url)) as client:
            yield client


def numbers_of_entries(response: httpx.Response) -> list[int]:
    return [int(number) for number in re.findall(r'<tr id="entry-(\d+)">', response.text)]


class TestStart:
    def test_books_tie(self, year: httpx.Client, year_db: str) -> None:
        with psycopg.connect(year_db) as conn:
            total = conn.execute(
                "SELECT total, balances FROM ledger.trial_balance WHERE asset = 'CREDIT'"
            ).fetchone()
        assert total is not None
        text = words(year.get("/books"))
        assert f"They tie CREDIT : entries {total[0]}, balances {total[1]}" in text

    def test_transfers_are_neither_issued_nor_spent(
        self, visitor: Visitor, conn: Connection
    ) -> None:
        record(conn, amount=10)
        give(conn, "bob")
        days = section(visitor().get("/"), "days-title")
        assert "issued +10 spent 0" in days

    def test_books_that_do_not_tie_are_shown(self, visitor: Visitor, conn: Connection) -> None:
        record(conn)
        conn.execute("ALTER TABLE ledger.accounts DISABLE TRIGGER USER")
        conn.execute("UPDATE ledger.accounts SET balance = 999")
        assert "They do not tie" in words(visitor().get("/books"))

    def test_days_of_the_month_and_apps(self, year: httpx.Client, year_db: str) -> None:
        with psycopg.connect(year_db) as conn:
            found = conn.execute(
                "SELECT sum(amount) FILTER ("
                "   WHERE operation IN ('EXPIRY', 'CARRY_OVER', 'FORFEITURE')),"
                " sum(amount) FILTER (WHERE amount > 0 AND operation IN"
                "   (SELECT operation FROM ledger.operations)),"
                " count(*) FILTER (WHERE app = 'app2')"
                " FROM ledger.entries WHERE asset = 'CREDIT'"
                " AND recorded_at >= (now() AT TIME ZONE 'UTC')::date - 29"
            ).fetchone()
        assert found is not None
        expired, issued, of_app2 = found
        page = year.get("/")
        days = section(page, "days-title")
        assert f"issued +{issued}" in days
        assert f"expired {expired}" in days
        assert page.text.count('<rect class="issued"') > 0
        assert re.search(rf"app2 AI assistant 8 CREDIT {of_app2} ", section(page, "apps-title"))

    def test_long_ledger_says_how_far_its_days_reach(
        self, year: httpx.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "Only the newest" not in words(year.get("/"))
        monkeypatch.setattr(start, "_NEWEST", 3)
        page = year.get("/")
        assert "Only the newest 3 entries are counted here, since 20" in words(page)
        assert "Of the newest 3 entries only." in section(page, "apps-title")

    def test_largest_moves_of_a_busy_day_say_how_far_they_reach(
        self, visitor: Visitor, conn: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(start, "_NEWEST", 3)
        client = visitor()
        for amount in (500, 1, 2):
            record(conn, amount=amount)
        assert "+500" in section(client.get("/"), "largest-title")
        record(conn, amount=3)
        largest = section(client.get("/"), "largest-title")
        assert "+500" not in largest
        assert "Of the newest 3 entries only." in largest

    def test_largest_moves_and_old_holds(self, year: httpx.Client) -> None:
        page = year.get("/")
        assert re.search(r"alice app1 CREDIT_ADD \+75", section(page, "largest-title"))
        assert re.search(r"alice app2 TOKENS_USED 120", section(page, "old-holds-title"))
        assert "Generation 1" in section(page, "feed-title")

    def test_last_proofs_are_told(self, visitor: Visitor, conn: Connection) -> None:
        client = visitor()
        assert "Last verified never" in section(client.get("/"), "books-title")
        call(conn, "note_proof", kind="checkpoint")
        call(conn, "note_proof", kind="verify")
        me = scalar(conn, "SELECT session_user")
        told = section(client.get("/"), "books-title")
        assert re.search(rf"Last verified .* by {me} *: right Last checkpoint .* by {me}", told)
        call(conn, "note_proof", kind="verify", discrepancies=2)
        assert f"by {me} : 2 discrepancies" in section(client.get("/"), "books-title")

    def test_feed_that_waits_is_told(self, visitor: Visitor, conn: Connection) -> None:
        client = visitor()
        with psycopg.connect(conn.info.dsn, password=conn.info.password or None) as open_one:
            open_one.execute("CREATE TEMP TABLE x ()")
            record(conn)
            pid = scalar(open_one, "SELECT pg_backend_pid()")
            feed = section(client.get("/"), "feed-title")
            assert "wait for a transaction that is still open" in feed
            assert f"process {pid} of" in feed
        assert "Nothing waits" in section(client.get("/"), "feed-title")

    def test_empty_ledger(self, visitor: Visitor) -> None:
        client = visitor()
        text = words(client.get("/"))
        assert "Nothing was recorded in the last 30 days" in text
        assert "Nothing was recorded in the last 24 hours" in text
        assert "Nothing is recorded yet" in words(client.get("/books"))


class TestOwner:
    def test_more_than_a_list_shows_is_not_given_as_the_number(
        self, visitor: Visitor, conn: Connection
    ) -> None:
        client = visitor()
        record(conn, owner_id="busy", amount=1000)
        for nonce in range(201):
            place(conn, 1, owner_id="busy", nonce=f"hold-{nonce}")
            adjusted = {"owner_id": "busy", "amount": 1, "actor": "kim", "reason": "why"}
            call(conn, "adjust_balance", **adjusted, nonce=f"n-{nonce}")
        text = words(client.get("/owner?owner_id=busy"))
        assert "200+ open holds" in text
        assert "200+ by operators" in text

    def test_hold_that_ended_lately_is_shown_although_many_are_open(
        self, visitor: Visitor, conn: Connection
    ) -> None:
        client = visitor()
        record(conn, owner_id="busy", amount=1000)
        for nonce in range(30):
            place(conn, 1, owner_id="busy", nonce=f"hold-{nonce}")
        call(conn, "release_hold", app="app1", hold_nonce="hold-0")
        page = section(client.get("/owner?owner_id=busy"), "holds")
        assert re.search(r"Holds that ended lately.* released 0 of 1 app1 hold-0", page)

    def test_figures(self, year: httpx.Client, ledger: Connection) -> None:
        balance = call(ledger, "balance", owner_id="alice")
        text = words(year.get(ALICE))
        assert f"Balance {balance['balance']} Held 135 Available {balance['available']}" in text
        assert "Next to expire 71" in text

    def test_every_entry_is_reached_page_by_page(
        self, year: httpx.Client, ledger: Connection
    ) -> None:
        seen: list[int] = []
        path: str | None = f"{ALICE}&rows=100"
        while path:
            page = year.get(path)
            seen += numbers_of_entries(page)
            more = re.search(r'<a href="(owner[^"]*)#entries"\s+hx-get="(entries[^"]*)"', page.text)
            path = more and f"/{more[1]}".replace("&amp;", "&")
            if more:
                part = year.get(f"/{more[2]}".replace("&amp;", "&"))
                assert numbers_of_entries(part)[0] == seen[-1] - 1
        count = call(ledger, "balance", owner_id="alice")["entry_count"]
        assert seen == list(range(count, 0, -1))

    @pytest.mark.parametrize("many", ["201", "1000000000"])
    def test_page_has_at_most_two_hundred_rows(self, year: httpx.Client, many: str) -> None:
        for path in ("/owner", "/entries"):
            page = year.get(f"{path}?owner_id=alice&rows={many}")
            assert len(numbers_of_entries(page)) == 200

    def test_entry_tells_who_and_why(self, year: httpx.Client) -> None:
        found = year.get("/search?q=ticket-4711", follow_redirects=True)
        row = re.search(r'(?s)<tr id="entry-\d+">.*?</tr>', found.text)
        assert row is not None
        assert re.search(
            r"ledger ADJUSTMENT \+25 \d+ ticket-4711 Kim of support : Outage of 3 March",
            words(row[0]),
        )

    def test_reversal_and_its_original_point_to_each_other(
        self, year: httpx.Client, ledger: Connection
    ) -> None:
        reversal = next(one for one in entries(ledger) if one["reverses_seq"])
        original = reversal["reverses_seq"]
        page = year.get(f"{ALICE}&before={reversal['seq'] + 1}&rows=200")
        text = words(page)
        assert f"reverses no. {original}" in text
        assert f"reversed by no. {reversal['seq']} ( 5 of 5 )" in text.replace(
            "(5 of 5)", "( 5 of 5 )"
        )

    def test_metadata_is_shown_to_the_digit(self, visitor: Visitor, conn: Connection) -> None:
        conn.execute(
            "SELECT * FROM ledger.record_entry(app => 'app1', owner_id => 'alice',"
            " operation => 'CREDIT_ADD', nonce => 'n',"
            " metadata => '{\"x\": 12345678901234567.890}')"
        )
        assert '"x": 12345678901234567.890' in words(visitor().get(ALICE))

    def test_lots_in_the_order_of_spending(self, year: httpx.Client, ledger: Connection) -> None:
        lots = rows(ledger, "lots_of", owner_id="alice")
        text = section(year.get(ALICE), "lots")
        places = [text.index(f"{lot['remaining']} of {lot['amount']}") for lot in lots]
        assert len(lots) >= 2
        assert places == sorted(places)

    def test_holds_claims_and_actions(self, year: httpx.Client) -> None:
        page = year.get(ALICE)
        assert re.search(
            r"15 \S+ \S+ in \d hours? app1 CREDIT_SPEND cart-17", section(page, "holds")
        )
        claims = section(page, "claims")
        assert "SIGNUP_CREDIT 1 of 1 ever last by no. 1 never again" in claims
        assert re.search(r"DAILY_REWARD [01] of 1 this day last by no. \d+", claims)
        actions = section(page, "actions")
        assert "unfreeze account Lee as" in actions
        assert "frozen yes → no" in actions
        assert re.search(r"balance \d+ → \d+", actions)

    def test_claim_tells_the_next_time(self, visitor: Visitor, conn: Connection) -> None:
        record(conn, operation="DAILY_REWARD")
        row = conn.execute("SELECT to_char((now() AT TIME ZONE 'UTC')::date + 1, 'YYYY-MM-DD')")
        tomorrow = (row.fetchone() or [""])[0]
        claims = section(visitor().get(ALICE), "claims")
        assert f"DAILY_REWARD 1 of 1 this day last by no. 1 {tomorrow} 00:00:00" in claims

    def test_what_will_come(self, year: httpx.Client) -> None:
        coming = section(year.get(ALICE), "coming")
        assert re.search(r"hold cart-17 ends 15 free", coming)
        assert re.search(r"credits of no. \d+ expire -71 ", coming)

    def test_allowances_and_the_next_of_them(self, year: httpx.Client, ledger: Connection) -> None:
        page = year.get(ALICE)
        (next_at,) = [
            one["next_at"] for one in rows(ledger, "allowances_of", owner_id="alice")
            if one["status"] == "open"
        ]  # fmt: skip
        come = f"{next_at:%Y-%m-%d %H:%M:%S}"
        assert f"Next to come 500 {come}" in words(page)
        allowances = section(page, "allowances")
        assert re.search(rf"500 every month, Europe/Berlin since .*? {come} in ", allowances)
        assert "100 at most app2 PLAN_ALLOWANCE plan" in allowances
        assert re.search(
            r"300 every week since .*? ended .*? app2 PLAN_ALLOWANCE trial", allowances
        )
        coming = section(page, "coming")
        assert "PLAN_ALLOWANCE of the allowance plan +500" in coming
        assert "carried over from the allowance plan +" in coming
        assert "what is left of the allowance plan expires -500" in coming

    def test_curve_has_the_past_and_what_comes(
        self, year: httpx.Client, ledger: Connection
    ) -> None:
        for span in ("7d", "30d", "1y", "all"):
            page = year.get(f"{ALICE}&span={span}")
            assert 'data-curve="{&#34;now&#34;' in page.text
            table = section(page, "curve-title")
            assert str(call(ledger, "balance", owner_id="alice")["balance"]) in table

    def test_assets_can_be_switched(self, year: httpx.Client) -> None:
        page = year.get(f"{ALICE}&asset=TOKEN")
        assert "Balance 40" in words(page)
        assert 'href="owner?owner_id=alice&amp;asset=CREDIT"' in page.text

    def test_frozen_account_has_a_banner(self, year: httpx.Client) -> None:
        banner = words(year.get("/owner?owner_id=frozen"))
        assert "nothing can be recorded for this account. Ann : Under review" in banner
        assert "nothing can be recorded" not in words(year.get(ALICE))

    def test_closed_account_leads_to_the_one_that_it_was_moved_to(
        self, visitor: Visitor, conn: Connection
    ) -> None:
        record(conn, owner_id="guest")
        rows(conn, "move_account", from_owner_id="guest", to_owner_id="member", nonce="m",
             actor="Kim", reason="Signed up")  # fmt: skip
        page = visitor().get("/owner?owner_id=guest")
        assert "Closed: the account was moved to member . Kim : Signed up" in words(page)
        assert 'href="owner?owner_id=member&amp;asset=CREDIT"' in page.text
        assert "nothing can be recorded" not in words(page)

    def test_floor_is_shown_unless_it_is_zero(self, year: httpx.Client) -> None:
        assert "Floor -50" in words(year.get("/owner?owner_id=user-001"))
        assert "Floor" not in words(year.get(ALICE))

    def test_unknown_owner_has_words(self, year: httpx.Client) -> None:
        page = year.get("/owner?owner_id=nobody")
        assert page.status_code == 404
        assert "Nothing was ever recorded for this owner" in words(page)
        elsewhere = year.get("/owner?owner_id=frozen&asset=TOKEN")
        assert "no account in TOKEN. There is one in CREDIT" in words(elsewhere)

    def test_plain_account_has_words_for_what_it_lacks(
        self, visitor: Visitor, conn: Connection
    ) -> None:
        record(conn)
        text = words(visitor().get(ALICE))
        for nothing in ("None of these credits expires", "Nothing is held", "Nothing: the balance"):
            assert nothing in text

    def test_parts_tell_what_credits_are_for(self, visitor: Visitor, conn: Connection) -> None:
        record(conn, operation="CONTEST_PRIZE")
        record(conn, amount=2)
        page = visitor().get(ALICE)
        parts = section(page, "parts")
        assert parts.index("25 0 free, for CONTENT_CREATION") < parts.index("2 0 anything never")
        assert "free, for CONTENT_CREATION CONTEST_PRIZE (app1)" in section(page, "lots")

    def test_parts_are_left_out_where_credits_are_for_anything(
        self, visitor: Visitor, conn: Connection
    ) -> None:
        record(conn)
        assert "What the balance consists of" not in visitor().get(ALICE).text

    def test_sides_of_a_transfer_lead_to_each_other(
        self, visitor: Visitor, conn: Connection
    ) -> None:
        record(conn, amount=10)
        give(conn, HOSTILE)
        reverse(conn, "gift", 1)
        browser = visitor()
        sent, received = browser.get(ALICE), browser.get(f"/{address('owner', owner_id=HOSTILE)}")
        here = f"/{address('owner', owner_id=HOSTILE, asset='CREDIT', before=2)}#entry-1"
        there = "owner?owner_id=alice&amp;asset=CREDIT&amp;before=3#entry-2"
        assert f'to <a href="{escape(here[1:])}"><bdi class="said">' in sent.text
        assert f'from <a href="{there}"><bdi class="said">alice</bdi>' in received.text
        assert "-3 7 gift to" in section(sent, "entries")
        assert section(received, "entries").count("to alice") == 1
        assert browser.get(here).status_code == 200

    def test_hundreds_of_lots_are_bounded(self, visitor: Visitor, conn: Connection) -> None:
        conn.execute(
            "SELECT count(*) FROM generate_series(1, 230) AS n CROSS JOIN LATERAL"
            " ledger.record_entry(app => 'app1', owner_id => 'alice', operation => 'CREDIT_ADD',"
            " nonce => 'n' || n, expires_at => now() + make_interval(days => n))"
        )
        page = visitor().get(ALICE)
        assert "And 30 more" in section(page, "lots")
        assert section(page, "lots").count("CREDIT_ADD") == 200

    @pytest.mark.parametrize("owner_id", [RIGHT_TO_LEFT, PICTURES, TURNED, "a/b?c#d", HOSTILE])
    def test_every_owner_has_a_page(self, year: httpx.Client, owner_id: str) -> None:
        page = year.get(f"/{address('owner', owner_id=owner_id)}")
        assert page.status_code == 200
        assert "<h1><bdi" in page.text

    def test_verify_says_right_or_wrong(self, visitor: Visitor, conn: Connection) -> None:
        record(conn)
        spend(conn, 3)
        client = visitor()
        assert "Right 2 entries in CREDIT" in words(client.get("/verify?owner_id=alice"))
        conn.execute("ALTER TABLE ledger.entries DISABLE TRIGGER USER")
        conn.execute("UPDATE ledger.entries SET amount = 11 WHERE seq = 1")
        assert "Wrong" in words(client.get("/verify?owner_id=alice"))
        part = client.get("/verify?owner_id=alice", headers={"HX-Request": "true"})
        assert "Wrong" in words(part)
        assert "<html" not in part.text
        assert "nothing to verify" in words(client.get("/verify?owner_id=nobody"))


class TestSearch:
    def test_owners_by_their_beginning(self, year: httpx.Client) -> None:
        text = words(year.get("/search?q=user-"))
        assert all(f"user-{number:03}" in text for number in range(1, 6))

    def test_only_result_is_opened(self, year: httpx.Client) -> None:
        answer = year.get("/search?q=alice")
        assert answer.status_code == 303 or "alice" in words(answer)
        nonce = year.get("/search?q=promo")
        assert nonce.status_code == 303
        assert re.fullmatch(
            r"owner\?owner_id=alice&asset=CREDIT&before=\d+#entry-\d+", nonce.headers["location"]
        )
        hold = year.get("/search?q=cart-17")
        assert hold.headers["location"] == "owner?owner_id=alice&asset=CREDIT#holds"

    def test_blanks_around_a_text_are_forgiven(self, year: httpx.Client) -> None:
        assert year.get("/search?q=%20promo%20").status_code == 303

    def test_nothing_found_has_words(self, year: httpx.Client) -> None:
        assert "Nothing is called nothing-here" in words(year.get("/search?q=nothing-here"))
        assert "Type the beginning of an owner" in words(year.get("/search"))

    def test_while_typing_few_are_shown(self, year: httpx.Client) -> None:
        part = year.get("/search?q=u", headers={"HX-Request": "true"})
        assert "<html" not in part.text
        assert part.text.count("<li>") == 5


class TestOperations:
    def test_rules_of_all_operations(self, year: httpx.Client) -> None:
        text = words(year.get("/operations"))
        assert re.search(r"DAILY_REWARD shared .*? CREDIT \+1 \+1 1 a day per owner, UTC", text)
        assert re.search(r"PLAN_ALLOWANCE .*? \+1000 \+1 to \+100000 ", text)
        assert "30 days free, for CONTENT_CREATION" in text

    def test_prices_over_time(self, year: httpx.Client) -> None:
        page = year.get("/operations?operation=CONTENT_CREATION")
        prices = section(page, "prices")
        assert re.search(r"now CONTENT_CREATION defined -6 -6", prices)
        assert re.search(r"CONTENT_CREATION defined -5 -5", prices)
        assert re.search(r"app1 \S+ \S+ now -6 -6", section(page, "of-apps"))

    def test_retired_operation_says_so(self, visitor: Visitor, conn: Connection) -> None:
        call(conn, "define_operation", operation="OLD", description="x", default_amount=1)
        call(conn, "retire_operation", operation="OLD")
        assert re.search(r"OLD retired 20", words(visitor().get("/operations")))

    def test_operation_says_that_it_transfers(self, visitor: Visitor) -> None:
        text = words(visitor().get("/operations"))
        assert text.count("moves credits to another owner") == 1
        assert "CREDIT_GIFT Gift of one member to another moves credits" in text

    def test_unknown_operation_has_words(self, year: httpx.Client) -> None:
        text = words(year.get("/operations?operation=NONE"))
        assert "No such operation was ever defined" in text


class TestFinance:
    def test_year_is_told_month_by_month(self, year: httpx.Client, ledger: Connection) -> None:
        page = year.get("/finance")
        text = words(page)
        months = rows(
            ledger, "liability",
            since=scalar(ledger, "SELECT date_trunc('month', now(), 'UTC') - interval '11 months'"),
        )  # fmt: skip
        assert len(months) == page.text.count("<tr><td><time") == 12
        assert f"{months[-1]['closing']} CREDIT now" in text
        for month in months:
            assert f" {month['closing']} " in text
        assert page.text.count('<rect class="owed"') == sum(1 for it in months if it["closing"])

    def test_each_class_is_shown_on_demand(self, year: httpx.Client, ledger: Connection) -> None:
        text = words(year.get("/finance?classes=each"))
        (now,) = rows(ledger, "liability", since="2000-01-01", by="ever")
        classes = rows(ledger, "liability", since="2000-01-01", by="ever", by_class=True)
        assert {row["credit_class"] for row in classes} == {None, "free"}
        assert f"{int(now['closing'])} CREDIT now" in text
        for row in classes:
            assert f"{row['credit_class'] or 'neither'} {int(row['closing'])} " in text
        assert "class opening" not in words(year.get("/finance"))

    def test_asset_and_length_can_be_chosen(self, year: httpx.Client) -> None:
        text = words(year.get("/finance?asset=TOKEN&by=day"))
        assert "Owed at the end of each day 40 TOKEN now" in text

    def test_empty_ledger_has_words(self, visitor: Visitor) -> None:
        text = words(visitor().get("/finance?asset=NONE"))
        assert "No operation counts NONE" in text

    def test_transfers_are_shown_only_where_they_do_not_come_to_zero(
        self, visitor: Visitor, conn: Connection
    ) -> None:
        record(conn, amount=10)
        give(conn, "bob")
        page = visitor().get("/finance")
        assert "10 CREDIT now" in words(page)
        assert "transferred" not in words(page)
        conn.execute("ALTER TABLE ledger.entries DISABLE TRIGGER USER")
        conn.execute("UPDATE ledger.entries SET amount = -2 WHERE owner_id = 'alice' AND seq = 2")
        assert "transferred +1" in words(visitor().get("/finance"))

    def test_unknown_length_is_refused(self, year: httpx.Client) -> None:
        answer = year.get("/finance?by=hour")
        assert answer.status_code == 422
        assert "there are day, week, month, year" in words(answer)


class TestSql:
    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/books",
            f"{ALICE}&span=1y",
            "/search?q=user",
            "/operations?operation=DAILY_REWARD",
            "/finance?by=week",
            "/finance?classes=each",
            "/verify?owner_id=alice",
            "/" + address("owner", owner_id=HOSTILE),
            "/" + address("owner", owner_id="it's \\ 100 %"),
        ],
    )
    def test_what_is_shown_is_what_the_server_got(
        self, talkative: httpx.Client, monkeypatch: pytest.MonkeyPatch, path: str
    ) -> None:
        got: list[str] = []
        heard: WeakSet[object] = WeakSet()
        begin = books.Reading.__init__

        def listen(self: books.Reading, conn: psycopg.AsyncConnection[Row], first: str) -> None:
            begin(self, conn, first)
            if conn not in heard:
                heard.add(conn)
                conn.add_notice_handler(lambda notice: got.append(notice.message_primary or ""))

        monkeypatch.setattr(books.Reading, "__init__", listen)
        shown = shown_sql(talkative.get(path))

        assert shown[0].startswith("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        assert len(shown) > 2
        assert [f"statement: {statement}" for statement in shown[1:]] == got

    def test_what_is_shown_can_be_run_again(self, year: httpx.Client, year_login: str) -> None:
        shown = shown_sql(year.get(ALICE))
        with psycopg.connect(year_login, autocommit=True) as conn:
            results = {statement: conn.execute(statement.encode()) for statement in shown}
            (balance,) = (
                found.fetchone() for told, found in results.items() if "ledger.balance(" in told
            )
        assert balance is not None
        assert f"Balance {balance[0]}" in words(year.get(ALICE))


def test_large_ledger_can_be_measured(
    visitor: Visitor, ledger_db: str, capsys: pytest.CaptureFixture[str]
) -> None:
    million.fill(ledger_db, entries_of_one=10_000, owners=10_000)
    million.measure(visitor(), rounds=1)
    statuses = {line[56:59] for line in capsys.readouterr().out.splitlines()}
    assert statuses == {"200", "404"}


def test_texts_of_others_are_escaped_everywhere(year: httpx.Client) -> None:
    hostile = address("owner", owner_id=HOSTILE)
    for path in ("/", f"/{hostile}", "/operations", f"/{address('search', q=HOSTILE)}",
                 f"/{address('verify', owner_id=HOSTILE)}"):  # fmt: skip
        page = year.get(path, follow_redirects=True).text
        assert "<img" not in page
        assert "<script>" not in page
        assert page.count("<script ") == 3
    shown = year.get(f"/{hostile}").text
    assert shown.count("&lt;script&gt;") > 8
