import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest

from node.context import NodeContext
from node.identity import Identity
from node.services import exporting, issuing
from node.services.drafting import Missing
from node.settings import Settings
from node.store import audit, credentials, documents, learners
from node.store.engine import open_store
from node.store.learners import ErasedError
from node.store.migrate import upgrade
from node.store.sealed import Vault
from protocol.credentials import open_badges, status_lists
from protocol.credentials.record_model import KINDS, unknown_units, vct
from protocol.credentials.vcdm import record_of
from protocol.errors import NotFoundError, UnexpectedMessageError
from protocol.identity.dids import Did, DidUrl
from protocol.identity.keys import DecryptionKey, LocalSigningKey
from protocol.securing import data_integrity, sd_jwt
from tests.records import CATALOGUE, KEY, PROGRAMME, learner, result

AT = datetime(2026, 4, 10, 16, 30, tzinfo=UTC)
DID = Did("did:web:uni.example")
GRADUATES = (
    "diploma-supplement",
    "transcript",
    "micro-credential",
    "graduation-certificate",
    "grade-certificate",
    "credit-certificate",
)


class Clock:
    """A clock that stands until a test moves it."""

    def __init__(self):
        self.now = AT

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def keys():
    return Identity(
        did=DID,
        message_key=LocalSigningKey.generate("EdDSA"),
        eddsa=LocalSigningKey.generate("EdDSA"),
        es256=LocalSigningKey.generate("ES256"),
        log_key=LocalSigningKey.generate("EdDSA"),
        decryption={DidUrl.of(DID, "#enc-1"): DecryptionKey.generate()},
        vault=bytes(range(32)),
        log=b"",
    )


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def context(tmp_path, keys, clock):
    settings = Settings(
        home=tmp_path,
        did=DID,
        origin="https://uni.example",
        name={"en": "Sample University"},
        legal_name="Sample University",
        country="JP",
        roles=("source", "issuer"),
        privacy={
            "jurisdiction": "JP",
            "regimes": ["JP-APPI"],
            "notice": "https://uni.example/privacy",
            "contact": "mailto:privacy@uni.example",
        },
        contact="mailto:lrx@uni.example",
    )
    return NodeContext(settings, keys, Vault(keys.vault), clock)


@pytest.fixture
async def store(context):
    upgrade(context.settings.store_url)
    async with await open_store(context.settings.store_url) as store:
        await store.write(put_catalogue, CATALOGUE)
        yield store


def put_catalogue(connection, catalogue, at=AT):
    body = catalogue.model_dump_json().encode()
    documents.add_catalogue(
        connection,
        catalogue_id=sha256(body).hexdigest()[:32],
        digest=sha256(body).hexdigest(),
        body=catalogue,
        at=at,
    )


def put_learner(connection, context, learner_id, record):
    vault = context.vault
    if learners.learner_row(connection, learner_id=learner_id) is None:
        key = {learner_id: vault.new_learner_key()}
        learners.add_learners(connection, wrapped_keys=key, at=AT)
    wrapped = learners.wrapped_keys(connection, learner_ids=[learner_id])[learner_id]
    body = record.model_dump_json().encode()
    stored = learners.StoredRecord(
        learner_id=learner_id,
        digest=sha256(body).hexdigest(),
        version=1,
        body=learners.seal_record(vault, wrapped, learner_id, body),
    )
    learners.put_records(connection, records=[stored], at=AT)


def add_unknown(connection, context, learner_id):
    """A learner of whom nothing is known but that there is one."""
    key = {learner_id: context.vault.new_learner_key()}
    learners.add_learners(connection, wrapped_keys=key, at=AT)


@pytest.fixture
async def graduate(store, context):
    await store.write(put_learner, context, "a1", learner())
    return "a1"


async def issue(store, context, learner_id, *kinds, **changes):
    return await store.write(
        issuing.issue,
        context=context,
        learner_id=learner_id,
        kinds=kinds or KINDS,
        at=context.clock(),
        **changes,
    )


async def opened(store, context, credential_id):
    return await store.read(
        credentials.credential, vault=context.vault, id=credential_id
    )


async def issued_to(store, context, learner_id, kind):
    issued = await issue(store, context, learner_id, kind)
    return await opened(store, context, issued.credential_ids[-1])


async def events(store, context):
    return [event.kind for event in await store.read(audit.events, vault=context.vault)]


async def bit(store, credential):
    octets = await store.read(
        credentials.published_status_list, id=credential.status_list
    )
    encoded = json.loads(octets)["credentialSubject"]["encodedList"]
    return status_lists.is_set(status_lists.decode(encoded), credential.status_index)


async def test_a_graduate_gets_credentials_of_every_kind(store, context, graduate):
    issued = await issue(store, context, graduate)

    kinds = {(await opened(store, context, i)).kind for i in issued.credential_ids}
    assert kinds == set(GRADUATES)
    assert {one.kind for one in issued.missing} == set(KINDS) - set(GRADUATES)


@pytest.mark.parametrize("kind", GRADUATES)
async def test_both_forms_verify_and_say_the_same(store, context, graduate, kind):
    credential = await issued_to(store, context, graduate, kind)

    token = sd_jwt.parse(credential.sd_jwt)
    record = record_of(credential.vc, kind)
    assert data_integrity.verify(credential.vc, context.identity.eddsa.verification_key)
    assert context.identity.es256.verification_key.verify(
        token.signature, token.signing_input
    )
    assert str(token.kid) == "did:web:uni.example#cred-2"
    assert {k: v for k, v in token.claims().items() if k in record} == record
    assert token.claims()["vct"] == vct(kind)
    assert unknown_units(kind, record) == ()


async def test_a_transcript_goes_out_as_a_clr_with_its_badges(
    store, context, graduate, clock
):
    transcript = await issued_to(store, context, graduate, "transcript")
    badge = await issued_to(store, context, graduate, "micro-credential")

    clr = exporting.as_clr(transcript, [badge], context=context, at=clock())

    key = context.identity.eddsa.verification_key
    held = clr["credentialSubject"]["verifiableCredential"]
    assert clr["credentialStatus"] == transcript.vc["credentialStatus"]
    assert held[-1] == badge.vc
    assert len(held) == len(transcript.vc["credentialSubject"]["results"]) + 1
    assert all(data_integrity.verify(one, key) for one in [clr, *held])
    assert list(open_badges.faults(clr)) == []


async def test_both_forms_point_at_the_place_that_is_stored(store, context, graduate):
    credential = await issued_to(store, context, graduate, "transcript")

    entry = credential.vc["credentialStatus"]
    assert entry["statusListCredential"] == (
        f"https://uni.example/status/{credential.status_list}"
    )
    assert entry["statusListIndex"] == str(credential.status_index)
    assert sd_jwt.parse(credential.sd_jwt).claims()["status"] == entry


async def test_a_list_is_served_from_its_first_credential_on(store, context, graduate):
    credential = await issued_to(store, context, graduate, "transcript")

    octets = await store.read(
        credentials.published_status_list, id=credential.status_list
    )
    assert data_integrity.verify(
        json.loads(octets), context.identity.eddsa.verification_key
    )
    assert await bit(store, credential) is False


async def test_places_are_taken_once(store, context, graduate):
    issued = await issue(store, context, graduate)

    found = [await opened(store, context, i) for i in issued.credential_ids]
    places = {(one.status_list, one.status_index) for one in found}
    assert len(places) == len(found)


async def test_a_full_list_is_followed_by_another_that_is_served(
    store, context, graduate
):
    # Of a list with two entries one may be taken.
    await store.write(credentials.add_status_list, id="0", size=2)

    first = await issued_to(store, context, graduate, "transcript")
    second = await issued_to(store, context, graduate, "grade-certificate")

    assert first.status_list == "0"
    assert second.status_list > "0"
    assert await bit(store, second) is False


async def test_issuing_again_changes_nothing(store, context, clock, graduate):
    first = await issue(store, context, graduate)
    clock.now += timedelta(days=3)
    again = await issue(store, context, graduate)

    assert again.credential_ids == ()
    assert again.unchanged == len(first.credential_ids)


async def test_what_changed_is_the_next_version_and_the_old_one_is_revoked(
    store, context, graduate
):
    old = await issued_to(store, context, graduate, "transcript")
    corrected = learner((*learner().results[:-1], result("INF61", "S", year=2023)))
    await store.write(put_learner, context, graduate, corrected)
    new = await issued_to(store, context, graduate, "transcript")
    await store.write(issuing.publish_status_lists, context=context, at=context.clock())

    old = await opened(store, context, old.id)
    assert (new.record_id, new.version) == (old.record_id, 2)
    assert (old.revoked_reason, old.superseded_by) == ("superseded", new.id)
    assert await bit(store, old)
    assert not await bit(store, new)
    assert await events(store, context) == [
        "credential-issued",
        "credential-issued",
        "credential-revoked",
    ]


async def test_reissuing_revokes_the_old_one_as_superseded(store, context, graduate):
    old = await issued_to(store, context, graduate, "diploma-supplement")
    new_id = await store.write(
        issuing.reissue,
        context=context,
        credential_id=old.id,
        reason="record-corrected",
        at=AT,
    )

    old = await opened(store, context, old.id)
    new = await opened(store, context, new_id)
    assert (old.revoked_reason, old.superseded_by) == ("superseded", new_id)
    assert new.version == 2
    assert new.revoked_at is None


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_a_certificate_is_reissued_in_its_language(
    store, context, graduate, language
):
    issued = await issue(store, context, graduate, "grade-certificate")
    old = [await opened(store, context, i) for i in issued.credential_ids]
    (old,) = [one for one in old if one.lang == language]
    new_id = await store.write(
        issuing.reissue,
        context=context,
        credential_id=old.id,
        reason="record-corrected",
        at=AT,
    )

    new = await opened(store, context, new_id)
    assert (new.record_id, new.lang) == (old.record_id, language)


async def test_a_record_that_has_become_incomplete_is_not_reissued(
    store, context, graduate
):
    old = await issued_to(store, context, graduate, "diploma-supplement")
    bare = PROGRAMME.model_copy(update={"learning_outcomes": None})
    catalogue = CATALOGUE.model_copy(update={"programmes": (bare,)})
    await store.write(put_catalogue, catalogue, AT + timedelta(hours=1))

    with pytest.raises(UnexpectedMessageError, match=r"4\.2"):
        await store.write(
            issuing.reissue, context=context, credential_id=old.id, reason="x", at=AT
        )
    assert (await opened(store, context, old.id)).revoked_at is None


async def test_one_micro_credential_is_reissued_and_not_another(
    store, context, graduate
):
    other = CATALOGUE.micro_credentials[0].model_copy(update={"key": "ANOTHER"})
    both = (*CATALOGUE.micro_credentials, other)
    catalogue = CATALOGUE.model_copy(update={"micro_credentials": both})
    await store.write(put_catalogue, catalogue, AT + timedelta(hours=1))
    first, second = (
        await issue(store, context, graduate, "micro-credential")
    ).credential_ids
    new_id = await store.write(
        issuing.reissue, context=context, credential_id=second, reason="x", at=AT
    )

    old = await opened(store, context, second)
    assert (await opened(store, context, new_id)).record_id == old.record_id
    assert (await opened(store, context, first)).revoked_at is None


async def test_a_record_that_is_gone_is_not_reissued(store, context, graduate):
    old = await issued_to(store, context, graduate, "micro-credential")
    await store.write(put_learner, context, graduate, learner((result("X"),)))

    with pytest.raises(UnexpectedMessageError, match="courses"):
        await store.write(
            issuing.reissue, context=context, credential_id=old.id, reason="x", at=AT
        )


@pytest.mark.parametrize("action", [issuing.revoke, issuing.reissue])
async def test_a_credential_is_revoked_once(store, context, graduate, action):
    old = await issued_to(store, context, graduate, "transcript")
    await store.write(
        issuing.revoke,
        context=context,
        credential_id=old.id,
        reason="issued-in-error",
        at=AT,
    )

    with pytest.raises(UnexpectedMessageError, match="before"):
        await store.write(
            action, context=context, credential_id=old.id, reason="x", at=AT
        )


@pytest.mark.parametrize("action", [issuing.revoke, issuing.reissue])
async def test_a_credential_nobody_issued_is_not_found(store, context, action):
    with pytest.raises(NotFoundError):
        await store.write(action, context=context, credential_id="x", reason="x", at=AT)


async def test_revoking_is_seen_in_the_list_once_it_is_published(
    store, context, graduate
):
    credential = await issued_to(store, context, graduate, "transcript")
    await store.write(
        issuing.revoke,
        context=context,
        credential_id=credential.id,
        reason="issued-in-error",
        at=AT,
    )
    assert not await bit(store, credential)

    published = await store.write(issuing.publish_status_lists, context=context, at=AT)
    assert published == 1
    assert await bit(store, credential)


async def test_lists_are_published_when_they_changed_or_aged(store, context, graduate):
    await issue(store, context, graduate, "transcript")

    async def publish(at):
        return await store.write(issuing.publish_status_lists, context=context, at=at)

    assert await publish(AT) == 0
    assert await publish(AT + timedelta(hours=23)) == 0
    assert await publish(AT + timedelta(hours=25)) == 1
    assert await publish(AT + timedelta(hours=26)) == 0


async def test_who_does_not_fulfil_article_32_is_told_every_credit(store, context):
    results = tuple(result(f"INF{n}", year=2022 + n % 4) for n in range(61))
    await store.write(put_learner, context, "a2", learner(results))

    issued = await issue(store, context, "a2", "diploma-supplement")
    account = await store.read(issuing.explain, context=context, learner_id="a2")

    assert issued.credential_ids == ()
    assert issued.missing == (
        Missing(
            "diploma-supplement",
            "art. 32",
            "122 credits count, and art. 32(1) asks for 124",
        ),
    )
    assert len(account.accounts) == 61
    assert await events(store, context) == []


async def test_there_is_nothing_to_explain_where_no_such_rule_applies(
    store, context, graduate
):
    catalogue = CATALOGUE.model_copy(update={"country": "NL"})
    await store.write(put_catalogue, catalogue, AT + timedelta(hours=1))

    assert (
        await store.read(issuing.explain, context=context, learner_id=graduate) is None
    )


async def test_an_enrolment_certificate_ends_with_its_last_day_in_japan(
    store, context, clock
):
    await store.write(put_learner, context, "a3", learner(status="enrolled"))
    first = await issued_to(store, context, "a3", "enrolment-certificate")

    # 16:30 in Greenwich is the next morning in Tokyo.
    stated = first.vc["credentialSubject"]["certificate"]
    assert stated["issued_on"] == "2026-04-11"
    assert stated["valid_until"] == "2026-07-11"
    assert first.vc["validUntil"] == "2026-07-11T14:59:59Z"
    assert first.valid_until == datetime(2026, 7, 11, 14, 59, 59, tzinfo=UTC)

    clock.now = first.valid_until + timedelta(seconds=1)
    second = await issued_to(store, context, "a3", "enrolment-certificate")
    assert second.version == 2
    assert (await opened(store, context, first.id)).revoked_at is None


async def test_a_part_can_be_withheld_from_the_sd_jwt(store, context, graduate):
    credential = await issued_to(store, context, graduate, "transcript")

    shown = sd_jwt.parse(credential.sd_jwt).present([("results", 3, "credits")])

    claims = sd_jwt.parse(shown).claims()
    assert claims["results"] == [{"credits": {"value": 2, "unit": "JP-UNIV"}}]
    assert "holder" not in claims


async def test_what_is_stored_is_sealed(store, context, graduate, tmp_path):
    await issue(store, context, graduate)

    octets = b"".join(path.read_bytes() for path in tmp_path.glob("node.db*"))
    assert octets
    assert b"MIHON" not in octets
    assert "見本 愛子".encode() not in octets


async def test_nothing_is_issued_to_who_is_unknown(store, context):
    with pytest.raises(NotFoundError, match="learner"):
        await issue(store, context, "nobody")


async def test_nothing_is_issued_to_who_was_erased(store, context, graduate):
    await store.write(learners.erase, learner_id=graduate, at=AT)

    with pytest.raises((NotFoundError, ErasedError)):
        await issue(store, context, graduate)


async def test_a_kind_nobody_knows_is_refused(store, context, graduate):
    with pytest.raises(NotFoundError, match="kind"):
        await issue(store, context, graduate, "doctorate")


async def test_a_cohort_is_issued_to_and_the_others_are_listed(store, context):
    short = tuple(result(f"INF{n}", year=2022 + n % 4) for n in range(61))
    people = {f"b{n:02}": learner() for n in range(18)}
    people["c1"] = learner(short)
    people["c2"] = learner(status="enrolled")
    for learner_id, record in people.items():
        await store.write(put_learner, context, learner_id, record)
    told = []

    async def run():
        return await issuing.issue_cohort(
            store,
            context=context,
            programme=KEY,
            graduated_on=date(2026, 3, 24),
            kinds=("diploma-supplement", "transcript"),
            progress=lambda done, total: told.append((done, total)),
        )

    cohort = await run()
    assert (cohort.total, cohort.issued, cohort.unchanged) == (19, 37, 0)
    assert [(c.learner_id, c.missing[0].item) for c in cohort.refused] == [
        ("c1", "art. 32")
    ]
    assert told[0] == (0, 19)
    assert told[-1] == (19, 19)

    again = await run()
    assert (again.issued, again.unchanged) == (0, 37)


@pytest.mark.usefixtures("graduate")
async def test_candidates_are_shown_by_number_and_name(store, context):
    await store.write(add_unknown, context, "u1")
    (one,) = await store.read(
        issuing.candidates,
        context=context,
        programme=None,
        graduated_on=None,
        kinds=("transcript", "enrolment-certificate"),
    )

    assert (one.student_number, one.name) == ("0022001", "見本 愛子")
    assert one.ready == ("transcript",)
    assert [m.kind for m in one.missing] == ["enrolment-certificate"]


async def test_programmes_come_from_the_catalogue_in_use(store, context):
    assert await store.read(issuing.programmes, context=context) == [
        (KEY, PROGRAMME.name)
    ]


async def test_without_a_catalogue_there_is_nothing_to_issue(context, tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'other.db'}"
    upgrade(url)
    async with await open_store(url) as store:
        await store.write(put_learner, context, "a1", learner())

        assert await store.read(issuing.programmes, context=context) == []
        assert (
            await store.read(
                issuing.candidates,
                context=context,
                programme=None,
                graduated_on=None,
                kinds=("transcript",),
            )
            == []
        )
        with pytest.raises(NotFoundError, match="catalogue"):
            await issue(store, context, "a1")


async def test_a_failure_leaves_nothing_half_stored(store, context, graduate):
    broken = replace(context, identity=replace(context.identity, es256=None))
    with pytest.raises(AttributeError):
        await issue(store, broken, graduate, "transcript")

    assert await events(store, context) == []
    assert await store.read(credentials.facts_of_learner, learner_id=graduate) == []
