"""What the institution knows of a learner → signed credentials, which can be revoked.

A credential is issued in two forms that say the same: a VC with `eddsa-jcs-2022`, and
an SD-JWT VC with ES256, of which parts can be withheld. Both stand under one place in
one list, claimed at random in the transaction that stores them.

One credential stands for a record at a time. Issuing again what has not changed does
nothing; what has changed is issued as the next version, and the one before is revoked
as `superseded`. A record that lacks an item is not issued, and nobody fills the gap.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from node.context import NodeContext
from node.services.drafting import (
    LANGUAGES,
    Drafted,
    Missing,
    Occasion,
    drafts,
    is_wanted,
    kinds_named,
    programme_key,
    readiness,
    same_content,
)
from node.services.securing import (
    PURPOSE,
    fresh_id,
    local_day,
    note_revoked,
    publish_list,
    secure_and_store,
)
from node.store import credentials, documents, learners
from node.store.credentials import Facts
from node.store.engine import Store
from protocol.credentials.learner_record import Catalogue, LearnerRecord, Text
from protocol.credentials.record_model import Kind
from protocol.credentials.vcdm import record_of
from protocol.errors import NotFoundError, UnexpectedMessageError
from protocol.rules import graduation
from protocol.rules.graduation import Graduation

SUPERSEDED = "superseded"
"""Why a credential was revoked in favour of the next version of its record."""
REPUBLISH_AFTER = timedelta(days=1)
"""Age at which a status list is signed anew, long before it expires."""
AT_ONCE = 16
"""Learners in one group commit."""


@dataclass(frozen=True, slots=True)
class Issued:
    """What issuing to one learner did."""

    credential_ids: tuple[str, ...]
    unchanged: int
    """Records about which a credential stands that says the same."""
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A learner to whom something could be issued, or not and why."""

    learner_id: str
    student_number: str
    name: str
    ready: tuple[str, ...]
    """Kinds that are complete."""
    missing: tuple[Missing, ...]


@dataclass(slots=True)
class Cohort:
    """What issuing to many learners did."""

    total: int
    issued: int = 0
    unchanged: int = 0
    refused: list[Candidate] = field(default_factory=list)
    """Who lacks something, with every item."""


def issue(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    kinds: Sequence[str],
    at: datetime,
    languages: Sequence[str] = LANGUAGES,
) -> Issued:
    """Issue to one learner what of `kinds` is complete; again changes nothing.

    Raises:
        NotFoundError: nothing is known of the learner, or there is no catalogue.
        ErasedError: the learner has no key any more.
    """
    learner, catalogue = _known(connection, context, learner_id)
    issued: list[str] = []
    missing: list[Missing] = []
    unchanged = 0
    for kind in kinds_named(kinds):
        occasion = _occasion(context, at, languages)
        for draft in drafts(kind, learner, catalogue, occasion):
            if isinstance(draft, Missing):
                missing.append(draft)
            elif (new := _issue(connection, context, learner_id, draft, at)) is None:
                unchanged += 1
            else:
                issued.append(new)
    return Issued(tuple(issued), unchanged, tuple(missing))


def reissue(
    connection: Connection,
    *,
    context: NodeContext,
    credential_id: str,
    reason: str,
    at: datetime,
) -> str:
    """Issue the record of a credential anew and revoke the credential as superseded.

    Returns the id of the new credential.

    Raises:
        NotFoundError: no such credential.
        UnexpectedMessageError: it was revoked before, or the record is not complete.
    """
    old = _standing(connection, credential_id)
    record = credentials.record_row(connection, id=old.record_id)
    learner, catalogue = _known(connection, context, old.learner_id)
    occasion = _occasion(context, at, [old.lang])
    lacking = []
    for draft in drafts(kinds_named([old.kind])[0], learner, catalogue, occasion):
        if isinstance(draft, Missing):
            lacking.append(f"{draft.item}: {draft.reason}")
        elif record is not None and draft.key == record.key:
            return _supersede(connection, context, old, draft, at, reason=reason)
    raise UnexpectedMessageError("; ".join(lacking) or "there is no such record now")


def revoke(
    connection: Connection,
    *,
    context: NodeContext,
    credential_id: str,
    reason: str,
    at: datetime,
) -> None:
    """Revoke a credential; the status list says so once it is published anew.

    Raises:
        NotFoundError: no such credential.
        UnexpectedMessageError: it was revoked before.
    """
    old = _standing(connection, credential_id)
    credentials.revoke(connection, id=old.id, reason=reason, at=at)
    note_revoked(connection, context=context, old=old, reason=reason, at=at)


def publish_status_lists(
    connection: Connection, *, context: NodeContext, at: datetime
) -> int:
    """Sign the lists that changed, or would soon expire, anew; return how many."""
    due = [
        *credentials.dirty_status_lists(connection),
        *credentials.aged_status_lists(
            connection, published_before=at - REPUBLISH_AFTER
        ),
    ]
    # Statements about organisations have a list, and bits, of their own.
    mine = {one.id: one for one in due if one.purpose == PURPOSE}
    for list_id in mine:
        publish_list(connection, context=context, list_id=list_id, at=at)
    return len(mine)


def programmes(
    connection: Connection,
    *,
    context: NodeContext,
) -> list[tuple[str, Text]]:
    """Return key and name of every programme of the catalogue in use."""
    catalogue = documents.current_catalogue(connection)
    return [(one.key, one.name) for one in catalogue.programmes] if catalogue else []


def candidates(
    connection: Connection,
    *,
    context: NodeContext,
    programme: str | None,
    graduated_on: date | None,
    kinds: Sequence[str],
) -> list[Candidate]:
    """Return the learners of a programme, with what could be issued to each.

    Everybody, where `programme` is None; with `graduated_on` only who graduated that
    day.
    """
    catalogue = documents.current_catalogue(connection)
    if catalogue is None:
        return []
    occasion = _occasion(context, context.clock(), LANGUAGES)
    return [
        _candidate(learner_id, learner, catalogue, kinds_named(kinds), occasion)
        for learner_id, learner in _learners(connection, context)
        if is_wanted(learner, programme, graduated_on)
    ]


async def issue_cohort(
    store: Store,
    *,
    context: NodeContext,
    programme: str | None,
    graduated_on: date | None,
    kinds: Sequence[str],
    languages: Sequence[str] = LANGUAGES,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Cohort:
    """Issue to everybody `candidates` finds; `progress` is told done and total.

    Interrupted, it has issued to some; the same call again does the rest.
    """
    found = await store.read(
        candidates,
        context=context,
        programme=programme,
        graduated_on=graduated_on,
        kinds=kinds,
    )
    cohort = Cohort(len(found), refused=[one for one in found if one.missing])
    ready = [one for one in found if one.ready]
    progress(cohort.total - len(ready), cohort.total)
    for start in range(0, len(ready), AT_ONCE):
        some = ready[start : start + AT_ONCE]
        for issued in await asyncio.gather(
            *(
                store.write(
                    issue,
                    context=context,
                    learner_id=one.learner_id,
                    kinds=kinds,
                    languages=languages,
                    at=context.clock(),
                )
                for one in some
            )
        ):
            cohort.issued += len(issued.credential_ids)
            cohort.unchanged += issued.unchanged
        progress(cohort.total - len(ready) + start + len(some), cohort.total)
    await store.write(publish_status_lists, context=context, at=context.clock())
    return cohort


def explain(
    connection: Connection, *, context: NodeContext, learner_id: str
) -> Graduation | None:
    """Account for every credit of a learner; None where no such rule applies.

    Raises:
        NotFoundError: nothing is known of the learner, or there is no catalogue.
    """
    learner, catalogue = _known(connection, context, learner_id)
    key = programme_key("diploma-supplement", learner)
    programme = catalogue.programme(key) if key else None
    if programme is None or not graduation.applies(programme, catalogue):
        return None
    on = local_day(context, context.clock())
    return graduation.assess(learner, programme, catalogue, on=on)


def _known(
    connection: Connection, context: NodeContext, learner_id: str
) -> tuple[LearnerRecord, Catalogue]:
    learner = learners.learner_record(
        connection, vault=context.vault, learner_id=learner_id
    )
    catalogue = documents.current_catalogue(connection)
    if learner is None or catalogue is None:
        missing = "learner" if learner is None else "catalogue"
        raise NotFoundError(f"no {missing} to issue from")
    return learner, catalogue


def _learners(
    connection: Connection, context: NodeContext
) -> Iterator[tuple[str, LearnerRecord]]:
    for learner_id in learners.learner_ids(connection):
        learner = learners.learner_record(
            connection, vault=context.vault, learner_id=learner_id
        )
        if learner is not None:
            yield learner_id, learner


def _candidate(
    learner_id: str,
    learner: LearnerRecord,
    catalogue: Catalogue,
    kinds: Iterable[Kind],
    occasion: Occasion,
) -> Candidate:
    ready, missing = readiness(kinds, learner, catalogue, occasion)
    person = learner.person
    name = person.name("kanji", "latin")
    return Candidate(
        learner_id,
        person.student_number,
        f"{name.family} {name.given}".strip(),
        ready,
        missing,
    )


def _issue(
    connection: Connection,
    context: NodeContext,
    learner_id: str,
    draft: Drafted,
    at: datetime,
) -> str | None:
    """Issue a record if no credential stands that says the same."""
    record_id = credentials.record_for(
        connection,
        learner_id=learner_id,
        kind=draft.kind,
        key=draft.key,
        id=fresh_id(at),
    )
    old = credentials.current_facts(connection, record_id=record_id)
    if old is None or (old.valid_until is not None and old.valid_until < at):
        return secure_and_store(
            connection,
            context=context,
            learner_id=learner_id,
            record_id=record_id,
            draft=draft,
            at=at,
        )
    stands = credentials.credential(connection, vault=context.vault, id=old.id)
    if stands is not None and same_content(
        record_of(stands.vc, draft.kind), draft.record
    ):
        return None
    return _supersede(connection, context, old, draft, at, reason=SUPERSEDED)


def _supersede(
    connection: Connection,
    context: NodeContext,
    old: Facts,
    draft: Drafted,
    at: datetime,
    *,
    reason: str,
) -> str:
    new = secure_and_store(
        connection,
        context=context,
        learner_id=old.learner_id,
        record_id=old.record_id,
        draft=draft,
        at=at,
    )
    credentials.revoke(
        connection, id=old.id, reason=SUPERSEDED, at=at, superseded_by=new
    )
    note_revoked(
        connection, context=context, old=old, reason=reason, at=at, successor=new
    )
    return new


def _standing(connection: Connection, credential_id: str) -> Facts:
    """Return a credential that has not been revoked."""
    found = credentials.facts(connection, id=credential_id)
    if found is None:
        raise NotFoundError("no such credential")
    if found.revoked_at is not None:
        raise UnexpectedMessageError("the credential was revoked before")
    return found


def _occasion(
    context: NodeContext, at: datetime, languages: Iterable[str] = LANGUAGES
) -> Occasion:
    wanted, on = set(languages), local_day(context, at)
    chosen = tuple(one for one in LANGUAGES if one in wanted) or LANGUAGES
    return Occasion(on, chosen, f"{on:%Y}-{secrets.token_hex(4).upper()}")
