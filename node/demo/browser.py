"""A person at a portal: follows links, fills in forms, keeps the session cookie.

The demo acts through the same pages and the same forms as people do; there is no other
door for it.
"""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from lxml import html


class PageError(Exception):
    """A page did not answer as a person would need."""


@dataclass(slots=True)
class Page:
    """One page as it was received."""

    url: str
    status: int
    tree: html.HtmlElement

    @property
    def text(self) -> str:
        """The words on the page."""
        return " ".join(self.tree.text_content().split())

    def form(self, action: str) -> html.FormElement:
        """Return the form whose action ends with `action`.

        Raises:
            PageError: there is none.
        """
        for form in self.tree.forms:
            target = urlsplit(urljoin(self.url, form.get("action") or self.url)).path
            if target.endswith(action):
                return form
        raise PageError(f"{self.url} has no form {action}; it says: {self.text[:400]}")

    def links(self, part: str) -> list[str]:
        """Return the addresses of links that contain `part`."""
        return [
            urljoin(self.url, str(a.get("href")))
            for a in self.tree.iter("a")
            if part in (a.get("href") or "")
        ]


@dataclass(slots=True)
class Browser:
    """One person's session with one portal."""

    origin: str
    """The portal as links and forms name it."""
    base: str
    """Where its door really is."""
    language: str = "en"
    _session: aiohttp.ClientSession | None = field(default=None)
    _cookies: dict[str, str] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session:
            await self._session.close()

    async def get(self, url: str) -> Page:
        """Open a page, following the portal's own redirects."""
        return await self._ask("GET", urljoin(self.origin, url), None)

    async def submit(
        self,
        page: Page,
        action: str,
        values: dict[str, str | list[str]] | None = None,
        *,
        button: str | None = None,
    ) -> Page:
        """Fill in and send a form of `page`; unnamed fields stay as they are."""
        form = page.form(action)
        fields: list[tuple[str, str]] = [
            (name, value)
            for name, value in form.form_values()
            if name not in (values or {})
        ]
        for name, value in (values or {}).items():
            fields += [
                (name, v) for v in ([value] if isinstance(value, str) else value)
            ]
        if button:
            name, _, value = button.partition("=")
            fields.append((name, value))
        target = urljoin(page.url, form.get("action") or page.url)
        return await self._ask("POST", target, aiohttp.FormData(fields))

    async def _ask(self, method: str, url: str, data: aiohttp.FormData | None) -> Page:
        if self._session is None:
            raise PageError("the browser is not open")
        headers = {"Accept-Language": self.language, "Origin": self.origin}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self._cookies.items())
        async with self._session.request(
            method,
            url.replace(self.origin, self.base, 1),
            data=data,
            headers=headers,
            allow_redirects=False,
        ) as response:
            self._cookies |= {
                name: morsel.value for name, morsel in response.cookies.items()
            }
            if response.status in {302, 303}:
                target = urljoin(url, response.headers["Location"])
                return await self._ask("GET", target, None)
            text = await response.text()
        page = Page(url, response.status, html.fromstring(text or "<html/>"))
        if page.status >= 400:  # noqa: PLR2004 - an error of RFC 9110
            raise PageError(f"{method} {url} answered {page.status}: {page.text[:400]}")
        return page
