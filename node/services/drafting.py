"""Which records a learner can have, and what is missing for those they cannot.

Judges nothing by itself: the records come from `protocol.credentials`, the requirements
for graduation from `protocol.rules.graduation`. Nothing is stored or signed here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from protocol.credentials.certificates import CertificateKind, certificate
from protocol.credentials.diploma_supplement import award_of, diploma_supplement
from protocol.credentials.learner_record import (
    Catalogue,
    Language,
    LearnerRecord,
    MicroCredential,
    Programme,
)
from protocol.credentials.micro_credential import micro_credential
from protocol.credentials.record_model import KINDS, Kind
from protocol.credentials.record_parts import Built
from protocol.credentials.transcript import transcript
from protocol.errors import NotFoundError
from protocol.rules import graduation

LANGUAGES: tuple[Language, ...] = get_args(Language)
GRADUATES: frozenset[Kind] = frozenset({"diploma-supplement", "graduation-certificate"})
"""Kinds that say a learner has graduated, and need the requirements to be met."""

_VOLATILE = {
    "certificate": ("number", "issued_on", "valid_until"),
    "certification": ("date",),
    "achievement": ("awarded_on",),
}
"""Units that differ each time a record is built, while nothing else has changed."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Something because of which a record is not issued."""

    kind: str
    item: str
    """Number in the Diploma Supplement, or a word where there is none."""
    reason: str


@dataclass(frozen=True, slots=True)
class Drafted:
    """A record that can be issued."""

    kind: Kind
    key: str
    """Tells it apart from other records of the kind and learner."""
    lang: str
    record: dict[str, Any]
    award_date: date | None
    valid_until: date | None
    """Its last day; None for what does not end."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """When, in which languages and under which number records are drafted."""

    on: date
    languages: tuple[Language, ...] = LANGUAGES
    number: str = ""


def drafts(
    kind: Kind, learner: LearnerRecord, catalogue: Catalogue, occasion: Occasion
) -> Iterator[Drafted | Missing]:
    """Draft the records of one kind a learner can have, or say what is missing."""
    if kind == "micro-credential":
        yield from _micro_credentials(learner, catalogue, occasion)
        return
    key = programme_key(kind, learner)
    programme = catalogue.programme(key) if key else None
    if programme is None:
        why = f"the catalogue has no programme {key}" if key else "never enrolled"
        yield Missing(kind, "programme", why)
        return
    built = _built(kind, learner, programme, catalogue, occasion)
    missing = [Missing(kind, one.item, one.why) for one in built.missing]
    # Who was awarded nothing lacks that, and need not hear of each credit too.
    if kind in GRADUATES and award_of(learner, programme) is not None:
        missing += _not_fulfilled(kind, learner, programme, catalogue, occasion.on)
    if missing:
        yield from missing
    elif "certificate" in built.record:
        yield from _by_language(kind, programme, built.record, occasion)
    else:
        yield _drafted(kind, programme.key, "en", built.record)


def readiness(
    kinds: Iterable[Kind],
    learner: LearnerRecord,
    catalogue: Catalogue,
    occasion: Occasion,
) -> tuple[tuple[str, ...], tuple[Missing, ...]]:
    """Return which of `kinds` are complete for a learner, and what the others lack."""
    found = [d for kind in kinds for d in drafts(kind, learner, catalogue, occasion)]
    ready = dict.fromkeys(one.kind for one in found if isinstance(one, Drafted))
    return tuple(ready), tuple(one for one in found if isinstance(one, Missing))


def is_wanted(
    learner: LearnerRecord, programme: str | None, graduated_on: date | None
) -> bool:
    """Tell whether a learner is or was in a programme, and graduated that day.

    None asks for any programme, or any day and none.
    """
    return any(
        programme in (None, enrolment.programme)
        and graduated_on in (None, enrolment.graduated_on)
        for enrolment in learner.enrolments
    )


def kinds_named(names: Iterable[str]) -> list[Kind]:
    """Return the kinds named, in the order of the record model.

    Raises:
        NotFoundError: one of them is no kind.
    """
    wanted = set(names)
    if unknown := wanted.difference(KINDS):
        raise NotFoundError(f"no kind of record is called {min(unknown)}")
    return [kind for kind in KINDS if kind in wanted]


def programme_key(kind: Kind, learner: LearnerRecord) -> str | None:
    """Return which programme a record of that kind is about.

    That of the latest award for what graduates get, else that of the latest enrolment.
    """
    awards = sorted(learner.awards, key=lambda award: award.awarded_on)
    if kind in GRADUATES and awards:
        return awards[-1].programme
    enrolments = sorted(learner.enrolments, key=lambda e: e.admitted_on or date.min)
    return enrolments[-1].programme if enrolments else None


def same_content(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two records say the same but for when they were built."""
    return _lasting(one) == _lasting(other)


def _built(
    kind: Kind,
    learner: LearnerRecord,
    programme: Programme,
    catalogue: Catalogue,
    occasion: Occasion,
) -> Built:
    if kind == "diploma-supplement":
        return diploma_supplement(learner, programme, catalogue, on=occasion.on)
    if kind == "transcript":
        return transcript(learner, programme, catalogue)
    assert kind in get_args(CertificateKind)  # noqa: S101 - for the type checker
    return certificate(
        kind,  # type: ignore[arg-type]
        learner,
        programme,
        catalogue,
        on=occasion.on,
        number=occasion.number,
    )


def _not_fulfilled(
    kind: Kind,
    learner: LearnerRecord,
    programme: Programme,
    catalogue: Catalogue,
    on: date,
) -> list[Missing]:
    """Say which requirements for graduation are not met, where there are any."""
    if not graduation.applies(programme, catalogue):
        return []
    answer = graduation.assess(learner, programme, catalogue, on=on)
    if answer.fulfilled:
        return []
    return [Missing(kind, "art. 32", why) for why in answer.shortfalls]


def _by_language(
    kind: Kind, programme: Programme, record: dict[str, Any], occasion: Occasion
) -> Iterator[Drafted]:
    """Draft a certificate for each language it is wanted and worded in.

    The English one has the Japanese text beside it, as the original.
    """
    worded = LANGUAGES if "title_original" in record["certificate"] else ("en",)
    for language in worded:
        if language in occasion.languages or worded != LANGUAGES:
            stated = record if language == "en" else _in_japanese(record)
            yield _drafted(kind, f"{programme.key} ({language})", language, stated)


def _in_japanese(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a certificate with its Japanese text only."""
    stated = {
        name: value
        for name, value in record["certificate"].items()
        if not name.endswith("_original")
    }
    for name in ("title", "statement"):
        stated[name] = record["certificate"][f"{name}_original"]
    return {**record, "certificate": stated}


def _drafted(kind: Kind, key: str, lang: str, record: dict[str, Any]) -> Drafted:
    awarded = record.get("qualification", {}).get("awarded_on")
    until = record.get("certificate", {}).get("valid_until")
    return Drafted(kind, key, lang, record, _day(awarded), _day(until))


def _micro_credentials(
    learner: LearnerRecord, catalogue: Catalogue, occasion: Occasion
) -> Iterator[Drafted | Missing]:
    """Draft every micro-credential whose courses have all been passed here."""
    kind: Kind = "micro-credential"
    earned = False
    for micro in catalogue.micro_credentials:
        built = micro_credential(learner, micro, catalogue, on=occasion.on)
        if any(one.item == "courses" for one in built.missing):
            continue
        earned = True
        yield from (Missing(kind, one.item, one.why) for one in built.missing)
        if built.complete:
            yield _badge(micro, built.record, occasion.on)
    if not earned:
        why = "of no micro-credential all courses were passed at this institution"
        yield Missing(kind, "courses", why)


def _badge(micro: MicroCredential, record: dict[str, Any], on: date) -> Drafted:
    return Drafted("micro-credential", micro.key, "en", record, on, None)


def _lasting(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        group: {
            name: value
            for name, value in members.items()
            if name not in _VOLATILE.get(group, ())
        }
        if isinstance(members, Mapping)
        else members
        for group, members in record.items()
    }


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
