"""Makes the homes of a test network: keys, DIDs, certificates, settings, trust.

The same function serves `lrx demo` (processes on loopback), `lrx network new` and the
container network (static addresses): what differs is where each node listens and how
the others reach it.
"""

import contextlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from node.context import system_clock
from node.demo.authority import RunAuthority
from node.founding import Plan, create_node
from node.handle import Node, opened_at
from node.services import accrediting
from node.settings import Settings, load

COUNCIL = "council"
"""The one anchor: its log is served by the first accreditor's process."""

EFFECTIVE = (date(2025, 3, 24), date(2032, 3, 31))
"""Period of the accreditations in a test network; it begins on a day on which degrees
were conferred, so that the day before can be tried."""


@dataclass(frozen=True, slots=True)
class Member:
    """One node of a test network."""

    key: str
    """Name of its folder, for example `university-a`."""
    domain: str
    name: dict[str, str]
    country: str
    roles: tuple[str, ...]
    regimes: tuple[str, ...]
    kind: str
    """`university`, `authority`, `accreditor`, `employer` or `stranger`."""
    reached_at: str
    """HOST:PORT the others connect to."""
    listen: str
    portal_listen: str
    portal_origin: str
    accept_purposes: tuple[str, ...] = ("recognition-assessment", "admission")


@dataclass(frozen=True, slots=True)
class World:
    """A test network that has been made."""

    root: Path
    members: tuple[Member, ...]
    settings: dict[str, Settings] = field(default_factory=dict)

    def home(self, key: str) -> Path:
        """Return the folder of a node."""
        return self.root / key

    def file(self, key: str) -> Path:
        """Return the settings file of a node."""
        return self.root / key / "node.toml"


async def create(root: Path, members: Sequence[Member], at: datetime) -> World:
    """Make every home below `root`; the council first, since all trust it."""
    authority = RunAuthority.create(at)
    accreditor = next(m for m in members if m.kind == "accreditor")
    names = {m.domain: m.reached_at for m in members}
    names["council.test"] = accreditor.reached_at
    council = create_node(
        _emptied(root / COUNCIL),
        Plan(
            "council.test",
            {"en": "Recognition Council (test)", "ja": "承認評議会（試験）"},
            "JP",
            ("accreditor",),
            "mailto:council@council.test",
            "Recognition Council (test)",
            ("JP-APPI",),
            {"test": {"names": names}},
        ),
    )
    anchor = str(load(council).did)
    settings = {COUNCIL: load(council)}
    for member in members:
        home = _emptied(root / member.key)
        hosts = [member.domain]
        more: dict[str, object] = {
            "listen": member.listen,
            "portal_listen": member.portal_listen,
            "portal_origin": member.portal_origin,
            "tls_certificate": "tls.pem",
            "tls_key": "tls.key",
            "tls_ca": "ca.pem",
            "trust_anchors": [anchor],
            "accept_purposes": list(member.accept_purposes),
            "mail": {"folder": "mail"},
            "test": {"names": names},
        }
        if member is accreditor:
            hosts.append("council.test")
            more["hosted"] = [{"host": "council.test", "home": f"../{COUNCIL}"}]
        file = create_node(
            home,
            Plan(
                member.domain,
                member.name,
                member.country,
                member.roles,
                f"mailto:lrx@{member.domain}",
                member.name["en"],
                member.regimes,
                more,
            ),
        )
        (home / "ca.pem").write_bytes(authority.pem())
        authority.issue(home, hosts, at)
        (home / "mail").mkdir(mode=0o700)
        settings[member.key] = load(file)
    world = World(root, tuple(members), settings)
    # Now, not `at`: nobody can state anything before they have a DID.
    await _accredit(world, system_clock())
    return world


def _emptied(home: Path) -> Path:
    """Return `home` without what an earlier run left; a mount point itself stays."""
    if home.exists():
        for entry in home.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                with contextlib.suppress(FileNotFoundError):
                    entry.unlink()
    return home


async def _accredit(world: World, at: datetime) -> None:
    """The council delegates; accreditors and council say who is what.

    Each member keeps the statements that lead from it to the council, and no others: an
    introduction carries them and is small.
    """
    kept: dict[str, list[bytes]] = {}
    agencies = _of(world.members, "accreditor")
    async with opened_at(world.settings[COUNCIL]) as node:
        for member in agencies:
            statement = await _state(node, "delegation", member, world, at)
            kept[member.key] = [statement]
        for member in _of(world.members, "authority"):
            kept[member.key] = [await _state(node, "authority", member, world, at)]
        await node.store.write(accrediting.publish, context=node.context, at=at)
    for number, agency in enumerate(agencies):
        async with opened_at(world.settings[agency.key]) as node:
            for member in _of(world.members, "university")[number :: len(agencies)]:
                statement = await _state(node, "institution", member, world, at)
                kept[member.key] = [*kept[agency.key], statement]
            await node.store.write(accrediting.publish, context=node.context, at=at)
    for key, statements in kept.items():
        async with opened_at(world.settings[key]) as node:
            for statement in statements:
                await node.store.write(
                    accrediting.keep, context=node.context, octets=statement, at=at
                )


async def _state(
    node: Node, kind: str, member: Member, world: World, at: datetime
) -> bytes:
    return await node.store.write(
        accrediting.state,
        context=node.context,
        kind=kind,
        subject=world.settings[member.key].did,
        legal_name=member.name["en"],
        country=member.country,
        effective=EFFECTIVE,
        at=at,
        countries=sorted({m.country for m in world.members})
        if kind == "delegation"
        else (),
    )


def _of(members: Iterable[Member], kind: str) -> list[Member]:
    return [member for member in members if member.kind == kind]
