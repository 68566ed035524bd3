"""Fills a test network: synthetic exports are imported, graduates get what they earned.

Everything goes through the services behind `lrx import`, `lrx issue` and
`lrx peers introduce`, so that a seeded node is one that could have come about.
"""

import asyncio
from collections.abc import Iterator
from itertools import combinations

from adapters.mapping import read_mapping
from node.config import config_folder
from node.demo import data as demo_data
from node.demo.world import Member, World
from node.handle import opened_at
from node.services import importing, issuing, peering
from node.services.importing import ImportFile

ISSUED = ("diploma-supplement", "transcript")
CATALOGUE = "catalogue-a.toml"


async def seed(world: World, key: str, *, students: int, seed: int) -> issuing.Cohort:
    """Import made-up exports into a university and issue to its graduates.

    The same seed makes the same people; who lacks something is in the cohort returned.
    """
    folder = config_folder() / "demo"
    made = demo_data.generate(seed, students=students)
    files = []
    for name, octets in made.files.items():
        mapping = (folder / name).with_suffix(".toml")
        files.append(
            ImportFile(
                name, octets, read_mapping(mapping.read_bytes(), file=mapping.name)
            )
        )
    async with opened_at(world.settings[key]) as node:
        at = node.context.clock()
        await node.store.write(
            importing.import_catalogue,
            node.context.vault,
            name=CATALOGUE,
            octets=(folder / CATALOGUE).read_bytes(),
            at=at,
        )
        prepared = await asyncio.to_thread(importing.prepare, files, at=at)
        await node.store.write(
            importing.import_prepared, node.context.vault, prepared=prepared, at=at
        )
        return await issuing.issue_cohort(
            node.store,
            context=node.context,
            programme=None,
            graduated_on=None,
            kinds=ISSUED,
        )


async def introduce_all(world: World) -> None:
    """Let each node send, once it runs, its introduction to those it will work with.

    One introduction makes two nodes trust each other, if both chains of trust stand.
    """
    for member in world.members:
        met = [(p, purpose) for m, p, purpose in _meetings(world) if m is member]
        if not met:
            continue
        async with opened_at(world.settings[member.key]) as node:
            for peer, purpose in met:
                await node.store.write(
                    peering.introduce,
                    context=node.context,
                    did=world.settings[peer.key].did,
                    purposes=(purpose,),
                    at=node.context.clock(),
                )


def _meetings(world: World) -> Iterator[tuple[Member, Member, str]]:
    """Yield who introduces itself to whom, and what for."""
    universities = [m for m in world.members if m.kind == "university"]
    for one, other in combinations(universities, 2):
        yield one, other, "admission"
    for authority in (m for m in world.members if m.kind == "authority"):
        for university in universities:
            yield authority, university, "recognition-assessment"
