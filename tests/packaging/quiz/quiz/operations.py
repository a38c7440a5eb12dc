"""The operations of the quiz."""

from ledger_py import BaseLedgerOperation


class QuizOperation(BaseLedgerOperation):
    """The operations that the quiz may record; its migrations define their rules."""

    DAILY_REWARD = "DAILY_REWARD"
    SIGNUP_CREDIT = "SIGNUP_CREDIT"
    CREDIT_SPEND = "CREDIT_SPEND"
    CREDIT_ADD = "CREDIT_ADD"
    QUIZ_WON = "QUIZ_WON"
