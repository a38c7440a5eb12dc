"""The operations of app 1."""

from ledger_py import BaseLedgerOperation

__all__ = ("App1Operation",)


class App1Operation(BaseLedgerOperation):
    """The operations that app 1 may record; its migrations define their rules."""

    DAILY_REWARD = "DAILY_REWARD"
    SIGNUP_CREDIT = "SIGNUP_CREDIT"
    CREDIT_SPEND = "CREDIT_SPEND"
    CREDIT_ADD = "CREDIT_ADD"
    CONTENT_CREATION = "CONTENT_CREATION"
    CONTENT_ACCESS = "CONTENT_ACCESS"
    CREDIT_GIFT = "CREDIT_GIFT"
    CONTEST_PRIZE = "CONTEST_PRIZE"
