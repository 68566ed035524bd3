"""The one judgement: accreditation at the award, replay, and nothing from nothing."""

import itertools
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.rules import trust
from protocol.rules.validation import Evidence, Verification, Want, assess
from protocol.securing import sd_jwt
from tests.protocol.parties import (
    AT,
    AWARDED,
    BORN,
    DAY,
    RECORD,
    SIGNED,
    SINCE,
    UNTIL,
    Party,
    World,
    accreditation,
    as_json,
    delegation,
    statement,
)

COUNCIL, ACCREDITOR, UNI = (
    Party(f"{name}.example") for name in ("council", "accreditor", "uni-a")
)
LISTS = {one.list_url: one.status_list() for one in (COUNCIL, ACCREDITOR, UNI)}
STATEMENTS = (
    delegation(COUNCIL, ACCREDITOR, status=COUNCIL.entry(1)),
    accreditation(ACCREDITOR, UNI, status=ACCREDITOR.entry(1)),
)
FINDINGS = [
    "integrity",
    "issuer_identified",
    "key_at_signing",
    "validity_period",
    "time_evidence",
    "issuer_accredited_at_award",
    "programme_accredited_at_award",
    "status_now",
    "status_at",
    "holder_binding",
    "schema",
]


def world(**more):
    known = {
        "parties": (COUNCIL, ACCREDITOR, UNI),
        "anchors": (COUNCIL.did,),
        "statements": STATEMENTS,
        "lists": dict(LISTS),
    }
    return World(**(known | more))


def accredited(found):
    return found.findings["issuer_accredited_at_award"]


def awarded(on):
    return RECORD | {"qualification": {"title": "B", "awarded_on": on.isoformat()}}


@pytest.mark.parametrize("form", ["sd_jwt", "vc"])
def test_a_diploma_is_found_good_with_every_finding_named(form):
    document = UNI.sd_jwt() if form == "sd_jwt" else UNI.secure(UNI.vc())
    found = world().assess(document)

    assert list(found.findings) == FINDINGS
    assert found.overall("recognition") == "valid"
    assert found.wants == ()
    assert "2026-03-25" in accredited(found).reason
    assert "qualification.awarded_on" in accredited(found).reason
    assert accredited(found).evidence["anchor"] == COUNCIL.did
    json.dumps([finding.evidence for finding in found.findings.values()])


@pytest.mark.parametrize(
    ("on", "result"),
    [(SINCE - DAY, "invalid"), (SINCE, "valid"), (UNTIL, "valid")],
)
def test_the_day_of_the_award_decides(on, result):
    found = world().assess(UNI.sd_jwt(awarded(on)))
    assert accredited(found).result == result
    assert found.overall("recognition") == result
    assert found.overall("authenticity") == "valid"


def test_the_reader_may_name_the_day():
    found = world().assess(UNI.sd_jwt(), award_date=SINCE - DAY)
    assert accredited(found).result == "invalid"
    assert "as asked" in accredited(found).reason


def test_a_record_without_an_award_is_judged_by_its_own_date():
    record = {
        "holder": RECORD["holder"],
        "certificate": {"kind": "enrolment", "issued_on": "2026-04-01"},
    }
    text = UNI.sd_jwt(record, kind="enrolment-certificate")
    assert "certificate.issued_on" in accredited(world().assess(text)).reason
    bare = sd_jwt.parse(text).present([("holder", "given_name")])
    found = accredited(world().assess(bare))
    assert (found.result, found.evidence["date_from"]) == ("valid", "the date of issue")


def test_a_day_that_cannot_be_read_leaves_it_unknown():
    record = {"qualification": {"title": "B", "awarded_on": "spring"}}
    found = accredited(world().assess(UNI.sd_jwt(record)))
    assert found.result == "unknown"
    assert "awarded_on" in found.reason
    undated = world().assess(
        UNI.sd_jwt({"holder": {"given_name": "A"}}, iat=None, nbf=None)
    )
    assert accredited(undated).result == "unknown"


@pytest.mark.parametrize(
    "more", [{"anchors": ()}, {"statements": ()}, {"statements": STATEMENTS[:1]}]
)
def test_without_anchor_or_statement_accreditation_is_unknown(more):
    found = world(**more).assess(UNI.sd_jwt())
    assert accredited(found).result == "unknown"
    assert found.overall("recognition") == "undetermined"
    assert any("issuer_accredited" in one for one in found.missing("recognition"))


def test_an_issuer_that_is_not_identified_is_not_looked_up():
    gone = world(offline=frozenset({UNI.did}))
    found = gone.assess(UNI.sd_jwt())
    assert accredited(found).result == "unknown"
    assert gone.asked == [UNI.did]


def test_a_revoked_accreditation_is_invalid():
    lists = LISTS | {ACCREDITOR.list_url: ACCREDITOR.status_list(1)}
    found = world(lists=lists).assess(UNI.sd_jwt())
    assert accredited(found).result == "invalid"
    assert "revoked" in accredited(found).reason
    assert found.overall("authenticity") == "valid"


def test_a_statement_about_an_organisation_is_judged_by_delegation():
    found = world().assess(STATEMENTS[1], award_date=AWARDED)
    assert found.overall("recognition") == "valid"
    by_council = world().assess(STATEMENTS[0])
    assert "is a trust anchor" in accredited(by_council).reason


# --- programmes


def programme(name, **changes):
    def build(**stated):
        document = trust.institution_accreditation(**stated)
        document["type"][1] = "ProgrammeAccreditationCredential"
        document["credentialSubject"]["programme"] = {"name": name}
        return document

    return statement(build, ACCREDITOR, UNI, **changes)


NAMED = RECORD | {"programme": {"name": "Engineering"}}


@pytest.mark.parametrize(
    ("stated", "result"),
    [
        ([], "unknown"),
        ([programme("Engineering")], "valid"),
        ([programme("Medicine")], "unknown"),
        ([programme(None)], "unknown"),
        ([programme("Engineering", effective=(AWARDED + DAY, None))], "invalid"),
    ],
)
def test_a_programme_is_accredited_by_name(stated, result):
    found = world(statements=(*STATEMENTS, *stated)).assess(UNI.sd_jwt(NAMED))
    assert found.findings["programme_accredited_at_award"].result == result
    assert found.overall("recognition") == "valid"


def test_a_programme_that_is_withheld_is_not_asked_about():
    text = sd_jwt.parse(UNI.sd_jwt(NAMED)).present([("qualification", "awarded_on")])
    finding = world().assess(text).findings["programme_accredited_at_award"]
    assert finding.result == "not-applicable"


# --- the conversation


def test_wants_come_one_after_the_other():
    asked = world()
    asked.assess(UNI.sd_jwt())
    assert asked.asked[0] == UNI.did
    assert set(asked.asked[1:]) == {
        *(UNI.list_url, COUNCIL.did, COUNCIL.list_url),
        *(ACCREDITOR.did, ACCREDITOR.list_url),
    }
    assert len(asked.asked) == len(set(asked.asked))


def test_the_same_evidence_gives_the_same_findings():
    asked = world()
    text = UNI.sd_jwt().encode()
    first = asked.assess(text)
    again = assess(
        text, media_type=None, evidence=asked.evidence, anchors=asked.anchors, at=AT
    )
    assert again.findings == first.findings


@pytest.mark.parametrize("octets", [b"", b"hello", b"{}", b"\xff", b"a.b.c"])
def test_what_cannot_be_read_raises(octets):
    with pytest.raises(ProtocolError):
        world().assess(octets)


COMPLETE = world()
COMPLETE.assess(UNI.sd_jwt())
WHOLE = COMPLETE.evidence
PARTS = [
    *((("histories", did)) for did in WHOLE.histories),
    *((("status_lists", url)) for url in WHOLE.status_lists),
    *((("accreditations", index)) for index in range(len(STATEMENTS))),
]


def without(missing):
    """Take parts of the evidence away."""
    return Evidence(
        histories={
            did: known
            for did, known in WHOLE.histories.items()
            if ("histories", did) not in missing
        },
        status_lists={
            url: known
            for url, known in WHOLE.status_lists.items()
            if ("status_lists", url) not in missing
        },
        accreditations=[
            octets
            for index, octets in enumerate(WHOLE.accreditations)
            if ("accreditations", index) not in missing
        ],
    )


def judged(octets, missing, **more) -> Verification:
    more = {"anchors": (COUNCIL.did,), "at": AT} | more
    return assess(octets, media_type=None, evidence=without(missing), **more)


DOCUMENTS = {
    "good": UNI.sd_jwt().encode(),
    "revoked": UNI.sd_jwt(status=UNI.entry(8)).encode(),
    "expired": UNI.sd_jwt(exp=int(SIGNED.timestamp())).encode(),
    "early award": UNI.sd_jwt(awarded(SINCE - DAY)).encode(),
    "message key": UNI.sd_jwt(fragment="#sig-1").encode(),
    "forged": as_json(UNI.secure(UNI.vc()) | {"name": "Other"}),
}
GOOD = {"valid", "not-applicable"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_missing_evidence_never_turns_into_valid(name):
    octets = DOCUMENTS[name]
    whole = judged(octets, set()).findings
    for count in range(1, len(PARTS) + 1):
        for missing in itertools.combinations(PARTS, count):
            for one, finding in judged(octets, missing).findings.items():
                if finding.result in GOOD:
                    assert whole[one].result in GOOD, (one, missing)


def test_each_part_of_the_evidence_is_needed():
    for part in PARTS:
        assert (
            judged(DOCUMENTS["good"], {part}).overall("recognition") == "undetermined"
        )
    assert judged(DOCUMENTS["good"], set()).overall("recognition") == "valid"
    for missing in ({part} for part in PARTS):
        found = judged(DOCUMENTS["good"], missing)
        assert found.overall("recognition") == "undetermined"
        wanted = {(want.kind, want.id) for want in found.wants}
        (kind, id_) = next(iter(missing))
        if kind == "histories":
            assert ("did", id_) in wanted
        elif kind == "status_lists":
            assert ("status", id_) in wanted
        else:
            subject = (ACCREDITOR, UNI)[id_]
            assert ("accreditation", subject.did) in wanted


@given(st.datetimes(BORN.replace(tzinfo=None), (AT + 400 * DAY).replace(tzinfo=None)))
@settings(max_examples=60)
def test_time_alone_makes_nothing_valid_that_lies_outside_the_dates(moment):
    at = moment.replace(tzinfo=AT.tzinfo)
    found = judged(DOCUMENTS["good"], set(), at=at)
    valid = found.overall("recognition") == "valid"
    # The lists live from a day before AT to six days after it.
    assert valid == (AT - DAY <= at < AT + 6 * DAY)


def test_a_want_that_cannot_be_met_is_not_wanted_again():
    want = Want("did", UNI.did)
    evidence = Evidence(unobtainable={want: "the host does not answer"})
    found = assess(
        DOCUMENTS["good"], media_type=None, evidence=evidence, anchors=(), at=AT
    )
    assert found.wants == ()
    assert "does not answer" in found.findings["issuer_identified"].reason


def test_the_date_of_an_award_is_a_day():
    found = judged(DOCUMENTS["good"], set(), award_date=date(2026, 3, 25))
    assert accredited(found).evidence["on"] == "2026-03-25"


def test_only_the_fact_that_is_missing_is_named():
    gone = world(offline=frozenset({UNI.did})).assess(UNI.sd_jwt())
    (missing,) = gone.missing("recognition")
    assert missing.startswith("issuer_identified: the DID document of did:webvh:")
    (missing,) = (
        world(offline=frozenset(LISTS)).assess(UNI.sd_jwt()).missing("authenticity")
    )
    assert missing.startswith("status_now: the status list https://uni-a.example/")


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["id", "type", "name", "from", "holder", "_sd", "..."]),
            inner,
            max_size=2,
        )
    ),
    max_leaves=4,
)


def paths(value, before=()):
    yield before
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            yield from paths(inner, (*before, name))


def put(document, path, value):
    copied = json.loads(json.dumps(document))
    inner = copied
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return copied


SIGNED_VC = UNI.secure(UNI.vc(credentialStatus=[UNI.entry()]))
BADGE = UNI.vc(
    kind="micro-credential",
    record={
        "holder": {"given_name": "A"},
        "achievement": {
            "key": "r",
            "title": "Robotics",
            "country": "JP",
            "awarding_body": "A",
            "awarded_on": "2026-03-25",
            "learning_outcomes": "x",
            "workload": {"value": 1, "unit": "credits"},
            "level": "x",
            "assessment": "x",
            "participation": "x",
            "quality_assurance": "x",
            "courses": [],
        },
    },
)
LIST = json.loads(LISTS[UNI.list_url])
DELEGATED = trust.trust_anchor_delegation(
    issuer=COUNCIL.did,
    subject=ACCREDITOR.did,
    legal_name="A",
    country="JP",
    effective=(SINCE, UNTIL),
    valid_from=BORN,
    valid_until=AT,
    countries=["JP"],
)
TARGETS = [
    (name, path)
    for name, document in (
        ("vc", SIGNED_VC),
        ("badge", BADGE),
        ("list", LIST),
        ("statement", DELEGATED),
    )
    for path in paths(document)
    if path
]


@pytest.mark.slow
@given(st.sampled_from(TARGETS), values)
@settings(max_examples=200, deadline=None)
def test_whatever_is_stated_gives_findings_or_is_refused(target, value):
    name, path = target
    asked, document = world(), SIGNED_VC
    if name == "vc":
        document = put(SIGNED_VC, path, value)
    elif name == "badge":
        document = UNI.secure(put(BADGE, path, value))
    elif name == "list":
        changed = put(LIST, path, value)
        if path[0] != "proof":
            del changed["proof"]
            changed = UNI.secure(changed)
        asked.lists[UNI.list_url] = as_json(changed)
    else:
        stated = COUNCIL.jwt(put(DELEGATED, path, value))
        asked.statements = (stated, STATEMENTS[1])
    try:
        found = asked.assess(document)
    except ProtocolError:
        return
    assert list(found.findings) == FINDINGS
    json.dumps([dict(finding.evidence) for finding in found.findings.values()])
    if name == "vc":
        unchanged = document == SIGNED_VC
        assert (found.overall("authenticity") == "valid") == unchanged


SAMPLES = Path(__file__).parents[3] / "shared/standards/oneedtech/ob3/examples"
NAMES = sorted(one.name for one in SAMPLES.glob("*.j*")) or ["none"]


@pytest.mark.samples
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the public samples are not here")
@pytest.mark.parametrize("name", NAMES)
def test_badges_of_others_are_judged_and_never_valid_unseen(name):
    found = World(()).assess(SAMPLES.joinpath(name).read_bytes())
    assert found.overall("authenticity") != "valid"
    assert list(found.findings) == FINDINGS
