"""Query, consent, delivery, receipt: between two nodes over TLS."""

import pytest
from exchange_net import A, R, by_grant

from protocol.securing import sd_jwt

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_grant_is_answered_at_once_and_signed_for(net):
    person = await net.add_person()
    granted = await net.grant(person)

    thread = await net.ask(by_grant(granted.code))

    delivery = await net.delivery(R, thread)
    (item,) = await net.items(R, delivery.id)
    assert item.verdict["overall"] == "valid"
    record = sd_jwt.parse(item.octets.decode()).record()
    assert record["holder"] == {
        "family_name": person.family,
        "name_kana": f"{person.kana} アイコ",
    }
    sent = await net.receipted(thread)
    assert sent.consent_id == granted.consent_id
    assert await net.comes_to(thread, "receipted")
    assert await net.request_state(thread) == "delivered"
