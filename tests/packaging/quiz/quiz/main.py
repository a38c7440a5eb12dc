"""The service of the quiz."""

from ledger_py.http import create_app
from quiz.operations import QuizOperation

app = create_app(app="quiz", operations=QuizOperation)
