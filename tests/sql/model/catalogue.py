"""The operations of the model: those of an installation, and one of the tests."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo

from tests.sql.calls import Connection, call
from tests.sql.model.account import PLAIN, Use
from tests.sql.model.refusal import Refused, invalid

APPS = ("app1", "app2")


def next_month(at: datetime) -> datetime:
    """Return the same day of the next month, or its last day if there is no such day."""
    year, month = at.year + at.month // 12, at.month % 12 + 1
    return at.replace(year=year, month=month, day=min(at.day, monthrange(year, month)[1]))


@dataclass(frozen=True)
class ClaimLimit:
    """A number of claims per period, in a time zone."""

    claims: int
    period: str
    by_app: bool = False
    zone: str = "UTC"

    def start(self, at: datetime) -> datetime | None:
        """Return the local start of the period; None for `ever`."""
        today = at.astimezone(ZoneInfo(self.zone)).replace(
            hour=0, minute=0, second=0, microsecond=0, tzinfo=None
        )
        return {
            "ever": None,
            "day": today,
            "week": today - timedelta(days=today.weekday()),
            "month": today.replace(day=1),
        }[self.period]

    def end(self, at: datetime) -> datetime | None:
        """Return the start of the next period."""
        start = self.start(at)
        if start is None:
            return None
        ends = {
            "day": start + timedelta(days=1),
            "week": start + timedelta(weeks=1),
            "month": next_month(start),
        }
        return ends[self.period].replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


@dataclass(frozen=True)
class Price:
    """The amount of each unit of a quantity."""

    unit_amount: int
    unit_size: int
    rounding: str

    def of(self, quantity: int) -> int:
        """Return the amount of a quantity. Halves are rounded away from zero."""
        exact = quantity * Fraction(-self.unit_amount, self.unit_size)
        if self.rounding == "up":
            return -ceil(exact)
        return -floor(exact if self.rounding == "down" else exact + Fraction(1, 2))


@dataclass(frozen=True)
class Rule:
    """The rule of an operation."""

    default: int | None
    low: int
    high: int
    apps: tuple[str, ...] = APPS
    limit: ClaimLimit | None = None
    expiry: Callable[[datetime], datetime] | None = None
    price: Price | None = None
    max_debt: int = 0
    use: Use = PLAIN
    transferable: bool = False

    def priced(self, quantity: int) -> int:
        """Return the amount of a quantity, or refuse it."""
        if self.price is None:
            raise invalid("quantity")
        return self.price.of(quantity)

    def amount(self, operation: str, asked: int | None, quantity: int | None = None) -> int:
        """Return the amount of a request, or refuse it."""
        amount = self.default if asked is None else asked
        if quantity is not None:
            amount = self.priced(quantity)
        if amount is None:
            raise invalid("amount")
        if not self.low <= amount <= self.high:
            raise Refused(
                "LG002",
                operation=operation,
                amount=amount,
                min_amount=self.low,
                max_amount=self.high,
            )
        return amount


def a_day_and_a_half_later(at: datetime) -> datetime:
    """Go on by a day of the calendar of Berlin, then by 12 hours as they pass."""
    zone = ZoneInfo("Europe/Berlin")
    # Python adds to a time of a zone by its calendar.
    tomorrow = at.astimezone(zone) + timedelta(days=1)
    return tomorrow.astimezone(UTC) + timedelta(hours=12)


def two_days_later(at: datetime) -> datetime:
    return at + timedelta(days=2)


PRICES = (Price(-3, 4, "nearest"), Price(-2, 3, "up"), Price(-5, 4, "down"))
"""METERED begins with the first."""

RULES = {
    "DAILY_REWARD": Rule(1, 1, 1, limit=ClaimLimit(1, "day")),
    "SIGNUP_CREDIT": Rule(3, 3, 3, limit=ClaimLimit(1, "ever")),
    "CREDIT_SPEND": Rule(-1, -1_000_000_000, -1),
    "CREDIT_ADD": Rule(10, 1, 1_000_000_000),
    "CONTENT_CREATION": Rule(-5, -5, -5, apps=("app1",)),
    "CONTENT_ACCESS": Rule(0, 0, 0, apps=("app1",)),
    "TOKENS_USED": Rule(
        None, -1_000_000, -1, apps=("app2",), price=Price(-1, 1, "up"), max_debt=100
    ),
    "PLAN_ALLOWANCE": Rule(1000, 1, 100_000, apps=("app2",), expiry=next_month),
    "WEEKLY_BONUS": Rule(
        5,
        1,
        20,
        limit=ClaimLimit(2, "week", True, "Europe/Berlin"),
        expiry=a_day_and_a_half_later,
    ),
    "METERED": Rule(None, -40, 0, price=PRICES[0], max_debt=7),
    "PROMO": Rule(
        3, 1, 20, expiry=two_days_later, use=Use("free", usable_for=["CONTENT_CREATION", "METERED"])
    ),
    "PARTNER": Rule(3, 1, 20, use=Use("paid", usable_in=["app2"])),
    "NARROW": Rule(
        3, 1, 20, use=Use(usable_for=["CREDIT_SPEND", "TOKENS_USED"], usable_in=["app2"])
    ),
    "GIFT": Rule(3, 1, 20, use=Use("free", usable_in=["app2"])),
    "SEND": Rule(None, -12, -1, transferable=True),
    "FIRST": Rule(3, 1, 20, use=Use(priority=7)),
    "LATE": Rule(3, 1, 20, use=Use("free", 150)),
    "PRIZE": Rule(
        3,
        0,
        20,
        limit=ClaimLimit(2, "week"),
        use=Use("free", usable_for=["CREDIT_SPEND"]),
    ),
}

CLASSED = tuple(operation for operation, rule in RULES.items() if rule.use != PLAIN)


def define_price(conn: Connection, price: Price) -> None:
    """Define METERED at a price."""
    call(
        conn,
        "define_operation",
        operation="METERED",
        description="So much for each of some",
        min_amount=-40,
        max_amount=0,
        max_debt=7,
        **asdict(price),
    )


def define_operations(conn: Connection) -> None:
    """Define WEEKLY_BONUS and METERED, operations with all parts of a rule."""
    define_price(conn, PRICES[0])
    call(
        conn,
        "define_operation",
        operation="WEEKLY_BONUS",
        description="Up to two bonuses a week that soon expire",
        default_amount=5,
        min_amount=1,
        max_amount=20,
        claim_limit=2,
        claim_period="week",
        claim_scope="owner_and_app",
        claim_time_zone="Europe/Berlin",
        expires_after="1 day 12 hours",
    )
    # Without the price and the debt that app2 gives it.
    call(
        conn,
        "define_operation",
        operation="TOKENS_USED",
        description="Tokens",
        min_amount=-1_000_000,
        max_amount=-1,
    )
    for operation in CLASSED:
        rule = RULES[operation]
        call(
            conn,
            "define_operation",
            operation=operation,
            description="Credits of a class, of limited use",
            default_amount=rule.default,
            min_amount=rule.low,
            max_amount=rule.high,
            claim_limit=rule.limit and rule.limit.claims,
            claim_period=rule.limit and rule.limit.period,
            expires_after="2 days" if rule.expiry else None,
            **asdict(rule.use),
        )
    call(
        conn,
        "define_operation",
        operation="SEND",
        description="To somebody else",
        min_amount=-12,
        max_amount=-1,
        transferable=True,
    )
    for app in APPS:
        for operation in ("WEEKLY_BONUS", "METERED", "SEND", *CLASSED):
            call(conn, "allow_operation", app=app, operation=operation)


def rule_of(app: str, operation: str, price: Price, *, transfers: bool = False) -> Rule:
    """Return the rule of an operation for an app, or refuse. price: what METERED costs."""
    rule = RULES.get(operation)
    if rule is None:
        raise Refused("LG102", app=app, operation=operation)
    if app not in rule.apps:
        raise Refused("LG103", app=app, operation=operation)
    if rule.transferable and not transfers:
        raise invalid("operation")
    if transfers and not rule.transferable:
        raise Refused("LG309", app=app, operation=operation)
    return replace(rule, price=price) if operation == "METERED" else rule
