"""The HTTP service: one Litestar app per application, a thin door to the ledger's functions."""

from ledger_py.http.app import create_app

__all__ = ("create_app",)
