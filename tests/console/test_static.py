"""Scripts and styles are files that are known, and pages have none within them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import httpx

import ledger_py.console

FOLDER = Path(ledger_py.console.__file__).parent
TABLE = re.compile(r"^\| `([\w.]+)` \| ([\w.]+) \| ([\d.]+) \| (\w+) \| `([0-9a-f]{64})` \|$", re.M)


def test_files_of_others_are_the_ones_that_are_noted() -> None:
    noted = TABLE.findall((FOLDER / "static/README.md").read_text(encoding="utf-8"))
    assert {row[0] for row in noted} == {"htmx.min.js", "uPlot.iife.min.js", "uPlot.min.css"}
    for name, package, version, licence, digest in noted:
        content = (FOLDER / "static" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert licence in ("MIT", "0BSD")
        assert version.encode() in content or package == "uplot"


def test_every_file_is_served(year: httpx.Client) -> None:
    own = {path.name for path in (FOLDER / "static").iterdir()} - {"README.md", "uPlot.LICENSE"}
    for name in own:
        answer = year.get(f"/static/{name}")
        assert answer.content == (FOLDER / "static" / name).read_bytes()
        assert answer.headers["cache-control"] == "max-age=3600"
    assert year.get("/static/README.md").status_code == 404


def test_templates_hold_no_scripts_and_styles() -> None:
    for template in (FOLDER / "templates").iterdir():
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:", text), template.name
        assert not re.search(r"<script(?! defer src=)", text), template.name
        assert "| safe" not in text
        # Nothing is fetched from elsewhere.
        assert not re.search(r"https?://", text), template.name
