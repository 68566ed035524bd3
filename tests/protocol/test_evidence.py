"""Evidence packs: complete ones hold, and nothing in them can be changed."""

import dataclasses
import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from protocol.errors import SizeError
from protocol.exchange import envelope, evidence_archive
from protocol.exchange.evidence import History, build_pack, verify_pack
from protocol.exchange.evidence_checks import CHECKS
from protocol.exchange.evidence_manifest import digest
from protocol.identity.keys import LocalSigningKey
from protocol.linked_data.jcs import canonical
from protocol.securing import jose
from tests.protocol import evidence_story as story
from tests.protocol.evidence_story import ACCREDITOR, AUTHORITY, COUNCIL, SOURCE

PACK = story.packed()


def failed(octets, **anchors):
    report = verify_pack(octets, **anchors)

    assert report.ok == all(check.holds for check in report.checks)
    return {check.name: check.reason for check in report.checks if not check.holds}


def repacked(change, *, by=SOURCE):
    """Change the entries of a pack, and have its maker sign the result."""
    entries = evidence_archive.read(PACK)
    manifest = json.loads(entries["manifest.json"])
    change(entries, manifest)
    manifest["files"] = {
        name: manifest["files"].get(name, "") and digest(octets)
        for name, octets in entries.items()
        if name in manifest["files"]
    }
    return signed(entries, manifest, by=by)


def signed(entries, manifest, *, by=SOURCE, claims=()):
    entries["manifest.json"] = canonical(manifest)
    statement = {
        "iss": by.did,
        "iat": int(story.MADE.timestamp()),
        "manifest": digest(entries["manifest.json"]),
        **dict(claims),
    }
    entries["manifest.jws"] = jose.secure(
        statement,
        key=by.message_key,
        kid=by.url("#sig-1"),
        typ="lrx-evidence+jwt",
    ).encode()
    return evidence_archive.write(entries)


def with_messages(**messages):
    return story.packed(messages={**story.contents().messages, **messages})


def test_a_complete_pack_holds():
    report = verify_pack(PACK)

    assert [check.name for check in report.checks] == list(CHECKS)
    assert {check.reason for check in report.checks} == {"holds"}
    assert report.ok
    assert report.anchors == (COUNCIL.did,)
    assert report.manifest.time_evidence == "T0"
    assert report.verifications["degree"].overall("recognition") == "valid"


def test_either_end_can_make_one():
    assert failed(story.packed(by=AUTHORITY, log=story.log_excerpt(AUTHORITY))) == {}


def test_the_same_contents_give_the_same_octets():
    assert story.packed() == PACK


def test_the_reader_may_trust_others_than_the_maker():
    assert failed(PACK, anchors=[COUNCIL.did]) == {}

    wrong = failed(PACK, anchors=[AUTHORITY.did])

    assert wrong == {
        "findings": "degree: issuer_accredited_at_award is unknown, not valid"
    }


@pytest.mark.parametrize("at", range(0, len(PACK), 211))
def test_one_flipped_byte_anywhere_is_seen(at):
    changed = bytearray(PACK)
    changed[at] ^= 0x01

    report = verify_pack(bytes(changed))

    assert not report.ok
    assert not report.checks[0].holds
    assert report.manifest is None


@pytest.mark.parametrize("octets", [b"", b"PK\x03\x04", b"{}", PACK[:-1], PACK + b"\0"])
def test_what_is_not_a_pack_fails_and_does_not_raise(octets):
    assert set(failed(octets)) == set(CHECKS)


def drop(entries, manifest):
    del entries["policy.json"]


def add(entries, manifest):
    entries["more"] = b""


def add_unnamed(entries, manifest):
    entries["more"] = b""
    manifest["files"]["more"] = "x"


def swap(entries, manifest):
    entries["status/1"], entries["status/2"] = entries["status/2"], entries["status/1"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (drop, "files"),
        (add, "files"),
        (add_unnamed, "files"),
        (lambda _, manifest: manifest.update(more=1), "manifest"),
        (lambda _, manifest: manifest.update(format="lrx-evidence/2"), "manifest"),
        (lambda _, manifest: manifest.update(time_evidence="T2"), "manifest"),
        (lambda _, manifest: manifest.update(deliveries=[]), "manifest"),
        (lambda _, manifest: manifest.update(deliveries=["0" * 32]), "delivery"),
        (lambda _, manifest: manifest.update(anchors=[]), "findings"),
        (
            lambda _, manifest: manifest.update(
                created=(story.MADE + timedelta(days=1)).isoformat()
            ),
            "exporter",
        ),
        (
            lambda entries, _: entries.update({"policy.json": b"{}"}),
            "policy",
        ),
        (lambda entries, _: entries.update({"items/1": b"x"}), "items"),
        (lambda entries, _: entries.update({"dids/1": b"x"}), "dids"),
        (lambda entries, _: entries.update({"log/checkpoint": b"x"}), "log"),
        (lambda entries, _: entries.update({"log/release.json": b"{}"}), "log"),
        (lambda _, manifest: manifest["log"].update(leaves={}), "files"),
        (swap, "findings"),
    ],
)
def test_a_pack_its_own_maker_changed_fails(change, name):
    assert name in failed(repacked(change))


def test_a_manifest_in_another_spelling_or_with_another_digest_fails():
    entries = evidence_archive.read(PACK)
    loose = json.dumps(json.loads(entries["manifest.json"]), indent=1).encode()
    assert "manifest" in failed(
        evidence_archive.write({**entries, "manifest.json": loose})
    )
    manifest = json.loads(entries["manifest.json"])
    manifest["files"]["policy.json"] = digest(b"")
    assert failed(signed(dict(entries), manifest)) == {
        "files": "policy.json is not what the manifest says"
    }


def test_only_one_who_took_part_can_make_a_pack():
    assert failed(story.packed(by=ACCREDITOR)) == {
        "exporter": "the pack was made by nobody who took part"
    }
    stranger = LocalSigningKey.generate("EdDSA")
    assert failed(story.packed(key=stranger)) == {
        "exporter": "the signature of the manifest does not hold"
    }
    credential_key = build_pack(
        story.contents(),
        key=SOURCE.credential_key,
        kid=SOURCE.url("#cred-1"),
        at=story.MADE,
    )
    assert "exporter" in failed(credential_key)


def test_the_signature_is_over_this_manifest_by_the_named_key():
    entries = evidence_archive.read(PACK)
    manifest = json.loads(entries["manifest.json"])

    assert failed(signed(dict(entries), manifest, by=AUTHORITY)) == {
        "exporter": "signed by another key than the manifest names"
    }
    for claims in ({"manifest": digest(b"")}, {"iat": 1}, {"more": 1}):
        assert failed(signed(dict(entries), manifest, claims=claims)) == {
            "exporter": "the signature is over another manifest"
        }


ITEM = story.contents().items["degree"]
DELIVERED = story.contents().messages["deliver"]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            {"deliver": story.deliver(ITEM, released_at="2026-10-25T08:00:01Z")},
            {"receipt": "the receipt is for another message"},
        ),
        (
            {"receipt": story.receipt(DELIVERED, ITEM, delivery_id="0" * 32)},
            {"receipt": "the receipt is for another delivery"},
        ),
        (
            {"receipt": story.receipt(DELIVERED, ITEM, message_digest=digest(b""))},
            {"receipt": "the receipt is for another message"},
        ),
        (
            {"receipt": story.receipt(DELIVERED, b"other")},
            {"items": "degree: the digests differ"},
        ),
        (
            {"receipt": story.receipt(DELIVERED, ITEM, checks={})},
            {"findings": "degree: the receipt claims no finding"},
        ),
        (
            {
                "receipt": story.receipt(
                    DELIVERED, ITEM, checks={"integrity": "invalid"}
                )
            },
            {"findings": "degree: integrity is valid, not invalid"},
        ),
        (
            {"receipt": story.receipt(DELIVERED, ITEM, checks={"weather": "valid"})},
            {"findings": "degree: weather is none, not valid"},
        ),
    ],
)
def test_messages_that_do_not_fit_together_fail(messages, expected):
    assert failed(with_messages(**messages)) == expected


def test_messages_in_the_wrong_place_fail():
    messages = story.contents().messages
    swapped = failed(
        story.packed(
            messages={
                **messages,
                "deliver": messages["receipt"],
                "receipt": messages["deliver"],
            }
        )
    )
    assert swapped["delivery"] == "the deliver message is a record/receipt"
    without = {name: messages[name] for name in ("deliver", "receipt")}
    assert failed(story.packed(messages=without)) == {
        "thread": "the message that opened the thread is missing"
    }
    alone = failed(story.packed(messages={"deliver": messages["deliver"]}))
    assert alone["receipt"] == "the receipt message is not in the pack"
    assert "delivery" in failed(with_messages(deliver=b"{}"))


def test_messages_by_others_fail():
    body = {"outcome": "unavailable", "state": "closed"}
    other = story.said(
        SOURCE, AUTHORITY, "record/status", "query", body, at=story.ASKED
    )
    assert failed(with_messages(query=other)) == {
        "thread": "the query message is a record/status"
    }
    assert failed(with_messages(query=story.query(sender=ACCREDITOR))) == {
        "thread": "the query message is between others"
    }
    assert failed(with_messages(query=story.query(name="release"))) == {
        "thread": "the query message is of another thread"
    }
    forged = story.query(signer=ACCREDITOR)
    assert failed(with_messages(query=forged)) == {
        "thread": "the query message is signed by another than its sender"
    }
    forged = story.query(key=ACCREDITOR.message_key)
    assert failed(with_messages(query=forged)) == {
        "thread": "the signature of the query message does not hold"
    }


def test_a_receipt_by_others_fails():
    made = story.receipt(DELIVERED, ITEM, sender=ACCREDITOR)
    assert failed(with_messages(receipt=made)) == {
        "receipt": "the receipt is between others"
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"consent_version": 2}, "the policy is of another consent"),
        ({"purpose": "employment"}, "the policy is for another purpose"),
        ({"policy_digest": digest(b"")}, "the policy is not the one released under"),
    ],
)
def test_a_policy_that_is_not_that_of_the_release_fails(changes, reason):
    delivered = story.deliver(ITEM, **changes)
    receipt = story.receipt(delivered, ITEM)

    found = failed(with_messages(deliver=delivered, receipt=receipt))

    assert found == {"policy": reason}


def test_a_policy_for_another_or_outside_the_profile_fails():
    for policy, reason in (
        (story.agreement(assignee=ACCREDITOR.did), "for another recipient"),
        ({"type": "Offer"}, "policy: "),
    ):
        delivered = story.deliver(ITEM, policy=policy)
        messages = {
            **story.contents().messages,
            "deliver": delivered,
            "receipt": story.receipt(delivered, ITEM),
        }
        found = failed(story.packed(messages=messages, policy=policy))
        assert list(found) == ["policy"]
        assert reason in found["policy"]


def test_an_item_that_shows_more_than_was_released_fails():
    item = story.credential((*story.UNITS, ("results", 0, "grade")))
    delivered = story.deliver(item)
    messages = {
        **story.contents().messages,
        "deliver": delivered,
        "receipt": story.receipt(delivered, item),
    }

    found = failed(story.packed(messages=messages, items={"degree": item}))

    assert found == {"scope": "degree: results was not released"}


def test_items_that_were_not_delivered_or_are_not_there_fail():
    reason = "not the items that were delivered and received"
    assert failed(story.packed(items={"degree": ITEM, "more": b""})) == {
        "items": reason
    }
    assert failed(story.packed(items={"other": ITEM})) == {
        "items": reason,
        "scope": "degree is not in the pack",
        "findings": "degree is not in the pack",
        "complete": "not examined: no item was assessed",
    }
    other = story.receipt(DELIVERED, ITEM, item_id="other")
    found = failed(
        story.packed(
            items={"degree": ITEM, "other": ITEM},
            messages={**story.contents().messages, "receipt": other},
        )
    )
    assert found["findings"] == "other was not delivered"


def test_octets_that_are_not_those_of_the_message_fail():
    delivered = story.deliver(ITEM, octets=b"other")
    receipt = story.receipt(delivered, ITEM)

    assert failed(with_messages(deliver=delivered, receipt=receipt)) == {
        "items": "degree: not the octets that were delivered"
    }


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"[]", "not a message"),
        (b'{"to":["did:web:a.example"],"created_time":9007199254740991}', "not a mess"),
    ],
)
def test_what_is_signed_but_no_message_fails(payload, reason):
    forged = envelope.sign(payload, key=SOURCE.message_key, kid=SOURCE.url("#sig-1"))

    assert reason in failed(with_messages(deliver=forged))["delivery"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_impossible_times_fail_and_do_not_raise(moment):
    receipt = story.receipt(DELIVERED, ITEM, received_at=moment)
    assert "impossible time" in failed(with_messages(receipt=receipt))["delivery"]
    assert "manifest" in failed(
        repacked(lambda _, manifest: manifest.update(created=moment))
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_manifest_makes_verification_raise(data):
    def change(_, manifest):
        place = manifest
        while True:
            keys = sorted(place) if isinstance(place, dict) else range(len(place))
            key = data.draw(st.sampled_from(list(keys)))
            below = place[key]
            if (
                not isinstance(below, dict | list)
                or not below
                or data.draw(st.booleans())
            ):
                break
            place = below
        place[key] = data.draw(json_values)

    try:
        octets = repacked(change)
    except (AttributeError, KeyError, TypeError):
        assume(False)  # noqa: FBT003 - the files member itself was changed
    failed(octets)


def test_a_pack_without_what_the_findings_rest_on_is_not_complete():
    dids = story.contents().dids
    without = {did: one for did, one in dids.items() if did != ACCREDITOR.did}
    found = failed(story.packed(dids=without))
    assert ACCREDITOR.did in found["complete"]
    assert "issuer_accredited_at_award is unknown" in found["findings"]

    lists = story.contents().status_lists
    without = {url: one for url, one in lists.items() if url != story.list_url(SOURCE)}
    found = failed(story.packed(status_lists=without))
    assert found["complete"] == f"missing: status {story.list_url(SOURCE)}"

    found = failed(story.packed(accreditations=[]))
    assert list(found) == ["findings"]


def test_a_log_that_shows_nothing_or_something_else_fails():
    log = story.log_excerpt()
    shown = log.leaves["release"]
    for changed, reason in (
        ({"leaves": {}}, "no event of the log is shown"),
        ({"origin": "other.example/log"}, "the key is that of another log"),
        ({"checkpoint": story.log_excerpt(AUTHORITY).checkpoint}, "not signed by"),
        (
            {"leaves": {"receipt": shown}},
            "the receipt event is about something else",
        ),
        (
            {"leaves": {"release": dataclasses.replace(shown, index=0)}},
            "the release event is not in the log",
        ),
        (
            {"leaves": {"release": dataclasses.replace(shown, blind=b"x" * 32)}},
            "the release event is not in the log",
        ),
    ):
        found = failed(story.packed(log=dataclasses.replace(log, **changed)))
        assert list(found) == ["log"]
        assert reason in found["log"]


def test_a_rejected_item_is_proved_as_rejected():
    revoked = {
        **story.contents().status_lists,
        story.list_url(SOURCE): story.status_list(SOURCE, revoked=[94_567]),
    }
    checks = {**story.CHECKED, "status_now": "invalid"}
    rejected = story.receipt(DELIVERED, ITEM, checks=checks, result="rejected")
    accepted = story.receipt(DELIVERED, ITEM, checks=checks)
    messages = story.contents().messages

    held = story.packed(
        status_lists=revoked, messages={**messages, "receipt": rejected}
    )
    assert failed(held) == {}
    wrong = story.packed(
        status_lists=revoked, messages={**messages, "receipt": accepted}
    )
    assert failed(wrong) == {"findings": "degree: accepted, yet not valid"}


def test_a_later_status_is_told_and_not_judged():
    later = story.status_list(SOURCE, revoked=[94_567], at=story.MADE)
    report = verify_pack(
        story.packed(later_status_lists={story.list_url(SOURCE): later})
    )

    assert report.ok
    assert report.verifications["degree"].findings["status_now"].result == "valid"
    assert report.later["degree"].findings["status_now"].result == "invalid"
    assert verify_pack(PACK).later == {}


def test_a_document_of_a_did_without_a_log_counts_from_when_it_was_seen():
    contents = story.contents()
    document = story.document_of(COUNCIL)
    key = "did:web:council.example"
    dids = {**contents.dids, key: History(document, seen=story.BORN)}
    assert failed(story.packed(dids=dids)) == {}

    dids = {**contents.dids, "did:web:x.example": History(document, seen=story.BORN)}
    assert list(failed(story.packed(dids=dids))) == ["dids"]


def test_too_much_is_refused():
    many = {f"https://x.example/{n}": b"" for n in range(1000)}
    with pytest.raises(SizeError):
        story.packed(later_status_lists=many)
