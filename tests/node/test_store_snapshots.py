"""Status lists kept with the deliveries that were judged by them."""

from datetime import timedelta

import pytest
from store_world import AT, CONSENT, DIGEST, VAULT, opened

from node.store import exchanges, snapshots
from node.store.exchanges import Delivery

DELIVERY = "1" * 32
URL, OTHER = "https://uni-a.test/status/1", "https://council.test/status/1"


@pytest.fixture
def connection(tmp_path):
    with opened(tmp_path / "node.db") as connection:
        exchanges.add_delivery(
            connection,
            vault=VAULT,
            delivery=Delivery(
                *(DELIVERY, "in", "uni-a", "t", "m", DIGEST, "r" * 32, CONSENT, 1),
                *("study", AT, "active", b"jws", {}),
            ),
        )
        yield connection


def keep(connection, lists, *, seconds=0):
    snapshots.keep(
        connection,
        delivery_id=DELIVERY,
        status_lists=lists,
        at=AT + timedelta(seconds=seconds),
    )


@pytest.mark.parametrize("later", [b"later", b"an even later one", b"x", b"y"])
def test_the_lists_a_receipt_rests_on_stay_whatever_comes_later(connection, later):
    first = {URL: b"first", OTHER: b"other"}
    keep(connection, first)

    keep(connection, {URL: later}, seconds=9)

    assert snapshots.of_delivery(connection, delivery_id=DELIVERY) == first


def test_a_list_is_kept_once(connection):
    keep(connection, {URL: b"first"})
    keep(connection, {URL: b"first"}, seconds=9)

    found = snapshots.of_delivery(connection, delivery_id=DELIVERY)

    assert found == {URL: b"first"}
    assert snapshots.of_delivery(connection, delivery_id="2" * 32) == {}
