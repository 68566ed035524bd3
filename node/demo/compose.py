"""`lrx network new`: a network of any size as a compose project of its own."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.context import system_clock
from node.demo import seeding
from node.demo.world import Member, World, create

MOST = 40
"""Nodes in one network; each takes some 100 MiB."""
SUBNET = "172.31.252"
PROXY = 2
FIRST_ADDRESS = 11
FIRST_PORT = 8201


async def new(
    folder: Path,
    universities: int,
    authorities: int,
    accreditors: int,
    *,
    students: int,
    image: str,
) -> list[str]:
    """Write homes and `docker-compose.yml` below `folder`; return what to type next."""
    members = tuple(_members(universities, authorities, accreditors))
    world = await create(folder / "nodes", members, system_clock())
    sources = [m for m in members if m.kind == "university"]
    lines = []
    for number, member in enumerate(sources, 1):
        cohort = await seeding.seed(world, member.key, students=students, seed=number)
        lines.append(f"{member.key}: {cohort.issued} credentials issued")
    await seeding.introduce_all(world)
    (folder / "docker-compose.yml").write_text(_compose(world, image), encoding="utf-8")
    return [
        *lines,
        f"{len(members)} nodes and the council in {folder}; next:",
        f"docker build -t {image} -f config/Dockerfile .   (in the LRX sources)",
        f"docker compose -f {folder / 'docker-compose.yml'} up -d --wait",
        *(f"{m.name['en']}: {m.portal_origin}" for m in members),
        f"lrx --config {world.file(members[0].key)} invite --staff registrar --show",
    ]


def _members(universities: int, authorities: int, accreditors: int) -> Iterator[Member]:
    kinds = (
        ("university", universities, ("source", "issuer", "requester"), "University"),
        ("accreditor", accreditors, ("accreditor",), "Accreditor"),
        (
            "authority",
            authorities,
            ("requester", "recognition-authority"),
            "Recognition Authority",
        ),
    )
    number = 0
    for kind, count, roles, word in kinds:
        for index in range(1, count + 1):
            key = f"{kind}-{index}"
            yield Member(
                key,
                f"{key}.test",
                {"en": f"{word} {index} (test)"},
                "JP" if kind != "authority" else "NL",
                roles,
                ("JP-APPI",) if kind != "authority" else ("EU-GDPR",),
                kind,
                f"{SUBNET}.{FIRST_ADDRESS + number}:8443",
                "0.0.0.0:8443",
                "0.0.0.0:8080",
                f"http://localhost:{FIRST_PORT + number}",
            )
            number += 1


def _compose(world: World, image: str) -> str:
    """Write the compose file; JSON is YAML, so nothing needs quoting rules."""
    project = {
        "services": {
            **{m.key: _node(world, m, image) for m in world.members},
            "proxy": _proxy(world, image),
        },
        "networks": {
            "nodes": {
                "internal": True,
                "ipam": {"config": [{"subnet": f"{SUBNET}.0/24"}]},
            },
            "portals": {},
        },
    }
    return json.dumps(project, indent=1, ensure_ascii=False) + "\n"


def _node(world: World, member: Member, image: str) -> dict[str, Any]:
    """Describe one node: its own home, and those whose documents it serves."""
    settings = world.settings[member.key]
    # The first introductions are judged at once, and their judges ask the accreditors.
    first = [
        one.key
        for one in world.members
        if one.kind == "accreditor" and member.kind != "accreditor"
    ]
    homes = [member.key, *(hosted.home.name for hosted in settings.hosted)]
    file = f"/nodes/{member.key}/node.toml"
    return _confined(image) | {
        # The homes were made by whoever ran this command, and are theirs alone.
        "user": f"{os.getuid()}:{os.getgid()}",
        "command": ["--config", file, "serve"],
        "depends_on": {key: {"condition": "service_healthy"} for key in first},
        "volumes": [f"./nodes/{home}:/nodes/{home}" for home in homes],
        "networks": {"nodes": {"ipv4_address": _host(member.reached_at)}},
        "healthcheck": _health("lrx", "--config", file, "ready"),
    }


def _proxy(world: World, image: str) -> dict[str, Any]:
    """Describe what hands connections from this machine on to the portals."""
    ports = {m.portal_origin.rpartition(":")[2]: m for m in world.members}
    portals = (f"{port}={_host(m.reached_at)}:8080" for port, m in ports.items())
    return _confined(image) | {
        "command": ["network", "proxy"],
        "environment": {"LRX_PORTALS": ",".join(portals)},
        "networks": {"nodes": {"ipv4_address": f"{SUBNET}.{PROXY}"}, "portals": {}},
        "ports": [f"127.0.0.1:{port}:{port}" for port in ports],
        "healthcheck": _health(
            "python3",
            "-c",
            "import socket; "
            f"socket.create_connection(('127.0.0.1', {max(ports, key=int)}), 5)",
        ),
    }


def _health(*words: str) -> dict[str, Any]:
    return {
        "test": ["CMD", *words],
        "interval": "10s",
        "timeout": "10s",
        "start_period": "60s",
        "retries": 6,
    }


def _confined(image: str) -> dict[str, Any]:
    return {
        "image": image,
        "pull_policy": "never",
        "restart": "unless-stopped",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": ["/tmp:size=16m"],  # noqa: S108 - inside the container
    }


def _host(place: str) -> str:
    return place.rpartition(":")[0]
