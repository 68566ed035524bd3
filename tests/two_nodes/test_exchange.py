"""Query, consent, delivery, receipt: between two nodes over TLS."""

from datetime import timedelta

import pytest
from exchange_net import DIPLOMA, PURPOSE, A, B, R, about, by_grant, scope_of, until

from node.services import consenting, correcting, issuing, offering
from node.store import audit, consents, exchanges, messages
from node.store import peers as peer_store
from protocol.errors import NotFoundError, UnexpectedMessageError
from protocol.exchange import envelope
from protocol.exchange import messages as wire
from protocol.securing import sd_jwt

pytestmark = pytest.mark.asyncio(loop_scope="session")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def test_a_grant_is_answered_at_once_and_signed_for(net):
    person = await net.add_person()
    granted = await net.grant(person)

    thread = await net.ask(by_grant(granted.code))

    delivery = await net.delivery(R, thread)
    (item,) = await net.items(R, delivery.id)
    assert item.verdict["overall"] == "valid"
    holder = sd_jwt.parse(item.octets.decode()).record()["holder"]
    assert set(holder) == {"family_name", "name_kana"}
    assert holder["family_name"] == person.family
    sent = await net.receipted(thread)
    assert sent.consent_id == granted.consent_id
    assert await net.comes_to(thread, "receipted")
    assert await net.request_state(thread) == "delivered"


async def test_a_grant_is_for_one_use(net):
    granted = await net.grant(await net.add_person())
    first = await net.ask(by_grant(granted.code))
    await net.receipted(first)

    second = await net.ask(by_grant(granted.code.lower().replace("-", " ")))

    assert await net.comes_to(second, "waiting")


async def test_the_learner_approves_and_withholds_a_field(net):
    person = await net.add_person()
    thread = await net.ask(person.subject)
    assert await net.comes_to(thread, "consent-pending")

    await net.approve(thread, person)

    delivery = await net.delivery(R, thread)
    (item,) = await net.items(R, delivery.id)
    record = sd_jwt.parse(item.octets.decode()).record()
    assert record["holder"] == {"family_name": person.family}
    assert person.kana.encode() not in item.octets
    await net.receipted(thread)


async def test_the_learner_is_told_by_mail_without_data(net):
    person = await net.add_person()

    thread = await net.ask(person.subject)
    await net.comes_to(thread, "consent-pending")

    kinds = [row.kind for row in await net.rows(A, "mail", "kind")]
    assert "consent-request" in kinds


async def test_a_consent_given_before_answers_the_same_question_again(net):
    person = await net.add_person()
    at = net.clock()
    node = net.nodes[A]
    scope = await node.store.read(scope_of, net.context(A), person.id)
    await net.write(
        A,
        consenting.give,
        learner_id=person.id,
        recipient=net.peer(R),
        purpose="recognition-assessment",
        scope=scope,
        not_after=at + DAY,
        language="en",
        login_at=at,
        at=at,
    )

    thread = await net.ask(person.subject)

    await net.receipted(thread)


async def test_an_old_login_does_not_approve(net):
    person = await net.add_person()
    thread = await net.ask(person.subject)
    await net.comes_to(thread, "consent-pending")

    with pytest.raises(UnexpectedMessageError, match="5 minutes"):
        await net.write(
            A,
            consenting.approve,
            query_id=thread,
            learner_id=person.id,
            chosen_optional=frozenset(),
            language="en",
            login_at=net.clock() - timedelta(minutes=6),
            at=net.clock(),
        )
    assert await net.query_state(thread) == "consent-pending"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"purpose": "employment"}, "e.m.msg.purpose-not-agreed"),
        ({"deadline": HOUR / 2}, "e.p.query.deadline"),
        ({"deadline": 46 * DAY}, "e.p.query.deadline"),
    ],
)
async def test_a_problem_follows_from_the_query_alone(net, changed, code):
    """The same for a learner who exists and for nobody."""
    if "deadline" in changed:
        changed = {"deadline": net.clock() + changed["deadline"]}
    person = await net.add_person()

    for subject in (person.subject, about("0")):
        thread = await net.ask(subject, **changed)
        await net.settles(thread, f"refused {code}")
        assert await net.query_state(thread) == ""


async def _tell_query(net, **changed):
    body = {
        "subject": about("0"),
        "dcql": DIPLOMA,
        "purpose": {"code": "recognition-assessment"},
        "recipient_terms": {"jurisdiction": "NL", "retention_days": 180},
        "accept": {"formats": ["dc+sd-jwt"]},
        "deadline": int((net.clock() + DAY).timestamp()),
    }
    return await net.tell(R, A, "record/query", body | changed)


async def _problem_about(net, id_):
    node = net.nodes[R]

    async def look():
        for row in await net.rows(R, "inbox", "id", "type"):
            if row.type == "report-problem":
                found = await node.store.read(
                    messages.received,
                    vault=node.context.vault,
                    peer=net.peer(A),
                    id=row.id,
                )
                message = wire.reread(envelope.read(found.jws).payload)
                if message.pthid == id_:
                    return message.body.code
        return None

    return await until(look)


async def test_no_common_format_is_told(net):
    status, said = await _tell_query(net, accept={"formats": ["text/csv"]})
    assert status == 202
    assert await _problem_about(net, said["accepted"]) == "e.p.format.no-common"


async def test_a_query_outside_the_profile_of_dcql_is_told(net):
    dcql = {"credentials": [{"id": "d", "format": "mso_mdoc", "meta": {}}]}
    status, said = await _tell_query(net, dcql=dcql)
    assert status == 202
    assert await _problem_about(net, said["accepted"]) == "e.m.msg.schema"


async def test_the_quota_is_told(fresh):
    net = fresh
    row = {"max_queries_per_day": 1}
    await net.nodes[A].store.write(peer_store.set_peer, id=net.peer(R), terms=row)
    first = await net.ask(about("0"))
    await net.comes_to(first, "waiting")

    second = await net.ask(about("1"))

    await net.settles(second, "refused e.p.limit.queries")


async def test_a_push_is_offered_answered_delivered_and_signed_for(net):
    person = await net.add_person()
    thread = await _offer(net, person)

    delivery = await net.delivery(B, thread)
    (item,) = await net.items(B, delivery.id)
    assert item.verdict["overall"] == "valid"
    await net.receipted(thread)
    offer = await _offer_of(net, A, thread)
    assert offer.state == "accepted"
    # Evidence beside, never as, an award of its own.
    assert await net.count(B, "record", "credential", "student_record") == [0, 0, 0]


async def _offer(net, person, purpose="admission"):
    at = net.clock()
    scope = await net.nodes[A].store.read(scope_of, net.context(A), person.id)
    consent_id = await net.write(
        A,
        consenting.give,
        learner_id=person.id,
        recipient=net.peer(B),
        purpose=purpose,
        scope=scope,
        not_after=at + DAY,
        language="en",
        login_at=at,
        at=at,
    )
    return await net.write(
        A, offering.offer, consent_id=consent_id, reference="APPL-1", at=at
    )


async def _offer_of(net, key, thread):
    node = net.nodes[key]
    return await node.store.read(exchanges.offer, vault=node.context.vault, id=thread)


async def test_an_offer_for_a_purpose_not_taken_is_declined(net):
    person = await net.add_person()

    thread = await _offer(net, person, "scholarship")

    async def declined():
        return (await _offer_of(net, A, thread)).state == "declined"

    await until(declined)
    assert (await _offer_of(net, B, thread)).state == "declined"


LONGER = {"jurisdiction": "NL", "retention_days": 3600, "onward": []}


async def _answered_beyond(net, person, terms):
    """An offer that B answered by hand, on terms of its own."""
    node = net.nodes[B]
    await node.worker.stop()
    try:
        thread = await _offer(net, person)

        async def came():
            rows = await net.rows(B, "inbox", "id")
            return thread in [row.id for row in rows]

        await until(came)
        body = {"answer": "accept", "items": ["diploma_supplement"], "terms": terms}
        status, said = await net.tell(B, A, "record/answer", body, thid=thread)
        assert status == 202
        assert await net.inbox_row(A, B, said["accepted"]) == ("done", None)
    finally:
        await node.worker.start()

    async def accepted():
        offer = await _offer_of(net, B, thread)
        return offer is not None and offer.state == "accepted"

    await until(accepted)
    return thread


async def _decide(net, fn, thread, person, **more):
    at = net.clock()
    return await net.write(A, fn, offer_id=thread, learner_id=person.id, at=at, **more)


async def test_terms_beyond_the_consent_are_for_the_learner_to_decide(net):
    person = await net.add_person()
    terms = LONGER | {"retention_days": 365}
    thread = await _answered_beyond(net, person, terms)

    offer = await _offer_of(net, A, thread)
    assert offer.state == "asking"
    assert thread not in [row.thread for row in await net.rows(A, "delivery", "thread")]
    waiting = await net.rows(A, "mail", "kind", "person_id")
    assert "terms-beyond" in [row.kind for row in waiting]
    consent_id = await _decide(
        net, offering.agree, thread, person, language="en", login_at=net.clock()
    )

    delivery = await net.delivery(B, thread)
    assert (delivery.consent_id, delivery.consent_version) == (consent_id, 2)
    (item,) = await net.items(B, delivery.id)
    assert item.verdict["overall"] == "valid"
    assert "P365D" in str(delivery.policy)
    versions = await net.nodes[A].store.read(
        consents.consents_of_learner, learner=person.id
    )
    assert [(one.version, one.status) for one in versions] == [
        (2, "granted"),
        (1, "superseded"),
    ]
    assert (await _offer_of(net, A, thread)).state == "accepted"
    with pytest.raises(UnexpectedMessageError):
        await _decide(net, offering.disagree, thread, person)


async def test_a_learner_who_does_not_agree_sends_nothing(net):
    person = await net.add_person()
    thread = await _answered_beyond(net, person, LONGER)

    with pytest.raises(NotFoundError):
        await _decide(net, offering.disagree, thread, await net.add_person())
    await _decide(net, offering.disagree, thread, person)

    assert (await _offer_of(net, A, thread)).state == "terms-not-covered"
    queued = await net.rows(A, "outbox", "type", "thread")
    assert "report-problem" in [row.type for row in queued]
    assert thread not in [row.thread for row in await net.rows(A, "delivery", "thread")]


async def test_a_learner_who_does_nothing_sends_nothing(net):
    person = await net.add_person()
    thread = await _answered_beyond(net, person, LONGER)

    assert (await _offer_of(net, A, thread)).state == "asking"
    assert await net.write(A, offering.close_due, at=net.clock()) == 0
    await net.nodes[A].store.write(
        lambda connection: connection.exec_driver_sql(
            "update offer_answer set decide_by=1 where offer_id=?", (thread,)
        )
    )

    async def closed():
        return (await _offer_of(net, A, thread)).state == "terms-not-covered"

    await until(closed)


async def test_terms_are_agreed_to_with_a_fresh_login_only(net):
    person = await net.add_person()
    thread = await _answered_beyond(net, person, LONGER)

    with pytest.raises(UnexpectedMessageError, match="login"):
        await _decide(
            net,
            offering.agree,
            thread,
            person,
            language="en",
            login_at=net.clock() - HOUR,
        )

    # Nothing was half done: the consent is the one there was.
    assert (await _offer_of(net, A, thread)).state == "asking"
    (one,) = await net.nodes[A].store.read(
        consents.consents_of_learner, learner=person.id
    )
    assert (one.version, one.status) == (1, "granted")


async def _ask_beyond(net, subject, **terms):
    """Let the authority ask on terms beyond its own."""
    body = {
        "subject": subject,
        "dcql": DIPLOMA,
        "purpose": {"code": PURPOSE, "legal_basis": "consent", "text": {"en": "x"}},
        "recipient_terms": LONGER | {"regimes": ["EU-GDPR"]} | terms,
        "accept": {"formats": ["dc+sd-jwt"], "max_inline_bytes": 98304},
        "deadline": int((net.clock() + 7 * DAY).timestamp()),
    }
    status, said = await net.tell(R, A, "record/query", body)
    assert status == 202
    return said["accepted"]


async def test_a_grant_is_not_stretched_to_terms_the_learner_did_not_see(net):
    person = await net.add_person()
    granted = await net.grant(person)

    thread = await _ask_beyond(net, by_grant(granted.code), retention_days=300)
    assert await net.comes_to(thread, "consent-pending")
    await net.approve(thread, person)

    assert await net.comes_to(thread, "releasing", "delivered")
    again = await net.ask(by_grant(granted.code))
    assert await net.comes_to(again, "waiting")


async def test_a_spent_grant_asks_nobody_again(net):
    person = await net.add_person()
    granted = await net.grant(person)
    await net.receipted(await net.ask(by_grant(granted.code)))

    thread = await _ask_beyond(net, by_grant(granted.code), retention_days=300)

    assert await net.comes_to(thread, "waiting")


async def test_a_correction_is_told_and_sent_under_the_same_consent(net):
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    delivery = await net.delivery(R, thread)
    await net.receipted(thread)

    node = net.nodes[A]
    held = await net.rows(A, "credential", "id", "learner_id")
    (old,) = [row.id for row in held if row.learner_id == person.id]
    reissued = await net.write(
        A,
        issuing.reissue,
        credential_id=old,
        reason="grade corrected",
        at=net.clock(),
    )
    await net.write(A, issuing.publish_status_lists, at=net.clock())
    new = reissued if isinstance(reissued, str) else reissued.credential_id
    told = await net.write(
        A,
        correcting.tell_changed,
        old_credential_id=old,
        new_credential_id=new,
        reason="superseded",
        at=net.clock(),
    )

    assert told == 1

    async def corrected():
        found = {item.item_id: item for item in await net.items(R, delivery.id)}
        words = {n: i.verdict["overall"] for n, i in found.items() if i.verdict}
        return words if len(words) == 2 and words["degree"] == "invalid" else None

    words = await until(corrected)
    assert words == {"degree": "invalid", "degree~1": "valid"}
    (first,) = [i for i in await net.items(R, delivery.id) if i.item_id == "degree"]
    assert "revoked" in first.verdict["findings"]["status_now"]["reason"]
    events = await node.store.read(audit.events, vault=node.context.vault, limit=9999)
    assert {e.kind for e in events} >= {"release", "dispatch", "receipt"}
