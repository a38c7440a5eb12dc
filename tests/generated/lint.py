"""Lints the OpenAPI documents of the services with Redocly's and Spectral's recommended rules."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec

from apps.app1.operations import App1Operation
from apps.app2.operations import App2Operation
from ledger_py.http.openapi import openapi_document
from tests.generated.tools import CLIENTS, NODE_MODULES, run


def main() -> None:
    """Lint both documents; the first warning or error ends the program with status 1."""
    if not NODE_MODULES.exists():
        sys.stdout.write("The linters of npm are not here: OpenAPI documents are not linted\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        documents = []
        for app, operations in (("app1", App1Operation), ("app2", App2Operation)):
            document = Path(folder, f"{app}.json")
            document.write_bytes(msgspec.json.encode(openapi_document(app, operations)))
            documents.append(document)
        ruleset = CLIENTS / "spectral.yaml"
        try:
            run(
                "redocly",
                "lint",
                "--extends",
                "recommended-strict",
                *documents,
                folder=Path(folder),
            )
            run(
                *("spectral", "lint", "--ruleset", ruleset, "--fail-severity", "hint"),
                *documents,
                folder=Path(folder),
            )
        except AssertionError as error:
            sys.exit(str(error))
    sys.stdout.write("OpenAPI documents: no warning of Redocly or Spectral\n")


if __name__ == "__main__":
    main()
