from datetime import timedelta
from decimal import Decimal

import pytest

from node.services import consenting
from node.services.importing import content_digest
from node.store import consents, credentials, learners, people, rights
from node.store.learners import StoredRecord
from tests.node.consents import seed_consent
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.portal_world import START, a_graduate
from tests.node.visitor import logged_in

GRADE = '["results",31,"grade"]'
ALGORITHMS = "Algorithms and Data Structures"


@pytest.fixture
async def aiko(client, world):  # noqa: F811
    return await logged_in(client, world, "aiko")


@pytest.fixture
async def registrar(client, world):  # noqa: F811
    return await logged_in(client, world, "registrar")


def _transcript(connection, world, name="aiko"):  # noqa: F811
    owned = credentials.records(connection, learner_id=world.ids[name])
    return next(one.id for one in owned if one.kind == "transcript")


@pytest.fixture
async def transcript(world):  # noqa: F811
    return await world.store.read(_transcript, world)


async def ask(visitor, record, **fields):
    said = {"record": record, "item": GRADE, "wanted": "S, 92 points"} | fields
    return await visitor.post("/learner/rights/correction", list(said.items()))


def id_of(answer) -> str:
    assert answer.status == 303, answer.words
    return answer.location.split("/")[-1].split("?")[0]


async def mails(world, name):  # noqa: F811
    person_id = world.ids[f"person.{name}"]
    waiting = await world.store.read(people.unsent_mail, vault=world.context.vault)
    mine = [one for one in waiting if one.person_id == person_id]
    return [one for one in mine if one.kind != "invitation"]


async def test_a_record_is_shown_whole_with_a_way_to_object(aiko, transcript):
    page = await aiko.get(f"/learner/records/{transcript}")

    assert ALGORITHMS in page.words
    assert "A (86), passed" in page.words
    assert f"This is wrong : {ALGORITHMS}" in page.words


async def test_a_wrong_item_is_named_with_what_it_states(aiko, transcript):
    row = GRADE.replace(',"grade"', "")
    page = await aiko.get(f"/learner/rights/correction?record={transcript}&item={row}")

    assert f"{ALGORITHMS} › Grades: A (86), passed" in page.words
    assert "Linear Algebra" not in page.words
    assert "art. 39" in page.words


async def test_a_request_has_a_clock_and_is_seen_by_the_registry(
    aiko,
    registrar,
    transcript,
    world,  # noqa: F811
):
    request_id = id_of(await ask(aiko, transcript, why="The examiner has corrected it"))

    found = await world.store.read(
        rights.request, vault=world.context.vault, id=request_id
    )
    assert (found.due_at.date() - found.received_at.date()).days == 14
    mine = (await aiko.get(f"/learner/rights/{request_id}?done=sent")).words
    assert "Your request has arrived" in mine
    assert "S, 92 points" in mine
    assert (
        "1 requests of learners to answer" in (await registrar.get("/registrar")).words
    )
    listed = (await registrar.get("/registrar/rights")).words
    assert "見本 愛子 0022001" in listed
    shown = (await registrar.get(f"/registrar/rights/{request_id}")).words
    assert f"{ALGORITHMS} › Grade" in shown
    assert "It states A (86), passed" in shown
    assert "The examiner has corrected it" in shown


async def test_what_was_asked_lies_sealed_in_the_store(aiko, transcript, world):  # noqa: F811
    await ask(aiko, transcript, wanted="a-very-clear-wish")

    files = [path.read_bytes() for path in world.context.settings.home.glob("*.db*")]
    assert files
    assert not any(b"a-very-clear-wish" in octets for octets in files)


async def test_mails_say_that_something_waits_and_nothing_else(
    aiko,
    registrar,
    transcript,
    world,  # noqa: F811
):
    request_id = id_of(await ask(aiko, transcript))
    (told,) = await mails(world, "registrar")
    await registrar.post(
        f"/registrar/rights/{request_id}",
        [("decision", "refuse"), ("reason", "The grade is what was decided.")],
    )
    (answered,) = await mails(world, "aiko")

    assert told.kind == "rights-requested"
    assert told.body.decode() == f"/registrar/rights/{request_id}"
    assert answered.kind == "rights-answered"
    assert answered.body.decode() == f"/learner/rights/{request_id}"


async def test_a_refusal_is_shown_with_its_reason_and_what_one_can_do(
    aiko,
    registrar,
    transcript,
):
    request_id = id_of(await ask(aiko, transcript))
    path = f"/registrar/rights/{request_id}"

    silent = await registrar.post(path, [("decision", "refuse")])
    refused = await registrar.post(
        path, [("decision", "refuse"), ("reason", "The examiner confirms it: A.")]
    )
    again = await registrar.post(
        path, [("decision", "accept"), ("reason", "Changed my mind.")]
    )

    assert silent.status == 422
    assert "Give a reason" in silent.words
    assert refused.status == 303
    assert again.status == 409
    mine = (await aiko.get(f"/learner/rights/{request_id}")).words
    assert "The examiner confirms it: A." in mine
    assert "Personal Information Protection Commission" in mine
    log = (await aiko.get("/learner/access")).words
    assert "You asked for a correction or an end of use" in log
    assert "Your request was answered" in log
    assert "request of the learner under data protection law" in log


def _correct(connection, world):  # noqa: F811
    """Import what the student system states now: a better grade."""
    record = a_graduate("0022001", "見本", "愛子")
    better = record.results[1].model_copy(
        update={
            "grade": record.results[1].grade.model_copy(update={"score": Decimal(92)})
        }
    )
    results = (record.results[0], better, *record.results[2:])
    record = record.model_copy(update={"results": results})
    learner_id, vault = world.ids["aiko"], world.context.vault
    (wrapped,) = learners.wrapped_keys(connection, learner_ids=[learner_id]).values()
    body = record.model_dump_json(exclude_defaults=True).encode()
    sealed = learners.seal_record(vault, wrapped, learner_id, body)
    stored = StoredRecord(learner_id, content_digest(record), 2, sealed)
    learners.put_records(connection, records=[stored], at=START)


def _current(connection, world, record_id):  # noqa: F811
    mine = credentials.current(
        connection, vault=world.context.vault, learner_id=world.ids["aiko"]
    )
    return next(one.id for one in mine if one.record_id == record_id)


async def test_an_accepted_correction_issues_what_the_student_system_says(
    aiko,
    registrar,
    transcript,
    world,  # noqa: F811
):
    request_id = id_of(await ask(aiko, transcript))
    path = f"/registrar/rights/{request_id}"
    await registrar.post(path, [("decision", "accept"), ("reason", "You are right.")])
    before = await world.store.read(_current, world, transcript)

    too_early = await registrar.post(path, [("decision", "done")])
    unchanged = await world.store.read(_current, world, transcript)
    await world.store.write(_correct, world)
    done = await registrar.post(path, [("decision", "done")])

    assert too_early.status == 422
    assert "would still state the same" in too_early.words
    assert unchanged == before
    assert done.status == 303
    assert await world.store.read(_current, world, transcript) != before
    assert "A (92)" in (await aiko.get(f"/learner/records/{transcript}")).words
    assert (
        "the old one is revoked"
        in (await aiko.get(f"/learner/rights/{request_id}")).words
    )
    assert (await registrar.post(path, [("decision", "done")])).status == 409


async def test_a_correction_made_by_issuing_to_all_is_not_made_twice(
    aiko,
    registrar,
    transcript,
    world,  # noqa: F811
):
    from node.services import issuing  # noqa: PLC0415

    request_id = id_of(await ask(aiko, transcript))
    path = f"/registrar/rights/{request_id}"
    await registrar.post(path, [("decision", "accept"), ("reason", "Yes.")])
    await world.store.write(_correct, world)
    await world.store.write(
        issuing.reissue,
        context=world.context,
        credential_id=await world.store.read(_current, world, transcript),
        reason="record-corrected",
        at=world.clock(),
    )
    now = await world.store.read(_current, world, transcript)

    await registrar.post(path, [("decision", "done")])

    assert await world.store.read(_current, world, transcript) == now


async def test_personal_data_can_be_wrong_too(aiko, registrar):
    page = await aiko.get("/learner/rights/correction")
    assert "Date of birth" in page.words

    request_id = id_of(await ask(aiko, "", item="name", wanted="MIHON AICO"))
    path = f"/registrar/rights/{request_id}"
    await registrar.post(path, [("decision", "accept"), ("reason", "Yes.")])
    answer = await registrar.post(path, [("decision", "done")])

    assert answer.status == 303
    assert "done" in (await aiko.get("/learner/rights")).words


async def test_what_is_not_there_or_not_theirs_cannot_be_corrected(
    aiko,
    transcript,
    world,  # noqa: F811
):
    other = await world.store.read(_transcript, world, "taro")
    for record, item in (
        (other, GRADE),
        ("0" * 32, GRADE),
        (transcript, '["results",999,"grade"]'),
        (transcript, "nonsense"),
        ("", "height"),
    ):
        assert (await ask(aiko, record, item=item)).status == 404
    for query in (f"record={other}", f"record={transcript}&item=[", "item=height"):
        assert (await aiko.get(f"/learner/rights/correction?{query}")).status == 404
    assert (await aiko.get(f"/learner/records/{other}")).status == 404


@pytest.mark.parametrize(
    ("wanted", "words"),
    [("", "Say what it should be"), ("x" * 2001, "at most 2000 characters")],
)
async def test_a_request_without_words_or_with_too_many_is_sent_back(
    aiko, transcript, wanted, words
):
    answer = await ask(aiko, transcript, wanted=wanted, why="because")

    assert answer.status == 422
    assert words in answer.words
    assert "because" in answer.words


async def test_requests_cannot_be_piled_up(aiko, transcript):
    for _ in range(20):
        id_of(await ask(aiko, transcript))

    assert (await ask(aiko, transcript)).status == 409


async def test_others_requests_do_not_exist(aiko, client, transcript, world):  # noqa: F811
    request_id = id_of(await ask(aiko, transcript))
    taro = await logged_in(client, world, "taro")

    answer = await taro.get(f"/learner/rights/{request_id}")
    nothing = await taro.get(f"/learner/rights/{'0' * 32}")

    assert answer.status == nothing.status == 404
    assert "S, 92 points" not in answer.text


async def test_an_answer_that_is_late_is_said_to_be(
    aiko,
    registrar,
    transcript,
    world,  # noqa: F811
):
    request_id = id_of(await ask(aiko, transcript))

    world.clock.ahead = timedelta(days=16)
    aiko = await logged_in(registrar.client, world, "aiko")
    registrar = await logged_in(registrar.client, world, "registrar")

    assert (
        "The answer is late" in (await aiko.get(f"/learner/rights/{request_id}")).words
    )
    assert "1 overdue" in (await registrar.get("/registrar")).words
    assert "Overdue: 1" in (await registrar.get("/registrar/rights")).words


END = [("kind", "erasure"), ("ground", "no-longer-needed"), ("why", "I have left.")]


async def test_erasure_says_what_stays_and_ends_consents(
    aiko,
    registrar,
    world,  # noqa: F811
):
    consent_id = await world.store.write(seed_consent, world, "aiko")
    form = (await aiko.get("/learner/rights/erasure")).words
    assert "Nothing is deleted by itself" in form
    assert "School Education Act, art. 28" in form
    request_id = id_of(await aiko.post("/learner/rights/erasure", END))
    path = f"/registrar/rights/{request_id}"
    assert "School Education Act" in (await registrar.get(path)).words

    await registrar.post(
        path,
        [
            ("decision", "accept"),
            ("reason", "The copies of others go."),
            ("kept", "The register stays for five years."),
        ],
    )

    consent = await world.store.read(consents.consent, consent_id=consent_id)
    assert consent.status == "withdrawn"
    mine = (await aiko.get(f"/learner/rights/{request_id}")).words
    assert "The register stays for five years." in mine
    assert "Consents ended 1." in mine
    learner_id = world.ids["aiko"]
    assert await world.store.read(
        learners.learner_record, world.context.vault, learner_id=learner_id
    )


async def test_about_one_record_only_its_consents_end(world):  # noqa: F811
    consent_id = await world.store.write(seed_consent, world, "aiko")
    consent = await world.store.read(consents.consent, consent_id=consent_id)
    scope = await world.store.read(consents.scope, consent_id=consent_id, version=1)
    ((record, _),) = scope
    owned = await world.store.read(credentials.records, learner_id=consent.learner)
    other = next(one.id for one in owned if one.id != record)

    counts = [
        await world.store.write(
            consenting.end_at_request,
            context=world.context,
            learner_id=consent.learner,
            record_id=record,
            requested="stop",
            at=world.clock(),
        )
        for record in (other, record)
    ]

    assert counts == [0, 1]


@pytest.mark.parametrize(
    ("field", "status"),
    [
        (("why", ""), 422),
        (("ground", "mood"), 422),
        (("kind", "revenge"), 404),
        (("record", "0" * 32), 404),
    ],
)
async def test_what_is_no_request_for_an_end_is_not_taken(aiko, field, status):
    fields = dict(END) | dict([field])

    answer = await aiko.post("/learner/rights/erasure", list(fields.items()))

    assert answer.status == status


async def test_the_pages_speak_japanese(aiko, registrar, transcript):
    request_id = id_of(await ask(aiko, transcript))

    shown = (await aiko.get(f"/learner/rights/{request_id}?lang=ja")).words
    listed = (await registrar.get("/registrar/rights?lang=ja")).words
    law = (await aiko.get("/learner/rights?lang=ja")).words

    assert "回答待ち" in shown
    assert "訂正" in listed
    assert "遅滞なく" in law
