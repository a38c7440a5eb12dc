"""What the path of a request says, for routes with a segment that can be any text."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import NotFoundException

from ledger_py.http.decoding import decode_segments

__all__ = ("decode_path",)

StructT = TypeVar("StructT", bound=msgspec.Struct)


def decode_path(request: Request[Any, Any, Any], type_: type[StructT]) -> StructT:
    """Decode the parameters in the path of a request.

    Args:
        request: The request.
        type_: The struct of the parameters.

    Raises:
        NotFoundException: A segment is empty.
        Problem: A segment is not acceptable.
    """
    if b"//" in request.scope["raw_path"]:
        # Litestar takes two slashes for one, and would find something that nobody asked for.
        raise NotFoundException
    return decode_segments(request.path_params, type_)
