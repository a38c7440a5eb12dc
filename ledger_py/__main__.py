"""`python -m ledger_py` is the command `ledger`."""

from ledger_py.cli import main

if __name__ == "__main__":
    main(prog_name="ledger")
