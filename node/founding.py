"""Makes the home of a new node: keys, DID, settings, database."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node import identity
from node.context import system_clock
from node.settings import SettingsError, load
from node.store.migrate import upgrade
from protocol.errors import DidError
from protocol.identity.dids import Did


class FoundingError(Exception):
    """No node could be made; the message says why, and nothing usable was left."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a new node is to be."""

    domain: str
    name: dict[str, str]
    country: str
    roles: tuple[str, ...]
    contact: str
    legal_name: str
    regimes: tuple[str, ...]
    more: dict[str, Any] = field(default_factory=dict)
    """Further members of the settings file, written as they are."""


def create_node(home: Path, plan: Plan) -> Path:
    """Make keys, DID, settings and database in `home`; return the settings file.

    Raises:
        FoundingError: the folder already holds a node, or the plan cannot be used.
    """
    file = home / "node.toml"
    if file.exists():
        raise FoundingError(f"{file} exists: this folder already holds a node")
    keys = home / "keys"
    try:
        Did.parse(f"did:web:{plan.domain.replace(':', '%3A')}")
    except DidError as error:
        raise FoundingError(
            f"{plan.domain!r} is no domain: a DNS name in lower case is needed, "
            "for example registry.uni-a.example"
        ) from error
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        identity.create_keystore(keys)
        did = identity.create_did(
            keys,
            domain=plan.domain,
            origin=f"https://{plan.domain}",
            at=system_clock(),
        )
    except identity.KeystoreError as error:
        raise FoundingError(str(error)) from error
    file.write_text(_settings(str(did), plan), encoding="utf-8")
    try:
        upgrade(load(file).store_url)
    except SettingsError as error:
        # Keys nobody has seen yet: without them the command can be given again.
        file.unlink()
        (home / identity.LOG_FILE).unlink()
        shutil.rmtree(keys)
        raise FoundingError(str(error)) from error
    return file


def _settings(did: str, plan: Plan) -> str:
    values: dict[str, Any] = {
        "did": did,
        "origin": f"https://{plan.domain}",
        "name": plan.name,
        "legal_name": plan.legal_name,
        "country": plan.country,
        "roles": list(plan.roles),
        "contact": plan.contact,
        "privacy": {
            "jurisdiction": plan.country,
            "regimes": list(plan.regimes),
            "notice": f"https://{plan.domain}/privacy",
            "contact": plan.contact,
        },
    }
    text = "# Settings of a learner record exchange node; `lrx doctor` checks them.\n"
    return text + "".join(
        f"{name} = {toml(value)}\n" for name, value in (values | plan.more).items()
    )


def toml(value: Any) -> str:
    """Write `value` as an inline TOML value."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case dict():
            members = (f"{json.dumps(k)} = {toml(v)}" for k, v in value.items())
            return "{" + ", ".join(members) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(str(value), ensure_ascii=False)
