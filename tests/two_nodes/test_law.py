"""Law at both ends: who has none exchanges nothing, who objects keeps nothing."""

import json

import pytest
from exchange_net import A, R, by_grant, until

from node.jurisdictions import NoLawError, packs
from node.store import audit

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]


async def settle_in(net, key, country):
    """Let a node be in another country from now on."""
    settings = net.world.settings[key]
    privacy = settings.privacy.model_copy(update={"jurisdiction": country})
    net.world.settings[key] = settings.model_copy(
        update={"country": country, "privacy": privacy}
    )
    await restart(net, key)


async def restart(net, key):
    await net.stop(key)
    await net.start(key)


def add_pack(net, key, *rules, country, end):
    folder = net.world.home(key) / "jurisdictions"
    folder.mkdir(exist_ok=True)
    pack = {"id": f"OWN/{end}", "end": end, "jurisdictions": [country], "rules": rules}
    (folder / f"{end}.json").write_text(json.dumps(pack))
    packs.cache_clear()


async def granted(net):
    person = await net.add_person()
    return await net.ask(by_grant((await net.grant(person)).code))


async def test_a_source_without_a_law_sends_nothing(fresh):
    net = fresh
    await settle_in(net, A, "US")
    thread = await granted(net)
    await net.comes_to(thread, "waiting")
    assert await net.count(A, "release", "dispatch") == [0, 0]

    add_pack(
        net, A, {"id": "ok", "require": ["consent.given"]}, country="US", end="sender"
    )
    await restart(net, A)
    await net.receipted(await granted(net))


async def test_a_recipient_without_a_law_does_not_ask(fresh):
    net = fresh
    await settle_in(net, R, "US")
    with pytest.raises(NoLawError, match="no pack for US"):
        await granted(net)
    assert await net.count(R, "request") == [0]


async def test_what_the_recipients_law_forbids_is_not_kept(fresh):
    net = fresh
    add_pack(net, R, {"id": "never", "deny": "not here"}, country="NL", end="recipient")
    await restart(net, R)

    await granted(net)

    async def refused():
        events = await net.read(
            R, audit.events, vault=net.context(R).vault, kind="delivery-refused"
        )
        return [one.event["grounds"] for one in events]

    assert await until(refused) == [["OWN/recipient never: deny not here"]]
    assert await net.count(R, "delivery", "delivery_item") == [0, 0]

    async def told():
        return [
            one
            for one in await net.rows(A, "inbox", "type")
            if one.type == "report-problem"
        ]

    assert await until(told)
