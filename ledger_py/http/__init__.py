"""The HTTP services: one Litestar application per app, which calls the ledger's functions."""

from ledger_py.http.app import create_app

__all__ = ("create_app",)
