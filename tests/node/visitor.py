"""A person at the portal, as far as HTTP can tell: keeps cookies, sends forms."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any

from aiohttp import FormData
from aiohttp.test_utils import TestClient

from node.web.login import session_cookie
from tests.node.portal_world import World, open_session

TOKEN = re.compile(r'name="csrf" value="([^"]*)"')


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Any
    text: str
    cookies: dict[str, Any]

    @property
    def location(self) -> str:
        return str(self.headers.get("Location", ""))

    @property
    def words(self) -> str:
        """The text a reader sees, without markup."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())

    @property
    def csrf(self) -> str:
        found = TOKEN.search(self.text)
        assert found, self.words
        return found[1]

    @property
    def constant(self) -> str:
        """The page without what is different for every visitor."""
        return TOKEN.sub("", self.text)


@dataclass(slots=True)
class Visitor:
    """Somebody with a browser; nobody is logged in at first."""

    client: TestClient[Any, Any]
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._ask("GET", path, None, headers)

    async def post(
        self,
        path: str,
        fields: Iterable[tuple[str, str]] = (),
        *,
        csrf: str | None = None,
        form: FormData | None = None,
        **headers: str,
    ) -> Answer:
        """Send a form with the token of the visitor's own pages, unless told."""
        if csrf is None:
            csrf = (await self.get("/login/again")).text
            found = TOKEN.search(csrf)
            csrf = found[1] if found else (await self.get("/login")).csrf
        data = form or FormData(list(fields))
        data.add_field("csrf", csrf)
        return await self._ask("POST", path, data, headers)

    async def send(
        self, method: str, path: str, fields: Iterable[tuple[str, str]] = ()
    ) -> Answer:
        """Open a page, or send a form to it."""
        if method == "GET":
            return await self.get(path)
        return await self.post(path, fields)

    async def _ask(
        self, method: str, path: str, data: FormData | None, headers: dict[str, str]
    ) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Accept-Language": "en", **({"Cookie": cookie} if cookie else {})}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.request(
            method, path, data=data, headers=sent, allow_redirects=False
        ) as response:
            for name, morsel in response.cookies.items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
            return Answer(
                response.status,
                response.headers,
                await response.text(),
                dict(response.cookies),
            )


async def logged_in(
    client: TestClient[Any, Any],
    world: World,
    name: str,
    *,
    ago: timedelta = timedelta(),
) -> Visitor:
    """Return a visitor who logged in `ago`."""
    token = await world.store.write(open_session, world, name, ago=ago)
    app = client.app
    assert app is not None
    return Visitor(client, {session_cookie(app): token})
