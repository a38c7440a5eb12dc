"""The service of app 1: `uvicorn apps.app1.main:app`."""

from apps.app1.operations import App1Operation
from ledger_py.http import create_app

__all__ = ("app",)

app = create_app(app="app1", operations=App1Operation)
