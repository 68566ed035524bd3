"""Who may say what: chains from an anchor, at a day, and all that breaks one."""

from datetime import date, timedelta

import pytest

from protocol.credentials.findings import Evidence, Want
from protocol.rules import statements, trust
from protocol.rules.statements import AUTHORITY, DELEGATION, INSTITUTION
from protocol.rules.trust import MAXIMUM_DEPTH
from tests.protocol.parties import (
    AT,
    AWARDED,
    BORN,
    DAY,
    SINCE,
    UNTIL,
    Party,
    World,
    accreditation,
    as_json,
    delegation,
    statement,
)

COUNCIL, ACCREDITOR, UNI, OTHER = (
    Party(f"{name}.example") for name in ("council", "accreditor", "uni-a", "other")
)
PARTIES = (COUNCIL, ACCREDITOR, UNI, OTHER)
CHAIN = (delegation(COUNCIL, ACCREDITOR), accreditation(ACCREDITOR, UNI))


class Asked(World):
    """A world that asks about an organisation rather than a document."""

    def standing(self, subject=UNI, *, types=(INSTITUTION,), on=AWARDED, **more):
        histories, lists, failed = {}, {}, {}
        more = {"anchors": self.anchors, "at": AT} | more
        for _ in range(40):
            found = trust.standing(
                subject.did,
                types=types,
                on=on,
                evidence=Evidence(
                    histories=histories,
                    status_lists=lists,
                    accreditations=self.statements,
                    unobtainable=dict(failed),
                ),
                **more,
            )
            if not found.wants:
                return found
            for want in found.wants:
                self.asked.append(want.id)
                known = {one.did: one for one in self.parties}
                if want.id in self.offline or want.kind == "accreditation":
                    failed[want] = "offline"
                elif want.kind == "did":
                    histories[want.id] = known[want.id].history
                elif want.id in self.lists:
                    lists[want.id] = self.lists[want.id]
                else:
                    failed[want] = "not found"
        raise AssertionError("what was obtained is wanted again")


def world(*stated, anchors=(COUNCIL,), parties=PARTIES, **more):
    return Asked(
        tuple(parties),
        anchors=tuple(one.did for one in anchors),
        statements=stated,
        **more,
    )


def test_a_chain_leads_from_the_anchor_to_the_institution():
    found = world(*CHAIN).standing()

    assert found.result == "valid"
    assert found.anchor == COUNCIL.did
    assert [one.type for one in found.chain] == [DELEGATION, INSTITUTION]
    assert found.as_evidence()["chain"][1]["effective"] == {
        "from": "2023-04-01",
        "until": "2030-03-31",
    }
    assert "2026-03-25" in found.reason


def test_the_order_of_statements_does_not_matter():
    assert world(*reversed(CHAIN), *CHAIN).standing().result == "valid"


@pytest.mark.parametrize(
    ("on", "result"),
    [
        (SINCE - DAY, "invalid"),
        (SINCE, "valid"),
        (UNTIL, "valid"),
        (UNTIL + DAY, "invalid"),
    ],
)
def test_both_ends_of_the_effective_period_belong_to_it(on, result):
    found = world(*CHAIN).standing(on=on)
    assert found.result == result
    if result == "invalid":
        assert "effective period" in found.reason


def test_the_effective_period_of_the_delegation_must_cover_the_day_too():
    late = delegation(COUNCIL, ACCREDITOR, effective=(AWARDED + DAY, None))
    found = world(late, CHAIN[1]).standing()
    assert found.result == "invalid"
    assert "its issuer" in found.reason
    assert world(late, CHAIN[1]).standing(on=AWARDED + DAY).result == "valid"


def test_without_anchors_nothing_is_known():
    asked = world(*CHAIN, anchors=())
    assert asked.standing().result == "unknown"
    assert asked.asked == []


def test_an_anchor_needs_no_statement():
    found = world().standing(COUNCIL)
    assert (found.result, found.anchor) == ("valid", COUNCIL.did)


def test_an_anchor_may_accredit_by_itself():
    assert world(accreditation(COUNCIL, UNI)).standing().result == "valid"


def test_without_a_statement_it_is_unknown():
    asked = world(CHAIN[0])
    assert asked.standing().result == "unknown"
    assert asked.asked == [UNI.did]


def test_a_statement_of_somebody_unknown_is_passed_over():
    asked = world(accreditation(OTHER, UNI))
    found = asked.standing()
    assert found.result == "unknown"
    assert found.refused
    # What nobody vouches for is not even looked up.
    assert asked.asked == [OTHER.did]
    evidence = Evidence(accreditations=asked.statements)
    first = trust.standing(
        UNI.did,
        types=[INSTITUTION],
        on=AWARDED,
        evidence=evidence,
        anchors=asked.anchors,
        at=AT,
    )
    assert first.wants == (Want("accreditation", OTHER.did),)


def test_a_statement_of_somebody_unknown_takes_nothing_away():
    noise = (
        accreditation(OTHER, UNI, decision="withheld"),
        accreditation(UNI, UNI, decision="withheld"),
        accreditation(ACCREDITOR, UNI, sign=OTHER, decision="withheld"),
    )
    found = world(*noise, *CHAIN).standing()
    assert found.result == "valid"
    assert len(found.refused) == len(noise)
    late = world(*noise, *CHAIN).standing(on=UNTIL + DAY)
    assert late.result == "invalid"


def test_nobody_vouches_for_themselves():
    found = world(accreditation(UNI, UNI)).standing()
    assert found.result == "unknown"
    assert "its own issuer" in found.reason


def test_a_loop_leads_nowhere():
    loop = (delegation(ACCREDITOR, OTHER), delegation(OTHER, ACCREDITOR))
    asked = world(*loop, CHAIN[1])
    assert asked.standing().result == "unknown"
    assert asked.asked == []
    assert world(*loop, *CHAIN).standing().result == "valid"


def test_a_recognition_authority_may_not_accredit():
    stated = statement(trust.recognition_authority, COUNCIL, ACCREDITOR)
    assert world(stated, CHAIN[1]).standing().result == "unknown"
    found = world(stated).standing(ACCREDITOR, types=[AUTHORITY])
    assert found.result == "valid"
    assert world(stated).standing(ACCREDITOR).result == "unknown"


def line(length):
    """Statements of a chain with `length` links."""
    middle = [Party(f"agency-{number}.example") for number in range(length - 1)]
    links = [COUNCIL, *middle]
    stated = [delegation(one, other) for one, other in zip(links, middle, strict=False)]
    return world(*stated, accreditation(links[-1], UNI), parties=[*PARTIES, *middle])


def test_a_chain_has_at_most_eight_links():
    assert line(MAXIMUM_DEPTH).standing().result == "valid"
    assert len(line(MAXIMUM_DEPTH).standing().chain) == MAXIMUM_DEPTH
    assert line(MAXIMUM_DEPTH + 1).standing().result == "unknown"


@pytest.mark.parametrize(
    ("decision", "result"),
    [
        ("accredited", "valid"),
        ("with-conditions", "valid"),
        ("withdrawn", "valid"),
        ("withheld", "invalid"),
        ("perhaps", "invalid"),
        (None, "invalid"),
    ],
)
def test_a_decision_counts_within_its_effective_period(decision, result):
    stated = accreditation(ACCREDITOR, UNI, decision=decision)
    assert world(CHAIN[0], stated).standing().result == result


def test_a_withdrawn_accreditation_does_not_void_what_was_before():
    ended = accreditation(
        ACCREDITOR, UNI, decision="withdrawn", effective=(SINCE, AWARDED)
    )
    assert world(CHAIN[0], ended).standing().result == "valid"
    assert world(CHAIN[0], ended).standing(on=AWARDED + DAY).result == "invalid"


def test_one_good_statement_is_enough():
    bad = accreditation(ACCREDITOR, UNI, decision="withheld")
    assert world(bad, *CHAIN).standing().result == "valid"


def test_a_delegation_may_be_limited_to_countries():
    for countries, result in ((["JP", "NL"], "valid"), (["NL"], "invalid")):
        limited = delegation(COUNCIL, ACCREDITOR, countries=countries)
        assert world(limited, CHAIN[1]).standing().result == result
    both = delegation(COUNCIL, ACCREDITOR, countries=["NL"]), CHAIN[0]
    assert world(*both, CHAIN[1]).standing().result == "valid"


# --- each link is verified like any credential

BREAKS = {
    "forged": lambda: accreditation(ACCREDITOR, UNI, sign=OTHER),
    "expired": lambda: accreditation(ACCREDITOR, UNI, valid_until=AT),
    "not yet": lambda: accreditation(ACCREDITOR, UNI, valid_from=AT + DAY),
    "before the DID": lambda: accreditation(ACCREDITOR, UNI, valid_from=BORN - DAY),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_a_link_that_does_not_hold_is_refused(fault):
    assert world(CHAIN[0], BREAKS[fault]()).standing().result != "valid"


@pytest.mark.parametrize("fault", ["forged", "before the DID", "not yet"])
def test_a_link_its_issuer_did_not_make_is_passed_over(fault):
    found = world(CHAIN[0], BREAKS[fault]()).standing()
    assert found.result == "unknown"
    assert found.refused


def test_a_proof_of_either_kind_secures_a_statement():
    document = trust.institution_accreditation(
        issuer=ACCREDITOR.did,
        subject=UNI.did,
        legal_name="A",
        country="JP",
        effective=(SINCE, None),
        valid_from=BORN,
        valid_until=AT + DAY,
        decided_on=date(2023, 3, 20),
        levels=["bachelor"],
    )
    secured = as_json(ACCREDITOR.secure(document))
    endless = delegation(COUNCIL, ACCREDITOR, effective=(SINCE, None))
    found = world(endless, secured).standing(on=UNTIL + 365 * DAY)
    assert found.result == "valid"
    assert "on)" in found.reason
    assert world(CHAIN[0], as_json(document)).standing().result == "unknown"


@pytest.mark.parametrize("revoked", [ACCREDITOR, COUNCIL])
def test_a_revoked_link_is_invalid(revoked):
    stated = (
        delegation(COUNCIL, ACCREDITOR, status=COUNCIL.entry()),
        accreditation(ACCREDITOR, UNI, status=ACCREDITOR.entry()),
    )
    lists = {
        one.list_url: one.status_list(*([7] if one is revoked else []))
        for one in (COUNCIL, ACCREDITOR)
    }
    asked = world(*stated, lists=lists)
    found = asked.standing()
    assert found.result == "invalid"
    assert "revoked" in found.reason
    if revoked is COUNCIL:
        # Below a link that does not hold nothing more is looked up.
        assert ACCREDITOR.list_url not in asked.asked


@pytest.mark.parametrize("gone", [COUNCIL.did, ACCREDITOR.did, ACCREDITOR.list_url])
def test_what_is_out_of_reach_leaves_it_unknown(gone):
    stated = (CHAIN[0], accreditation(ACCREDITOR, UNI, status=ACCREDITOR.entry()))
    lists = {ACCREDITOR.list_url: ACCREDITOR.status_list()}
    assert world(*stated, lists=lists).standing().result == "valid"
    found = world(*stated, lists=lists, offline=frozenset({gone})).standing()
    assert found.result == "unknown"
    assert "offline" in found.reason


def test_an_unknown_statement_is_not_overruled_by_a_bad_one():
    stated = (
        CHAIN[0],
        accreditation(ACCREDITOR, UNI, effective=(AWARDED + DAY, None)),
        accreditation(ACCREDITOR, UNI, status=ACCREDITOR.entry()),
    )
    assert world(*stated).standing().result == "unknown"


def test_each_did_and_list_is_wanted_only_after_what_vouches_for_it():
    stated = (
        delegation(COUNCIL, ACCREDITOR, status=COUNCIL.entry()),
        accreditation(ACCREDITOR, UNI, status=ACCREDITOR.entry()),
    )
    lists = {one.list_url: one.status_list() for one in (COUNCIL, ACCREDITOR)}
    asked = world(*stated, lists=lists)
    assert asked.standing().result == "valid"
    assert asked.asked == [
        COUNCIL.did,
        COUNCIL.list_url,
        ACCREDITOR.did,
        ACCREDITOR.list_url,
    ]


# --- reading


def subject(**changes):
    stated = trust.institution_accreditation(
        issuer=ACCREDITOR.did,
        subject=UNI.did,
        legal_name="A",
        country="JP",
        effective=(SINCE, UNTIL),
        valid_from=BORN,
        valid_until=AT + DAY,
    )
    stated["credentialSubject"] |= changes
    return stated


def accredited(**changes):
    period = {"from": "2023-04-01", "until": "2030-03-31"}
    said = {"decision": "accredited", "effective": period} | changes
    return subject(accreditation=said)


@pytest.mark.parametrize(
    "document",
    [
        subject(id="https://uni-a.example"),
        subject(accreditation=None),
        accredited(effective=None),
        accredited(effective={}),
        accredited(effective={"from": 2023}),
        accredited(effective={"from": "2023"}),
        accredited(effective={"from": "2023-04-01", "until": "later"}),
        accredited(countries="JP"),
        accredited() | {"issuer": "https://accreditor.example"},
        accredited() | {"credentialSubject": "x"},
        accredited() | {"type": ["VerifiableCredential"]},
    ],
)
def test_what_says_nothing_about_an_organisation_is_passed_over(document):
    assert statements.read(ACCREDITOR.jwt(document)) is None


@pytest.mark.parametrize("octets", [b"", b"{}", b"x.y.z", b"\xff"])
def test_what_cannot_be_read_is_passed_over(octets):
    assert world(octets, *CHAIN).standing().result == "valid"


def test_the_example_of_the_specification_is_read():
    period = {"from": "2023-04-01", "until": "2030-03-31"}
    found = statements.read(ACCREDITOR.jwt(accredited(standard="institutional")))
    assert found.as_evidence()["effective"] == period
    assert found.country == "JP"
    assert found.covers(date(2023, 4, 1))
    assert not found.covers(date(2023, 4, 1) - timedelta(days=1))
    odd = statements.read(ACCREDITOR.jwt(subject(country=7)))
    assert odd.country is None


def test_an_authority_may_be_limited_to_decisions():
    stated = trust.recognition_authority(
        issuer=COUNCIL.did,
        subject=OTHER.did,
        legal_name="O",
        country="NL",
        effective=(SINCE, None),
        valid_from=BORN,
        valid_until=AT,
        decisions=["recognition-assessment"],
    )
    said = stated["credentialSubject"]["accreditation"]
    assert said == {
        "decisions": ["recognition-assessment"],
        "effective": {"from": "2023-04-01"},
    }


def test_many_statements_are_each_verified_once():
    agencies = [Party(f"agency-{number}.example") for number in range(12)]
    stated = [delegation(COUNCIL, one) for one in agencies]
    stated += [delegation(one, two) for one in agencies for two in agencies]
    stated += [accreditation(one, UNI) for one in agencies]
    asked = world(*stated, parties=[*PARTIES, *agencies])
    assert asked.standing().result == "valid"
    assert len(asked.asked) == len(set(asked.asked)) == 13
