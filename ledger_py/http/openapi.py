"""The OpenAPI document of a service.

Bodies, parameters, answers and problems come from the structs and tables that requests are decoded
and answered by; only the list of routes is written out (in `openapi_paths`). The document is made
here and not by Litestar because Litestar describes only handlers whose bodies it decodes, which it
does laxly.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any, Final

from ledger_py.http.json_schemas import Json, component_schemas, reference
from ledger_py.http.openapi_paths import paths
from ledger_py.http.openapi_responses import problem_schema
from ledger_py.http.problems import ProblemType
from ledger_py.http.schemas import (
    BatchAnswer,
    BatchRequest,
    CaptureRequest,
    EntryPage,
    ExtendRequest,
    HoldPage,
    HoldRequest,
    Liveness,
    OperationList,
    PastBalance,
    Readiness,
    RecordRequest,
    ReleaseRequest,
    ReversalRequest,
    Statement,
    StatementTotal,
)
from ledger_py.operations import BaseLedgerOperation
from ledger_py.structs import Balance, Entry, Hold, Operation, RecordedEntry

__all__ = ("openapi_document",)

_WITH_OPERATION: Final = (RecordRequest, BatchRequest, HoldRequest)

_STRUCTS: Final = (
    ReversalRequest,
    CaptureRequest,
    ReleaseRequest,
    ExtendRequest,
    RecordedEntry,
    Entry,
    Hold,
    Operation,
    Balance,
    PastBalance,
    Statement,
    StatementTotal,
    BatchAnswer,
    EntryPage,
    HoldPage,
    OperationList,
    Liveness,
    Readiness,
    ProblemType,
)


def openapi_document(app: str, operations: type[BaseLedgerOperation]) -> Json:
    """Describe the service of an app.

    Args:
        app: The name of the app.
        operations: The app's operations, which become an enum in the document.

    Returns:
        An OpenAPI 3.1 document, ready to be encoded.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Shared Ledger: {app}",
            "version": version("shared-ledger"),
            "description": f"Credits of the users of {app}, in the ledger that all apps share."
            " What fails is answered with a problem (RFC 9457): `code` names its kind, and"
            " `/problems/{code}` describes it. No text may hold the character NUL, nor half of a"
            " character (a lone surrogate); fields that are not described are refused.",
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "ledger", "description": "Recording entries and reading accounts."},
            {"name": "catalogue", "description": "What may be recorded, and what can go wrong."},
            {"name": "health", "description": "For whoever keeps the service running."},
        ],
        "paths": paths(operations),
        "components": {"schemas": _schemas(operations)},
    }


def _schemas(operations: type[BaseLedgerOperation]) -> Json:
    requests: list[Any] = [struct[operations] for struct in _WITH_OPERATION]
    schemas = component_schemas([*requests, *_STRUCTS])
    schemas[operations.__name__] |= {
        "type": "string",
        "description": "The operations of this app.",
    }
    schemas["Problem"] = problem_schema()
    # msgspec cannot tell two structs apart, and does not describe what may be either.
    schemas[BatchAnswer.__name__]["properties"]["results"]["items"] = {
        "anyOf": [reference(RecordedEntry.__name__), reference("Problem")]
    }
    text = json.dumps(schemas)
    for struct in _WITH_OPERATION:
        # msgspec names them after their parameter.
        text = text.replace(f"{struct.__name__}_{operations.__name__}_", struct.__name__)
        text = text.replace(f"{struct.__name__}[{operations.__name__}]", struct.__name__)
    named: Json = json.loads(text)
    return named
