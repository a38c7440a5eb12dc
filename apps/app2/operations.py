"""The operations of app 2."""

from ledger_py import BaseLedgerOperation

__all__ = ("App2Operation",)


class App2Operation(BaseLedgerOperation):
    """The operations that app 2 may record; its migrations define their rules."""

    DAILY_REWARD = "DAILY_REWARD"
    SIGNUP_CREDIT = "SIGNUP_CREDIT"
    CREDIT_SPEND = "CREDIT_SPEND"
    CREDIT_ADD = "CREDIT_ADD"
    TOKENS_USED = "TOKENS_USED"
    PLAN_ALLOWANCE = "PLAN_ALLOWANCE"
