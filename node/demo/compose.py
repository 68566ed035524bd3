"""`lrx network new`: a network of any size as a compose project of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

from node.context import system_clock
from node.demo import seeding
from node.demo.world import Member, World, create

MOST = 40
"""Nodes in one network; each takes some 100 MiB."""
SUBNET = "172.31.252"
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
    for number, member in enumerate(m for m in members if m.kind == "university"):
        await seeding.seed(world, member.key, students=students, seed=number + 1)
    await seeding.introduce_all(world)
    (folder / "docker-compose.yml").write_text(_compose(world, image), encoding="utf-8")
    return [
        f"{len(members)} nodes and the council in {folder}",
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
    services = {}
    for number, member in enumerate(world.members):
        services[member.key] = {
            "image": image,
            "pull_policy": "never",
            "user": "0:0",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "tmpfs": ["/tmp:size=16m"],  # noqa: S108 - inside the container
            "command": ["--config", f"/nodes/{member.key}/node.toml", "serve"],
            "volumes": [
                f"./nodes/{member.key}:/nodes/{member.key}",
                "./nodes/council:/nodes/council",
            ],
            "networks": {
                "nodes": {"ipv4_address": f"{SUBNET}.{FIRST_ADDRESS + number}"},
                "portals": {},
            },
            "ports": [f"127.0.0.1:{FIRST_PORT + number}:8080"],
            "healthcheck": {
                "test": ["CMD", "lrx", "--config", f"/nodes/{member.key}/node.toml"]
                + ["ready"],
                "interval": "3s",
                "timeout": "3s",
                "retries": 20,
            },
        }
    project = {
        "services": services,
        "networks": {
            "nodes": {
                "internal": True,
                "ipam": {"config": [{"subnet": f"{SUBNET}.0/24"}]},
            },
            "portals": {},
        },
    }
    return json.dumps(project, indent=1, ensure_ascii=False) + "\n"
