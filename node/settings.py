"""What an operator decides, read once from `node.toml` and passed down.

`NODE_…` environment variables override the file. Relative paths are relative to the
folder the file lies in. Secrets are paths to files, never values; what is absent has a
safe default, or the node does not start.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from protocol.credentials.learner_record import Text
from protocol.identity.dids import Did

Role = Literal["source", "issuer", "requester", "recognition-authority", "accreditor"]
Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(Exception):
    """The settings file cannot be used; the message says which line to mend."""


class Section(BaseModel):
    """The base of the parts of the settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Privacy(Section):
    """The privacy regime this node answers under, told to peers and learners."""

    jurisdiction: str = Field(pattern="^[A-Z]{2}$")
    """ISO 3166-1 alpha-2."""
    regimes: tuple[str, ...] = ()
    """For example `JP-APPI` or `EU-GDPR`: the names of the law packs for this country;
    empty where there is none, and then no learner data is exchanged."""
    notice: str
    contact: str
    retention_days: int = Field(default=180, ge=1, le=3650)
    """How long this node keeps what it receives."""


class Mail(Section):
    """How mail leaves: files in a folder, or an SMTP server."""

    folder: Path | None = None
    """Each mail becomes one `.eml` file here; for trials."""
    host: str | None = None
    port: Port = 587
    starttls: bool = True
    user: str | None = None
    password_file: Path | None = None
    sender: str = "lrx@localhost"


class TestNetwork(Section):
    """Names under `.test` and where they are; see PROTOCOL "Guarded resolver"."""

    names: dict[str, str] = Field(default_factory=dict)
    """`{"uni-a.test" = "127.0.0.1:8101"}`."""

    @model_validator(mode="after")
    def _only_test_names(self) -> Self:
        for name, address in self.names.items():
            if not name.endswith(".test"):
                raise ValueError(f"[test] names: {name} is not under .test")
            host, _, port = address.rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"[test] names: {address} is not HOST:PORT")
        return self


class VcApiListener(Section):
    """The VC API on a listener of its own, for software that knows nothing of LRX."""

    listen: str
    """HOST:PORT; a proxy ends TLS."""
    token_file: Path | None = None
    """Holds the bearer token that signing needs; without it nothing is signed."""
    without_token: bool = False
    """Sign for anybody: only a node with `[test]` names may."""


class Hosted(Section):
    """Another node home whose public documents this process serves."""

    host: str
    home: Path


class Settings(BaseSettings):
    """Read from the TOML file given to `lrx serve`; `NODE_…` variables override."""

    model_config = SettingsConfigDict(
        env_prefix="NODE_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    home: Path
    """The folder of the settings file; set by `load`."""
    did: Did
    """This institution, for example `did:webvh:Qm…:registry.uni-a.example`."""
    origin: str = Field(pattern=r"^https://[a-z0-9.-]+(:[0-9]+)?$")
    """The public origin peers address; `@authority` is computed from it."""
    name: Text
    """As peers and learners see it."""
    legal_name: str
    country: str = Field(pattern="^[A-Z]{2}$")
    roles: tuple[Role, ...]
    privacy: Privacy
    contact: str
    """`mailto:` address of the operators."""

    listen: str = "127.0.0.1:8443"
    """HOST:PORT of the door for peers and the public."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Addresses or networks of proxies whose `X-Forwarded-For` says who called."""
    tls_certificate: Path | None = None
    """PEM chain; without it the node speaks plain HTTP to a proxy that ends TLS."""
    tls_key: Path | None = None
    tls_ca: Path | None = None
    """PEM of an extra authority to trust for outgoing connections (test networks)."""
    portal_listen: str = "127.0.0.1:8080"
    """HOST:PORT of the portal, for a browser behind a proxy or on this machine."""
    portal_origin: str = "http://localhost:8080"
    """The portal as browsers address it; links in mails begin with it."""

    keystore: Path = Path("keys")
    """One file per key job, readable by the node's user only."""
    database_url: str = ""
    """SQLAlchemy URL; empty means `node.db` beside the settings file."""
    trust_anchors: tuple[Did, ...] = ()
    """DIDs; without one no issuer is accredited."""
    law_packs: Path = Path("jurisdictions")
    """Folder with privacy law packs of the operator, beside those of the release."""
    accept_purposes: tuple[str, ...] = ("recognition-assessment", "admission")
    """Purposes accepted without asking when a complete chain of trust stands."""
    mail: Mail = Mail()
    test: TestNetwork | None = None
    vc_api: VcApiListener | None = None
    hosted: tuple[Hosted, ...] = ()
    fetch_ports: tuple[Port, ...] = (443,)
    """Ports outgoing requests may go to."""
    workers: bool = True
    """Whether `serve` also does the background work."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file, and nothing else speak."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.vc_api and self.vc_api.without_token and not self.test:
            raise ValueError("vc_api.without_token is for nodes with [test] names")
        if self.test:
            for anchor in self.trust_anchors:
                if not (anchor.domain or "").endswith(".test"):
                    raise ValueError(
                        f"trust anchor {anchor} is not under .test, "
                        "and a node with [test] names takes no production anchor"
                    )
        return self

    @property
    def authority(self) -> str:
        """The `@authority` of this node's public origin."""
        return urlsplit(self.origin).netloc

    @property
    def endpoint(self) -> str:
        """The service endpoint of the LRX protocol."""
        return f"{self.origin}/lrx/1"

    @property
    def store_url(self) -> str:
        """The database as SQLAlchemy addresses it."""
        return self.database_url or f"sqlite+aiosqlite:///{self.path('node.db')}"

    @property
    def own_packs(self) -> Path | None:
        """The folder of the operator's law packs, if there is one."""
        folder = self.path(self.law_packs)
        return folder if folder.is_dir() else None

    def path(self, path: Path | str) -> Path:
        """Resolve `path` against the folder of the settings file."""
        return self.home / path


def load(file: Path, **changes: Any) -> Settings:
    """Read the settings from `file`; `changes` override what it says.

    Raises:
        SettingsError: no such file, not TOML, or a member missing, unknown or wrong.
    """
    text = ""
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError:
        raise SettingsError(f"{file}: no such file; `lrx init` makes one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not TOML: {error}") from error
    try:
        return Settings(**{**values, **changes, "home": file.resolve().parent})
    except ValidationError as error:
        lines = [
            f"{_place(file, text, e['loc'])}: "
            f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}"
            for e in error.errors(include_url=False, include_input=False)
        ]
        raise SettingsError("\n".join(lines)) from None


def _place(file: Path, text: str, where: tuple[int | str, ...]) -> str:
    """Return `file`, with the line that sets the deepest member of `where` found."""
    found = 0
    lines = text.splitlines()
    for name in map(str, where):
        opens = re.compile(rf"\s*(\[+.*)?\b{re.escape(name)}\b\"?\s*[\].=]")
        below = range(found, len(lines))
        found = next((n + 1 for n in below if opens.match(lines[n])), found)
    return f"{file}:{found}" if found else str(file)


def address(text: str) -> tuple[str, int]:
    """Split `HOST:PORT`."""
    host, _, port = text.rpartition(":")
    return host, int(port)


SHORTEST_TOKEN = 32
"""Characters: 128 bits in hexadecimal."""


def read_token(file: Path) -> str:
    """Read a bearer token that only the node's user may read.

    Raises:
        SettingsError: no such file, others can read it, or it is too short.
    """
    try:
        mode = file.stat().st_mode
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from error
    if mode & 0o077:
        raise SettingsError(f"{file} has mode {mode & 0o777:04o}, expected 0600")
    if len(token) < SHORTEST_TOKEN:
        raise SettingsError(
            f"{file}: {len(token)} characters, expected {SHORTEST_TOKEN}: "
            "python3 -c 'import secrets; print(secrets.token_hex(32))' makes one"
        )
    return token
