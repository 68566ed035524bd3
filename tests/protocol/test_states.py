import itertools

import pytest

from protocol.errors import UnexpectedMessageError
from protocol.exchange import states
from protocol.exchange.states import (
    CONSENT,
    DELIVERY,
    OBLIGATION,
    PEER,
    QUERY,
    Consent,
    Delivery,
    Obligation,
    Peer,
    Query,
    QueryEvent,
    advance,
)

TABLES = [
    (QUERY, Query, QueryEvent),
    (CONSENT, Consent, states.ConsentEvent),
    (DELIVERY, Delivery, states.DeliveryEvent),
    (PEER, Peer, states.PeerEvent),
    (OBLIGATION, Obligation, states.ObligationEvent),
]
SQUARES = [
    pytest.param(table, state, event, id=f"{state_type.__name__}-{state}-{event}")
    for table, state_type, event_type in TABLES
    for state, event in itertools.product(state_type, event_type)
]
ARROWS = {
    "Query": """
        received-matching matching-waiting matching-consent-pending matching-granted
        consent-pending-granted consent-pending-waiting consent-pending-closed
        waiting-closed granted-releasing granted-waiting releasing-delivered
        releasing-waiting releasing-receipted delivered-receipted receipted-receipted
    """,
    "Consent": """
        requested-granted requested-refused granted-suspended suspended-granted
        granted-withdrawn granted-superseded suspended-withdrawn suspended-superseded
    """,
    "Delivery": """
        absent-received absent-tombstoned received-verified received-tombstoned
        verified-active verified-tombstoned active-deleted active-retained-in-part
        active-tombstoned deleted-tombstoned retained-in-part-tombstoned
        tombstoned-tombstoned
    """,
    "Peer": """
        introduced-pending pending-trusted pending-ended trusted-suspended
        suspended-trusted suspended-ended trusted-ended ended-introduced
    """,
    "Obligation": "open-done open-overdue done-reported overdue-reported",
}
FINAL = {
    Query.CLOSED,
    Consent.REFUSED,
    Consent.WITHDRAWN,
    Consent.SUPERSEDED,
    Obligation.REPORTED,
}


@pytest.mark.parametrize(("table", "state", "event"), SQUARES)
def test_a_step_is_in_the_table_or_refused(table, state, event):
    if event in table[state]:
        assert advance(table, state, event) is table[state][event]
    else:
        with pytest.raises(UnexpectedMessageError):
            advance(table, state, event)


@pytest.mark.parametrize(("table", "state_type", "_"), TABLES)
def test_the_arrows_are_those_of_the_specification(table, state_type, _):
    drawn = {f"{a}-{b}" for a, steps in table.items() for b in steps.values()}

    assert drawn == set(ARROWS[state_type.__name__].split())
    assert set(table) == set(state_type)


@pytest.mark.parametrize(("table", "_", "event_type"), TABLES)
def test_every_event_moves_something(table, _, event_type):
    assert {event for steps in table.values() for event in steps} == set(event_type)


@pytest.mark.parametrize(("table", "state_type", "_"), TABLES)
def test_what_is_final_stays(table, state_type, _):
    assert {state for state in state_type if not table[state]} == FINAL & set(
        state_type
    )


@pytest.mark.parametrize(("table", "state_type", "_"), TABLES)
def test_every_state_can_be_reached_from_the_first(table, state_type, _):
    reached, edge = set(), {next(iter(state_type))}
    while edge:
        reached |= edge
        edge = {b for a in edge for b in table[a].values()} - reached

    assert reached == set(state_type)


@pytest.mark.parametrize(
    "events",
    [
        [QueryEvent.NO_MATCH],
        [QueryEvent.ASK_LEARNER],
        [QueryEvent.ASK_LEARNER, QueryEvent.REFUSE],
        [QueryEvent.CONSENT, QueryEvent.CANCEL],
        [QueryEvent.ASK_LEARNER, QueryEvent.CONSENT, QueryEvent.CANCEL],
        [QueryEvent.CONSENT, QueryEvent.RELEASE, QueryEvent.CANCEL],
    ],
)
def test_all_that_ends_without_a_delivery_ends_closed_by_the_timer(events):
    state = advance(QUERY, Query.RECEIVED, QueryEvent.TAKE_UP)
    for event in events:
        state = advance(QUERY, state, event)
        assert Query.CLOSED not in {
            after for event, after in QUERY[state].items() if event != QueryEvent.TIMER
        }

    assert advance(QUERY, state, QueryEvent.TIMER) is Query.CLOSED


def test_nothing_is_received_after_its_tombstone():
    state = advance(DELIVERY, Delivery.ABSENT, states.DeliveryEvent.TOMBSTONE)

    with pytest.raises(UnexpectedMessageError):
        advance(DELIVERY, state, states.DeliveryEvent.RECEIVE)
