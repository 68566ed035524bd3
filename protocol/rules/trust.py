"""Who may say what, since when, on whose word.

Trust anchors are DIDs the operator configured. Everything else is a credential that
leads to one: an anchor delegates to an accreditor, an accreditor accredits an
institution. Each statement has two periods: `effective`, the days it is about, and
`validFrom`/`validUntil`, its own life. A degree is judged by what held on the day of
the award, as it is known now; a withdrawn accreditation does not void the degrees
before its end.

Chains are followed from the anchors down, so that nothing is fetched on the word of
somebody no anchor vouches for, each statement is verified once, and a loop leads
nowhere. A statement that does not lead to an anchor is passed over, as if nobody had
made it: anyone can write one.

Implements LRX 1.0, section "Who may say what".
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from protocol.credentials import verification
from protocol.credentials.conformance import TRUST_CONTEXT
from protocol.credentials.findings import (
    PROOF,
    Evidence,
    Inquiry,
    Result,
    Want,
    worst,
)
from protocol.credentials.vcdm import CREDENTIALS_CONTEXT, as_text
from protocol.identity.dids import Did
from protocol.rules import statements
from protocol.rules.statements import (
    AUTHORITY,
    DELEGATION,
    INSTITUTION,
    PROGRAMME,
    Effective,
    Statement,
)

MAXIMUM_DEPTH = 8
"""Statements in a chain."""

_GRANTED = frozenset({None, "accredited", "with-conditions", "withdrawn"})
"""Decisions under which `effective` holds; `withdrawn` has an end by its nature."""
_OWN = (*PROOF, "schema")
"""What must hold for it to be a statement of its issuer at all."""
_ASKED = (*_OWN, "validity_period", "status_now")
"""All of `AUTHENTICITY`, the causes before what follows from them."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What an organisation may say on a day, and on whose word."""

    result: Result
    reason: str
    chain: tuple[Statement, ...] = ()
    """From the anchor's own statement down to the one about the organisation."""
    anchor: Did | None = None
    refused: tuple[str, ...] = ()
    """Statements that were passed over, and why."""
    wants: tuple[Want, ...] = ()

    def as_evidence(self) -> dict[str, Any]:
        """Return it as a finding keeps it."""
        return {
            "anchor": str(self.anchor) if self.anchor else None,
            "chain": [one.as_evidence() for one in self.chain],
            "refused": list(self.refused),
        }


def standing(
    subject: Did,
    *,
    types: Collection[str],
    on: date,
    evidence: Evidence,
    anchors: Collection[Did],
    at: datetime,
    programme: str | None = None,
) -> Standing:
    """Find out whether statements of `types` about `subject` cover the day `on`.

    Valid if one of them does and leads to an anchor; invalid if those that lead to one
    say otherwise; unknown if there are none. With `programme`, statements about another
    one do not count.
    """
    if not anchors:
        return Standing(Result.UNKNOWN, "no trust anchor is configured")
    inquiry = Inquiry(evidence, at)
    known = tuple(
        one
        for one in statements.read_all(evidence.accreditations)
        if one.type != PROGRAMME or one.programme == programme
    )
    walk = _Walk(inquiry, known, on, {_party(one): one for one in anchors})
    found = walk.standing(subject, frozenset(types))
    return replace(found, wants=tuple(inquiry.wants))


def _party(did: Did) -> str:
    """Name a party so that it keeps its name when it moves."""
    return did.scid or did


@dataclass(slots=True)
class _Walk:
    """One walk over the statements, for one day."""

    inquiry: Inquiry
    known: tuple[Statement, ...]
    on: date
    anchors: Mapping[str, Did]
    authority: dict[str, list[Standing]] = field(default_factory=dict)
    """What was found about each party's right to accredit."""

    def standing(self, subject: Did, types: frozenset[str]) -> Standing:
        """Judge what the statements of `types` say about `subject`."""
        anchor = self.anchors.get(_party(subject))
        if anchor is not None:
            return Standing(Result.VALID, f"{subject} is a trust anchor", anchor=anchor)
        about = [
            one
            for one in self.known
            if one.type in types and _party(one.subject) == _party(subject)
        ]
        if not about:
            reason = self.inquiry.lack(Want("accreditation", subject))
            return Standing(Result.UNKNOWN, reason)
        self._authorise(self._above(about))
        return _best(subject, [self._judge(one) for one in about])

    def _delegations(self, to: str) -> list[Statement]:
        return [
            one
            for one in self.known
            if one.type == DELEGATION and _party(one.subject) == to
        ]

    def _above(self, about: Sequence[Statement]) -> dict[str, Did]:
        """Collect, unverified, who stands above those who made the statements."""
        above: dict[str, Did] = {}
        level = [one.issuer for one in about]
        for _ in range(1, MAXIMUM_DEPTH):
            fresh = {_party(one): one for one in level if _party(one) not in above}
            above |= fresh
            level = [d.issuer for party in fresh for d in self._delegations(party)]
        return above

    def _authorise(self, above: Mapping[str, Did]) -> None:
        """Follow delegations from the anchors down to those in `above`."""
        for party, anchor in self.anchors.items():
            found = Standing(Result.VALID, f"{anchor} is a trust anchor", anchor=anchor)
            self.authority[party] = [found]
        waiting = [d for party in above for d in self._delegations(party)]
        for _ in range(1, MAXIMUM_DEPTH):
            ready = [one for one in waiting if self._may_delegate(one.issuer)]
            waiting = [one for one in waiting if not self._may_delegate(one.issuer)]
            judged = [(one, self._judge(one)) for one in ready]
            for one, found in judged:
                self.authority.setdefault(_party(one.subject), []).append(found)

    def _may_delegate(self, issuer: Did) -> bool:
        found = self.authority.get(_party(issuer), [])
        return any(one.result == Result.VALID for one in found)

    def _judge(self, statement: Statement) -> Standing:
        """Judge one statement: who made it, does it hold, what does it say."""
        authority = self.authority.get(_party(statement.issuer), [])
        good = [one for one in authority if one.result == Result.VALID]
        if not good:
            return self._unfounded(statement, authority)
        fault = self._fault(statement)
        if fault is not None:
            return fault
        said = [_says(one, statement, self.on) for one in good]
        return next((one for one in said if one.result == Result.VALID), said[0])

    def _unfounded(
        self, statement: Statement, authority: Sequence[Standing]
    ) -> Standing:
        """Judge a statement of somebody who is not known to have a right to it."""
        for result in (Result.UNKNOWN, Result.INVALID):
            for one in authority:
                if one.result == result and not one.refused:
                    reason = f"its issuer {statement.issuer}: {one.reason}"
                    return Standing(result, reason, (*one.chain, statement))
        reason = "its issuer leads to no trust anchor"
        party = _party(statement.issuer)
        if party == _party(statement.subject):
            reason = "it is a statement about its own issuer"
        elif not self._delegations(party):
            want = Want("accreditation", statement.issuer)
            reason = f"its issuer: {self.inquiry.lack(want)}"
        return _passed_over(statement, reason)

    def _fault(self, statement: Statement) -> Standing | None:
        """Verify the statement like any credential; None if it holds."""
        document = statement.document
        findings = verification.authenticity(document, self.inquiry)
        findings["status_now"] = verification.status_now(
            document, findings, self.inquiry
        )
        result = worst(findings[name].result for name in _ASKED)
        if result in (Result.VALID, Result.NOT_APPLICABLE):
            return None
        name = next(n for n in _ASKED if findings[n].result == result)
        reason = f"{name}: {findings[name].reason}"
        if result == Result.INVALID and name in _OWN:
            return _passed_over(statement, reason)
        reason = f"the {statement.type} of {statement.issuer}, {reason}"
        return Standing(result, reason, (statement,))


def _passed_over(statement: Statement, reason: str) -> Standing:
    refused = f"{statement.type} of {statement.issuer}: {reason}"
    return Standing(Result.UNKNOWN, refused, refused=(refused,))


def _says(authority: Standing, statement: Statement, on: date) -> Standing:
    """Judge what a statement that holds, made on that authority, says about a day."""
    chain = (*authority.chain, statement)
    narrow = [
        one
        for one in authority.chain
        if one.countries and statement.country not in one.countries
    ]
    result = Result.INVALID
    if statement.decision not in _GRANTED:
        reason = f"the decision of {statement.issuer} was {statement.decision}"
    elif not statement.covers(on):
        reason = f"{on} lies outside the effective period ({statement.period})"
    elif narrow:
        reason = (
            f"{narrow[0].subject} may accredit in {', '.join(narrow[0].countries)}, "
            f"not in {statement.country}"
        )
    else:
        result = Result.VALID
        kind = f"the {statement.type} of {statement.issuer}"
        reason = f"{kind} covers {on} ({statement.period})"
    return Standing(result, reason, chain, authority.anchor)


def _best(subject: Did, found: Sequence[Standing]) -> Standing:
    """Choose among the statements about one organisation: one good one is enough.

    What may yet turn out well is not held against it.
    """
    refused = tuple(reason for one in found for reason in one.refused)
    counted = [one for one in found if not one.refused]
    for result in (Result.VALID, Result.UNKNOWN, Result.INVALID):
        for one in counted:
            if one.result == result:
                return replace(one, refused=refused)
    reason = f"no statement about {subject} leads to a trust anchor"
    return Standing(Result.UNKNOWN, f"{reason}: {'; '.join(refused)}", refused=refused)


def trust_anchor_delegation(
    *,
    issuer: Did,
    subject: Did,
    legal_name: str,
    country: str,
    effective: Effective,
    valid_from: datetime,
    valid_until: datetime,
    status: Mapping[str, Any] | None = None,
    countries: Sequence[str] = (),
) -> dict[str, Any]:
    """State that `subject`, seated in `country`, may accredit.

    `countries` limits where; without it nothing is said about the place. Not secured.
    """
    more = {"countries": list(countries)} if countries else {}
    return _credential(
        DELEGATION,
        issuer,
        _organisation(subject, legal_name, country, effective, more),
        valid_from,
        valid_until,
        status,
    )


def institution_accreditation(
    *,
    issuer: Did,
    subject: Did,
    legal_name: str,
    country: str,
    effective: Effective,
    valid_from: datetime,
    valid_until: datetime,
    status: Mapping[str, Any] | None = None,
    decision: str = "accredited",
    decided_on: date | None = None,
    levels: Sequence[str] = (),
) -> dict[str, Any]:
    """State the decision on the accreditation of an institution. Not secured."""
    more: dict[str, Any] = {"decision": decision}
    if decided_on:
        more["decidedOn"] = decided_on.isoformat()
    if levels:
        more["levels"] = list(levels)
    return _credential(
        INSTITUTION,
        issuer,
        _organisation(subject, legal_name, country, effective, more),
        valid_from,
        valid_until,
        status,
    )


def recognition_authority(
    *,
    issuer: Did,
    subject: Did,
    legal_name: str,
    country: str,
    effective: Effective,
    valid_from: datetime,
    valid_until: datetime,
    status: Mapping[str, Any] | None = None,
    decisions: Sequence[str] = (),
) -> dict[str, Any]:
    """State that `subject` is a competent recognition authority. Not secured.

    `decisions` names the purposes it is competent for; without it they are not limited.
    """
    more = {"decisions": list(decisions)} if decisions else {}
    return _credential(
        AUTHORITY,
        issuer,
        _organisation(subject, legal_name, country, effective, more),
        valid_from,
        valid_until,
        status,
    )


def _organisation(
    subject: Did,
    legal_name: str,
    country: str,
    effective: Effective,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    since, until = effective
    period = {"from": since.isoformat()}
    if until:
        period["until"] = until.isoformat()
    return {
        "id": str(subject),
        "legalName": legal_name,
        "country": country,
        "accreditation": {**more, "effective": period},
    }


def _credential(
    type_: str,
    issuer: Did,
    subject: Mapping[str, Any],
    valid_from: datetime,
    valid_until: datetime,
    status: Mapping[str, Any] | None,
) -> dict[str, Any]:
    return {
        "@context": [CREDENTIALS_CONTEXT, TRUST_CONTEXT],
        "type": ["VerifiableCredential", type_],
        "issuer": str(issuer),
        "validFrom": as_text(valid_from),
        "validUntil": as_text(valid_until),
        "credentialSubject": dict(subject),
        **({"credentialStatus": dict(status)} if status else {}),
    }
