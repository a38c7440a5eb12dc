"""`python -m ledger_py` is the command `ledger`."""

import sys

from ledger_py.interrupts import end_at_once

_COME_WITH_EXTRA = {"click", "dotenv", "yoyo"}


def main() -> None:
    """Run the command, or say which extra it comes with."""
    end_at_once()
    try:
        from ledger_py.cli import main as command
    except ModuleNotFoundError as error:
        if error.name not in _COME_WITH_EXTRA:
            raise
        sys.exit(
            f"The command ledger needs more packages ({error.name} is missing): "
            "pip install 'shared-ledger[cli]'"
        )
    command(prog_name="ledger")


if __name__ == "__main__":
    main()
