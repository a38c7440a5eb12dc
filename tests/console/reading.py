"""What a reader sees of a page."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import httpx

__all__ = ("form_token", "forms", "section", "shown_sql", "words")


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def words(response: httpx.Response | str) -> str:
    """Give the text of a page, with single blanks, and plain digits and signs."""
    parser = _Words()
    page = response if isinstance(response, str) else response.text
    parser.feed(re.sub(r"(?s)<details class=\"sql\">.*?</details>", "", page))
    text = " ".join(" ".join(parser.found).split(" "))
    text = text.replace("\N{NARROW NO-BREAK SPACE}", "").replace("\N{MINUS SIGN}", "-")
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    return re.sub(r"\s+", " ", text)


def section(response: httpx.Response, name: str) -> str:
    """Give the text of the section with this id on its heading."""
    found = re.search(rf'(?s)<section[^>]* aria-labelledby="{name}">.*?</section>', response.text)
    assert found is not None, response.text
    return words(found[0])


def shown_sql(response: httpx.Response) -> list[str]:
    """Give the statements that a page shows."""
    found = re.search(r'(?s)<details class="sql">.*?<pre><code>(.*?)</code></pre>', response.text)
    assert found is not None, response.text
    return [one.strip() for one in unescape(found[1]).removesuffix(";").split(";\n\n")]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given["action"], {}))
        elif tag in ("input", "button", "textarea") and "name" in given and self.found:
            self._text = given["name"] if tag == "textarea" else ""
            self.found[-1][1][given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._text:
            self.found[-1][1][self._text] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = ""


def forms(response: httpx.Response, action: str) -> list[dict[str, str]]:
    """Give the fields of a page's forms that are sent to an address."""
    parser = _Forms()
    parser.feed(response.text)
    return [fields for to, fields in parser.found if to == action]


def form_token(client: httpx.Client) -> str:
    """Give the token of the forms of a session."""
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', client.get("/operations").text)
    assert found is not None
    return found[1]
