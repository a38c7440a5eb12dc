"""The service of app 2: `uvicorn apps.app2.main:app`."""

from apps.app2.operations import App2Operation
from ledger_py.http import create_app

__all__ = ("app",)

app = create_app(app="app2", operations=App2Operation)
