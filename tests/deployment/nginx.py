"""nginx before a service of the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.fixtures.processes import free_port

__all__ = ("NGINX", "nginx")

NGINX: Final = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

_PATIENCE: Final = 30.0

_CONFIG: Final = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {locations}
    }}
}}
"""


@contextmanager
def nginx(**upstreams: str) -> Iterator[str]:
    """Run nginx.

    Args:
        upstreams: The upstream of each first segment of an address, as for `proxy_pass`.

    Yields:
        The address of nginx.
    """
    assert NGINX is not None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ledger-nginx-") as folder:
        Path(folder).chmod(0o755)
        config = _CONFIG.format(
            folder=folder,
            port=port,
            user="user root;" if os.geteuid() == 0 else "",
            locations="\n".join(
                f"location /{segment}/ {{ proxy_pass {upstream}; }}"
                for segment, upstream in upstreams.items()
            ),
        )
        Path(folder, "nginx.conf").write_text(config)
        process = subprocess.Popen(
            [NGINX, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]
        )
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert process.poll() is None, "nginx did not start"
            assert time.monotonic() < deadline, "nginx does not answer"
            time.sleep(0.02)
        else:
            return
