"""Does what the documents use curl for, on machines without that program."""

from __future__ import annotations

import argparse
import sys
import time

import httpx


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-N", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    parser.add_argument("--max-time", type=float, default=60.0)
    parser.add_argument("url")
    given = parser.parse_args()
    deadline = time.monotonic() + given.max_time
    request = httpx.stream(
        given.method or ("GET" if given.body is None else "POST"),
        given.url,
        headers=[header.split(": ", 1) for header in given.headers],
        content=given.body,
        timeout=given.max_time,
    )
    try:
        with request as response:
            for text in response.iter_text():
                sys.stdout.write(text)
                if time.monotonic() > deadline:
                    break
    except httpx.ReadTimeout:
        sys.exit(28)  # curl's exit code for --max-time


if __name__ == "__main__":
    main()
