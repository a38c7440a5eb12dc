"""Does what the documents use curl for, on machines without that program."""

from __future__ import annotations

import argparse
import sys

import httpx


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    parser.add_argument("url")
    given = parser.parse_args()
    response = httpx.request(
        given.method or ("GET" if given.body is None else "POST"),
        given.url,
        headers=[header.split(": ", 1) for header in given.headers],
        content=given.body,
    )
    sys.stdout.write(response.text)


if __name__ == "__main__":
    main()
