"""Pages for people who answer questions about credits: `ledger console`.

A process of its own, which reads the ledger with the rights of an auditor and shows it as HTML.
With `--operator` it has the rights of an operator, and offers their actions as well.
"""

from ledger_py.console.app import Console, create_console
from ledger_py.console.logins import console_login, require_auditor

__all__ = ("Console", "console_login", "create_console", "require_auditor")
