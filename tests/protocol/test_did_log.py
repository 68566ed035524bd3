import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import DidError
from protocol.exchange import did_witnesses
from protocol.exchange.did_log import (
    MAXIMUM_ENTRIES,
    MAXIMUM_LOG,
    append,
    create,
    next_key_hash,
    read,
    web_document,
    witness_url,
)
from protocol.exchange.did_parameters import multihash
from protocol.identity.dids import (
    Did,
    DidDocument,
    DidHistory,
    DidUrl,
    node_document,
)
from protocol.identity.keys import DecryptionKey, LocalSigningKey
from protocol.linked_data.jcs import canonical, parse_strict
from protocol.securing.data_integrity import secure

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
UPDATE = [LocalSigningKey.generate("EdDSA") for _ in range(6)]
"""The update keys of a DID, in the order they sign."""
KEYS = [key.verification_key.multikey() for key in UPDATE]
HASHES = [next_key_hash(key) for key in KEYS]
MESSAGE = LocalSigningKey.generate("EdDSA").verification_key
ES256 = LocalSigningKey.generate("ES256").verification_key
TEMPLATE = node_document(
    "did:webvh:{SCID}:registry.uni-a.example",
    message_key=MESSAGE,
    credential_keys=[LocalSigningKey.generate("EdDSA").verification_key, ES256],
    encryption_key=DecryptionKey.generate().encryption_key,
    endpoint="https://registry.uni-a.example/lrx/1",
    profile="https://registry.uni-a.example/.well-known/lrx",
)


def created(**more):
    arguments = {"update_key": UPDATE[0], "next_key_hashes": [HASHES[1]], "at": AT}
    return create(TEMPLATE, **(arguments | more))


DID, LOG = created()
DOCUMENT = read(DID, LOG).current().as_dict()


def appended(log=LOG, number=1, **more):
    """Add entry `number` + 1, signed by the key that was announced for it."""
    document = more.pop("document", None) or parse_strict(log.splitlines()[-1])["state"]
    arguments = {
        "document": document,
        "update_key": UPDATE[number],
        "next_key_hashes": [HASHES[number + 1]],
        "at": AT + number * HOUR,
    }
    return append(log, **(arguments | more))


LONGER = appended(document=DOCUMENT | {"alsoKnownAs": ["https://uni-a.example/"]})


def entry_of(log, number):
    return parse_strict(log.splitlines()[number - 1])


def forged(log, change, *, key=UPDATE[1], proof=None, number=2):
    """Replace entry `number` of `log` by a changed one, hashed and signed anew."""
    lines = log.splitlines(keepends=True)
    entry = entry_of(log, number)
    del entry["proof"]
    change(entry)
    chained = entry_of(log, number - 1)["versionId"]
    entry.setdefault("versionTime", "")
    digest = multihash(canonical(entry | {"versionId": chained}))
    entry["versionId"] = f"{number}-{digest}"
    multikey = key.verification_key.multikey()
    method = DidUrl(f"did:key:{multikey}#{multikey}")
    secured = secure(entry, key=key, verification_method=method, at=AT)
    secured["proof"] = [(proof or (lambda it: it))(secured["proof"])]
    return b"".join(lines[: number - 1]) + canonical(secured) + b"\n"


def forged_first(change):
    """Make a log of one entry whose SCID fits although something is wrong with it."""
    entry = parse_strict(LOG.replace(DID.scid.encode(), b"{SCID}"))
    del entry["proof"]
    entry["versionId"] = "{SCID}"
    change(entry)
    octets = canonical(entry)
    scid = multihash(octets)
    entry = json.loads(octets.replace(b"{SCID}", scid.encode()))
    entry["versionId"] = f"1-{multihash(canonical(entry))}"
    method = DidUrl(f"did:key:{KEYS[0]}#{KEYS[0]}")
    secured = secure(entry, key=UPDATE[0], verification_method=method, at=AT)
    return Did(f"did:webvh:{scid}:registry.uni-a.example"), canonical(secured)


def unchanged(entry):
    pass


def in_parameters(**members):
    return lambda entry: entry["parameters"].update(members)


def test_a_new_did_is_read_back():
    history = read(DID, LOG)

    assert history.did == DID
    assert history.scid == DID.scid
    assert not history.deactivated
    assert history.current().id == DID
    assert history.current().key_for(f"{DID}#sig-1", "authentication") == MESSAGE
    assert history.current().key_for(f"{DID}#cred-2", "assertionMethod") == ES256
    assert [(v.number, v.at) for v in history.versions] == [(1, AT)]


def test_each_entry_is_a_version_from_its_time_on():
    history = read(DID, LONGER)

    first, second = (version.document for version in history.versions)
    assert history.at(AT - HOUR) is None
    assert history.at(AT) is first
    assert history.at(AT + HOUR) is second
    assert history.between(AT, AT + HOUR) == [first, second]
    assert history.versions[1].version_id.startswith("2-Qm")


def test_the_scid_is_the_hash_of_the_first_entry_with_placeholders():
    # Section "Generate SCID", done here by text alone.
    text = json.dumps(entry_of(LOG, 1)).replace(DID.scid, "{SCID}")
    draft = json.loads(text)
    del draft["proof"]

    assert multihash(canonical(draft | {"versionId": "{SCID}"})) == DID.scid


def test_the_entry_hash_of_the_specification():
    # Section "Generate Entry Hash", the example there.
    scid = "QmdmPkUdYzbr9txmx8gM2rsHPgr5L6m3gHjJGAf4vUFoGE"
    witnesses = [
        "z6Mkkc51mg2vpQzKWAbWQZupeGYhowaBjYkmvcKMTqteqHB4",
        "z6MkuDdJdKLCgwZuQuEi9xG6LVgJJ9Tebr74CXPYPSumqgJs",
        "z6MkoSWmQyp4fTk4ZQy4KUsss9dFX51XfEUzKKKj1J1JUsrF",
    ]
    entry = {
        "versionId": scid,
        "versionTime": "2025-04-01T17:39:50Z",
        "parameters": {
            "witness": {
                "threshold": 2,
                "witnesses": [
                    {"id": f"did:key:{key}", "weight": 1} for key in witnesses
                ],
            },
            "updateKeys": ["z6MkgzBDcBFV3sk4ypPE5YXMZHmS213A3HpYY2LmcVKV15jr"],
            "nextKeyHashes": ["QmZreDcjvWEpyRFznQeExWNCsvMLk5i59AcRJJuQC8UodJ"],
            "method": "did:webvh:0.5",
            "scid": scid,
        },
        "state": {
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": f"did:webvh:{scid}:domain.example",
        },
    }

    digest = multihash(canonical(entry))

    assert digest == "QmQ6FJ4fk2xheSSQoEjVpTgx9AQPKhJgtR9hn1nr4EeCrZ"


@settings(max_examples=200)
@given(st.data())
def test_no_octet_of_a_log_can_be_changed(data):
    place = data.draw(st.integers(0, len(LONGER) - 2))
    octet = data.draw(st.integers(0, 255).filter(lambda o: o != LONGER[place]))
    changed = LONGER[:place] + bytes([octet]) + LONGER[place + 1 :]

    with pytest.raises(DidError):
        read(DID, changed)


def test_a_log_cut_short_still_verifies():
    # Known and unavoidable: the node keeps the highest version it has seen.
    assert read(DID, LONGER.splitlines(keepends=True)[0]).current().id == DID


@pytest.mark.parametrize(
    "log",
    [
        b"",
        b"\n",
        b"[]\n",
        LOG + b"\n",
        LOG + LOG,
        LONGER.splitlines(keepends=True)[1],
        LOG + LONGER,
        b"\n".join(reversed(LONGER.splitlines())),
        LOG[:-10],
        b" " * (MAXIMUM_LOG + 1),
        b"\n" * (MAXIMUM_ENTRIES + 1),
    ],
    ids=lambda _: "log",
)
def test_what_is_no_chain_of_entries_is_refused(log):
    with pytest.raises(DidError):
        read(DID, log)


def test_the_log_of_another_did_is_refused():
    other = created(at=AT + HOUR)[0]

    with pytest.raises(DidError):
        read(other, LOG)
    with pytest.raises(DidError):
        read(Did(f"did:webvh:{DID.scid}:evil.example"), LOG)


@pytest.mark.parametrize(
    "change",
    [
        in_parameters(method="did:webvh:1.1"),
        in_parameters(method="did:webvh:0.5"),
        in_parameters(scid=DID.scid),
        in_parameters(portable=True),
        in_parameters(portable="false"),
        in_parameters(deactivated=None),
        in_parameters(unknown=1),
        in_parameters(ttl=-1),
        in_parameters(ttl=True),
        in_parameters(ttl=1.5),
        in_parameters(ttl=2**32),
        in_parameters(watchers="https://watcher.example"),
        in_parameters(watchers=[1]),
        in_parameters(watchers=["https://a.example"] * 2),
        in_parameters(watchers=[str(number) for number in range(51)]),
        in_parameters(updateKeys=[KEYS[1], KEYS[0]]),
        in_parameters(updateKeys=[KEYS[2]]),
        in_parameters(updateKeys=[]),
        in_parameters(updateKeys=None),
        lambda entry: entry["parameters"].pop("updateKeys"),
        lambda entry: entry["parameters"].pop("nextKeyHashes"),
        lambda entry: entry.update(parameters=[]),
        lambda entry: entry.update(unknown=1),
        lambda entry: entry.pop("state"),
        lambda entry: entry.update(versionTime="2026-11-24T12:00:00Z"),
        lambda entry: entry.update(versionTime="2026-11-24T11:59:59Z"),
        lambda entry: entry.update(versionTime="2026-11-24T13:00:00"),
        lambda entry: entry.update(versionTime="2026-11-24T22:00:00+09:00"),
        lambda entry: entry.update(versionTime="2026-11-31T12:00:00Z"),
        lambda entry: entry.update(versionTime=1),
        lambda entry: entry.update(state={}),
        lambda entry: entry["state"].update(id=f"did:webvh:{DID.scid}:b.example"),
        lambda entry: entry["state"].update(
            id=f"did:webvh:{multihash(b'')}:registry.uni-a.example",
            alsoKnownAs=[DID],
        ),
        lambda entry: entry["state"].update(id="did:web:registry.uni-a.example"),
        lambda entry: entry["state"].update(id=f"{DID}#fragment"),
        lambda entry: entry["state"].update(comment="x" * 65_536),
    ],
)
def test_an_entry_that_breaks_the_method_is_refused(change):
    with pytest.raises(DidError):
        read(DID, forged(LONGER, change))


@pytest.mark.parametrize(
    "change",
    [
        in_parameters(ttl=None),
        in_parameters(watchers=None, witness=None),
        in_parameters(watchers=["https://watcher.example"], witness={}),
        in_parameters(method="did:webvh:1.0", portable=False, deactivated=False),
        lambda entry: entry.update(versionTime="2026-11-24T13:00:00.5+00:00"),
    ],
)
def test_an_entry_that_keeps_to_the_method_is_read(change):
    assert len(read(DID, forged(LONGER, change)).versions) == 2


@pytest.mark.parametrize(
    "proof",
    [
        lambda proof: proof | {"cryptosuite": "ecdsa-jcs-2019"},
        lambda proof: proof | {"proofPurpose": "authentication"},
        lambda proof: proof | {"expires": "2036-01-01T00:00:00Z"},
        lambda proof: proof | {"verificationMethod": f"did:key:{KEYS[1]}#{KEYS[0]}"},
        lambda proof: proof | {"verificationMethod": f"did:key:{KEYS[0]}#{KEYS[1]}"},
        lambda proof: proof | {"verificationMethod": f"{DID}#sig-1"},
        lambda proof: proof | {"proofValue": "z1"},
    ],
)
def test_an_entry_without_a_fitting_proof_is_refused(proof):
    assert read(DID, forged(LONGER, unchanged))
    with pytest.raises(DidError):
        read(DID, forged(LONGER, unchanged, proof=proof))


def test_an_entry_has_one_proof():
    entry = entry_of(LOG, 1)

    read(DID, canonical(entry | {"proof": entry["proof"][0]}))
    for proofs in ([], entry["proof"] * 2, "text"):
        with pytest.raises(DidError):
            read(DID, canonical(entry | {"proof": proofs}))


def test_a_key_that_was_not_announced_cannot_take_over():
    with pytest.raises(DidError):
        appended(update_key=UPDATE[2])
    with pytest.raises(DidError):
        appended(update_key=UPDATE[0])
    with pytest.raises(DidError):
        read(DID, forged(LONGER, unchanged, key=UPDATE[0]))


def test_without_announced_keys_the_previous_key_signs():
    did, log = created(next_key_hashes=[])

    same = appended(log, update_key=UPDATE[0], next_key_hashes=[])

    assert len(read(did, same).versions) == 2
    with pytest.raises(DidError):
        appended(log, update_key=UPDATE[1])


def test_keys_may_be_announced_later_and_no_more():
    did, log = created(next_key_hashes=[])
    log = appended(log, 1, update_key=UPDATE[0], next_key_hashes=[HASHES[2]])
    log = appended(log, 2, next_key_hashes=[])
    log = appended(log, 3, update_key=UPDATE[2], next_key_hashes=[])

    assert len(read(did, log).versions) == 4


def test_an_entry_may_leave_all_parameters_as_they_are():
    did, log = created(next_key_hashes=[])
    longer = appended(log, update_key=UPDATE[0], next_key_hashes=[])

    inherited = forged(longer, lambda e: e.update(parameters={}), key=UPDATE[0])

    assert len(read(did, inherited).versions) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry["parameters"].pop("method"),
        lambda entry: entry["parameters"].pop("scid"),
        lambda entry: entry["parameters"].pop("updateKeys"),
        in_parameters(updateKeys=[]),
        in_parameters(updateKeys=[ES256.multikey()]),
        in_parameters(method="didwebvh:1.0"),
        in_parameters(scid=multihash(b"another")),
        in_parameters(scid=""),
        in_parameters(scid=1),
        lambda entry: entry["state"].update(id="did:webvh:{SCID}"),
    ],
)
def test_a_first_entry_that_breaks_the_method_is_refused(change):
    with pytest.raises(DidError):
        read(*forged_first(change))


def test_a_first_entry_cannot_be_written_anew_under_the_same_scid():
    # What somebody would try who stole the first update key.
    entry = entry_of(LOG, 1)
    del entry["proof"]
    entry["parameters"]["nextKeyHashes"] = [HASHES[5]]
    digest = multihash(canonical(entry | {"versionId": DID.scid}))
    entry["versionId"] = f"1-{digest}"
    method = DidUrl(f"did:key:{KEYS[0]}#{KEYS[0]}")
    secured = secure(entry, key=UPDATE[0], verification_method=method, at=AT)

    with pytest.raises(DidError, match="SCID is not the hash"):
        read(DID, canonical(secured))


def test_a_first_entry_does_not_contain_the_placeholder():
    did, log = forged_first(lambda entry: entry["state"].update(comment="{SCID}"))
    assert read(did, log)
    # The same SCID would fit this one too: only part of it was replaced.
    entry = parse_strict(log)
    del entry["proof"]
    entry["state"]["comment"] = "{SCID}"
    entry["versionId"] = f"1-{multihash(canonical(entry | {'versionId': did.scid}))}"
    method = DidUrl(f"did:key:{KEYS[0]}#{KEYS[0]}")
    secured = secure(entry, key=UPDATE[0], verification_method=method, at=AT)

    with pytest.raises(DidError, match="contains"):
        read(did, canonical(secured))


def test_a_name_may_contain_the_scid():
    template = TEMPLATE | {"{SCID}": 1, "z": 2}
    did, log = create(
        template, update_key=UPDATE[0], next_key_hashes=[HASHES[1]], at=AT
    )

    assert read(did, log).current().as_dict()[did.scid] == 1


def test_a_log_from_the_future_is_refused():
    read(DID, LOG, at=AT)
    read(DID, LOG, at=AT - timedelta(minutes=5))
    with pytest.raises(DidError):
        read(DID, LOG, at=AT - timedelta(minutes=5, seconds=1))


def moved(log=LOG, number=1, *, known_as=(DID,), **more):
    text = json.dumps(DOCUMENT).replace("registry.uni-a.example", "uni-a.example")
    document = json.loads(text) | {"alsoKnownAs": list(known_as)}
    return appended(log, number, document=document, **more)


def test_a_portable_did_moves_and_keeps_its_scid():
    history = read(DID, moved())

    assert history.did == f"did:webvh:{DID.scid}:uni-a.example"
    assert history.dids == {DID, history.did}
    assert read(history.did, moved()) == history
    assert history.current().id == history.did
    assert history.at(AT).id == DID


def test_a_move_names_the_former_did():
    with pytest.raises(DidError):
        moved(known_as=())
    with pytest.raises(DidError):
        moved(known_as=("https://uni-a.example/",))


def test_a_did_that_is_not_portable_does_not_move():
    did, log = created(portable=False)
    with pytest.raises(DidError):
        moved(log, known_as=[did])

    log = appended(LOG, more={"portable": False})
    with pytest.raises(DidError):
        moved(log, 2)


def test_a_deactivated_did_keeps_its_past_and_has_no_present():
    log = appended(deactivated=True, next_key_hashes=[])

    history = read(DID, log)

    assert history.deactivated
    assert history.at(AT + timedelta(minutes=59)).id == DID
    assert history.at(AT + HOUR) is None
    with pytest.raises(DidError):
        history.current()
    with pytest.raises(DidError):
        appended(log, 2, update_key=UPDATE[1], next_key_hashes=[])


def test_a_template_without_placeholder_makes_no_log():
    with pytest.raises(DidError):
        create(DOCUMENT, update_key=UPDATE[0], next_key_hashes=[], at=AT)
    with pytest.raises(DidError):
        create({"id": 2**60}, update_key=UPDATE[0], next_key_hashes=[], at=AT)


def test_an_invalid_log_is_not_appended_to():
    with pytest.raises(DidError):
        appended(LOG[:-10], document=DOCUMENT)
    with pytest.raises(DidError):
        appended(at=AT)


WITNESSES = [LocalSigningKey.generate("EdDSA") for _ in range(3)]
RULE = {
    "threshold": 2,
    "witnesses": [
        {"id": f"did:key:{key.verification_key.multikey()}"} for key in WITNESSES
    ],
}


def approvals(log, *given):
    """Write the file of approvals from (entry number, witness key) pairs."""
    found = {}
    for number, key in given:
        version_id = entry_of(log, number)["versionId"]
        proof = did_witnesses.approve(version_id, key=key, at=AT)
        found.setdefault(version_id, []).append(proof)
    return did_witnesses.compose(found)


WITNESSED_DID, WITNESSED = created(more={"witness": RULE})
WITNESSED_TWICE = appended(WITNESSED)


def test_an_approval_counts_for_all_entries_before_it():
    file = approvals(WITNESSED_TWICE, (2, WITNESSES[0]), (2, WITNESSES[2]))

    history = read(WITNESSED_DID, WITNESSED_TWICE, witness_proofs=file)

    assert len(history.versions) == 2


@pytest.mark.parametrize(
    "given",
    [
        [],
        [(2, WITNESSES[0])],
        [(2, WITNESSES[0]), (2, WITNESSES[0])],
        [(2, WITNESSES[0]), (1, WITNESSES[1])],
        [(2, WITNESSES[0]), (2, UPDATE[0])],
    ],
)
def test_an_entry_needs_as_many_different_witnesses_as_the_threshold(given):
    with pytest.raises(DidError):
        read(
            WITNESSED_DID,
            WITNESSED_TWICE,
            witness_proofs=approvals(WITNESSED_TWICE, *given),
        )


def test_a_witnessed_log_without_approvals_is_refused():
    with pytest.raises(DidError):
        read(WITNESSED_DID, WITNESSED)


@pytest.mark.parametrize(
    "spoil",
    [
        {"proofValue": "z1"},
        {"proofPurpose": "authentication"},
        {"expires": "2036-01-01T00:00:00Z"},
        {"cryptosuite": "ecdsa-jcs-2019"},
        {"created": "2026-11-24T12:00:01Z"},
    ],
)
def test_a_bad_approval_does_not_count_and_does_no_harm(spoil):
    version_id = entry_of(WITNESSED, 1)["versionId"]
    good = [did_witnesses.approve(version_id, key=key, at=AT) for key in WITNESSES[:2]]
    bad = did_witnesses.approve(version_id, key=WITNESSES[2], at=AT) | spoil

    enough = did_witnesses.compose({version_id: [bad, *good], "1-Qm": [bad]})
    short = did_witnesses.compose({version_id: [bad, good[0]]})

    assert read(WITNESSED_DID, WITNESSED, witness_proofs=enough)
    with pytest.raises(DidError):
        read(WITNESSED_DID, WITNESSED, witness_proofs=short)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"{}",
        b'["text"]',
        b'[{"versionId":1,"proof":[]}]',
        b'[{"versionId":"1-Qm","proof":{}}]',
        b" " * (did_witnesses.MAXIMUM_FILE + 1),
    ],
)
def test_a_file_of_approvals_that_cannot_be_read_is_refused(file):
    with pytest.raises(DidError):
        read(WITNESSED_DID, WITNESSED, witness_proofs=file)


def test_new_witnesses_count_after_the_entry_that_names_them():
    rule = {"threshold": 1, "witnesses": [RULE["witnesses"][2]]}
    log = appended(WITNESSED, more={"witness": rule})
    log = appended(log, 2, more={"witness": {}})
    log = appended(log, 3)
    old = [(2, WITNESSES[0]), (2, WITNESSES[1])]

    assert read(
        WITNESSED_DID, log, witness_proofs=approvals(log, *old, (3, WITNESSES[2]))
    )
    with pytest.raises(DidError):
        read(WITNESSED_DID, log, witness_proofs=approvals(log, *old))
    with pytest.raises(DidError):
        read(WITNESSED_DID, log, witness_proofs=approvals(log, (3, WITNESSES[2])))


@pytest.mark.parametrize(
    "rule",
    [
        [],
        "text",
        {"threshold": 1},
        {"witnesses": RULE["witnesses"]},
        RULE | {"threshold": 0},
        RULE | {"threshold": 4},
        RULE | {"threshold": True},
        RULE | {"threshold": 1.5},
        RULE | {"more": 1},
        {"threshold": 1, "witnesses": []},
        {"threshold": 1, "witnesses": RULE["witnesses"][:1] * 2},
        {"threshold": 1, "witnesses": ["text"]},
        {"threshold": 1, "witnesses": [RULE["witnesses"][0] | {"weight": 1}]},
        {"threshold": 1, "witnesses": [{"id": "did:web:witness.example"}]},
        {"threshold": 1, "witnesses": [{"id": "did:key:zzz"}]},
        {"threshold": 1, "witnesses": [{"id": f"did:key:{ES256.multikey()}"}]},
    ],
)
def test_a_malformed_rule_for_witnesses_is_refused(rule):
    with pytest.raises(DidError):
        created(more={"witness": rule})


def test_the_parallel_did_web_document_says_the_same_under_another_name():
    web = Did("did:web:registry.uni-a.example")

    document = web_document(read(DID, LONGER))
    parsed = DidDocument.parse(document)

    assert parsed.id == web
    assert parsed.also_known_as() == ("https://uni-a.example/", DID)
    assert parsed.key_for(f"{web}#sig-1", "authentication") == MESSAGE
    assert parsed.lrx_service().endpoint == "https://registry.uni-a.example/lrx/1"
    assert [service["id"] for service in parsed.services] == [
        f"{web}#lrx",
        f"{web}#files",
        f"{web}#whois",
    ]
    assert document["service"][2]["serviceEndpoint"] == (
        "https://registry.uni-a.example/whois.vp"
    )


def test_services_that_are_stated_are_not_added_again():
    stated = [{"id": "#files", "type": "relativeRef", "serviceEndpoint": "https://x"}]
    known = ["did:web:registry.uni-a.example"]
    document = DOCUMENT | {"service": stated, "alsoKnownAs": known}

    web = web_document(read(DID, appended(document=document)))

    assert [service["id"][-6:] for service in web["service"]] == ["#files", "#whois"]
    assert web["alsoKnownAs"] == [DID]


def test_only_a_living_did_webvh_has_a_parallel_did_web():
    web = DidDocument.parse({"id": "did:web:uni-a.example"})

    with pytest.raises(DidError):
        web_document(DidHistory.of_document(web, AT))
    with pytest.raises(DidError):
        web_document(read(DID, appended(deactivated=True, next_key_hashes=[])))


def test_the_approvals_lie_beside_the_log():
    assert witness_url(DID) == (
        "https://registry.uni-a.example/.well-known/did-witness.json"
    )
    with pytest.raises(DidError):
        witness_url(Did("did:web:uni-a.example"))


def test_the_most_entries_a_log_may_have():
    # The number is refused before any entry is looked at.
    with pytest.raises(DidError, match="more than 1000"):
        read(DID, b"{}\n" * (MAXIMUM_ENTRIES + 1))
