"""What the terms of documents mean: contexts compiled once into tables.

Implements JSON-LD 1.1 Processing Algorithms and API, sections "Context Processing
Algorithm", "Create Term Definition" and "IRI Expansion", as far as credentials use
them. What is beyond that raises `OutsideSubsetError`, and the general processor reads
the document instead; what JSON-LD forbids raises `LinkedDataError`.

The same contexts come again in every credential, so a compiled context keeps what
follows from it: the contexts its types and terms bring with them, and what each member
name means. Nothing in a compiled context depends on a document's values.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from protocol.errors import LinkedDataError
from protocol.linked_data.contexts import Contexts
from protocol.linked_data.nquads import is_iri, is_language

KEYWORDS = frozenset(
    f"@{name}"
    for name in (
        *("base", "container", "context", "direction", "graph", "id", "import"),
        *("included", "index", "json", "language", "list", "nest", "none", "prefix"),
        *("propagate", "protected", "reverse", "set", "type", "value", "version"),
        "vocab",
    )
)
_LIKE_A_KEYWORD = re.compile(r"@[A-Za-z]+")
_OF_A_TERM = frozenset(
    {"@id", "@type", "@container", "@context", "@language", "@protected", "@prefix"}
)
_CONTAINERS = frozenset({"@set", "@list", "@graph"})
_NO_ALIAS = frozenset({"@context", "@graph"})
_GEN_DELIMS = tuple(":/?#[]@")
_KEPT = 512
"""Compiled contexts that are kept; a document may bring its own."""


_XSD = "http://www.w3.org/2001/XMLSchema#"
_EXPIRES = "https://w3id.org/security#expiration"
_STRING, DOUBLE = _XSD + "string", _XSD + "double"


class OutsideSubsetError(Exception):
    """Something only the general processor can read."""


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One term of a context."""

    iri: str | None
    """An IRI or a keyword; None for a term that is made to mean nothing."""
    type: str | None = None
    """A datatype, or `@id`, `@vocab`, `@json`, `@none`."""
    container: frozenset[str] = frozenset()
    language: str | None = None
    has_language: bool = False
    scoped: Any = None
    """The context that comes with the term, if `has_scope`."""
    has_scope: bool = False
    protected: bool = False
    prefix: bool = False
    beyond: bool = False
    """It uses what only the general processor knows."""

    def means(self, other: "Term") -> bool:
        """Tell whether two definitions differ in nothing but their protection."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in self.__slots__
            if name not in ("protected", "__weakref__")
        )


@dataclass(slots=True, eq=False)
class ActiveContext:
    """What member names mean at one place of a document."""

    terms: dict[str, Term] = field(default_factory=dict)
    vocab: str | None = None
    language: str | None = None
    previous: "ActiveContext | None" = None
    """The context to go back to where a node begins that brings no type with it."""
    by_types: dict[tuple[str, ...], "tuple[ActiveContext, tuple[str, ...]]"] = field(
        default_factory=dict
    )
    """Types already looked up: the context inside such a node, and their IRIs."""
    by_term: dict[Term, "ActiveContext"] = field(default_factory=dict)
    members: dict[str, "str | Meaning"] = field(default_factory=dict)
    """Member names already looked up."""
    names: dict[str, set[str]] = field(default_factory=dict)
    """The names of each IRI in the accepted contexts, the same for all of them."""
    _aliases: dict[str, str] = field(default_factory=dict)
    _value_names: frozenset[str] = frozenset()

    def copy(self) -> "ActiveContext":
        """Return a context that says the same and remembers nothing yet."""
        return ActiveContext(
            dict(self.terms),
            self.vocab,
            self.language,
            self.previous,
            names=self.names,
        )

    @property
    def aliases(self) -> Mapping[str, str]:
        """The names of `@id`, `@type` and `@value`."""
        if not self._aliases:
            self._aliases = {name: name for name in ("@id", "@type", "@value")}
            self._aliases |= {
                name: term.iri
                for name, term in self.terms.items()
                if term.iri in self._aliases
            }
        return self._aliases

    @property
    def value_names(self) -> frozenset[str]:
        """The names of `@value` alone."""
        if not self._value_names:
            self._value_names = frozenset(
                name for name, keyword in self.aliases.items() if keyword == "@value"
            )
        return self._value_names

    def member(self, name: str) -> "str | Meaning":
        """Return the keyword a member name stands for, or what it means.

        Raises:
            LinkedDataError: it means nothing.
            OutsideSubsetError: it means something beyond the subset.
        """
        found = self.members.get(name)
        if found is not None:
            return found
        iri = self.expand(name, vocab=True)
        term = self.terms.get(name, _PLAIN)
        if iri is None or (iri[0] != "@" and not is_iri(iri)):
            raise LinkedDataError(f"the term {name} is not defined by @context")
        if term.beyond:
            raise OutsideSubsetError(name)
        self.refuse_disguise(name, iri)
        found = iri if iri in KEYWORDS else (f"<{iri}>", term, self._suffix(term))
        if name in self.terms:
            self.members[name] = found
        return found

    def refuse_disguise(self, name: str, iri: str) -> None:
        """Refuse another name for what has one in the accepted contexts.

        The graph would be the same, so a proof would still hold, and whoever reads the
        JSON would not find the member: an end of validity, say, or a status.

        Raises:
            LinkedDataError: it is another name.
        """
        if name not in self.names.get(iri, (name,)):
            known = " or ".join(sorted(self.names[iri]))
            raise LinkedDataError(f"{name} is another name for {known}")

    def _suffix(self, term: Term) -> str | None:
        """Return what follows a text in its literal; None if it is no plain literal."""
        if term.has_scope or term.container - {"@set"}:
            return None
        if term.type is None or term.type == "@none":
            language = term.language if term.has_language else self.language
            if language is None:
                return ""
            return f"@{language}" if is_language(language) else None
        if term.type[0] == "@" or term.type == DOUBLE:
            return None
        return "" if term.type == _STRING else f"^^<{term.type}>"

    def expand(self, value: str, *, vocab: bool) -> str | None:
        """Return the IRI a text stands for, perhaps still relative; None for nothing.

        With `vocab` it may be a term; without, only an IRI, whole or compact.
        """
        if value[:1] == "@":
            if value in KEYWORDS:
                return value
            if _LIKE_A_KEYWORD.fullmatch(value):
                return None
        if vocab and (term := self.terms.get(value)) is not None:
            return term.iri
        whole = self._whole(value) if ":" in value[1:] else None
        if whole is None and vocab and self.vocab is not None:
            return self.vocab + value
        return whole or value

    def _whole(self, value: str) -> str | None:
        """Return the IRI a text with a colon stands for; None if for none."""
        prefix, _, suffix = value.partition(":")
        if prefix == "_" or suffix.startswith("//"):
            return value
        term = self.terms.get(prefix)
        if term is not None and term.iri is not None and term.prefix:
            return term.iri + suffix
        return value if is_iri(value) else None


_PLAIN = Term(None)

Meaning: TypeAlias = tuple[str, Term, str | None]
"""A predicate as N-Quads writes it, the term, and what follows a text that is its
value, if that is all there is to it: a language tag, a datatype or nothing."""


@dataclass(slots=True, eq=False)
class Vocabulary:
    """All that is needed to read a document as a graph."""

    contexts: Contexts
    budget: int | None = None
    """Steps for telling blank nodes apart; None for what is usual."""
    general: bool = True
    """The general processor may be used, which takes fifty times as long."""
    initial: ActiveContext = field(default_factory=ActiveContext)
    _local: dict[tuple[int, str], tuple[ActiveContext, ActiveContext]] = field(
        default_factory=dict
    )

    @property
    def kept(self) -> int:
        """How many contexts that documents brought are kept."""
        return len(self._local)

    def __post_init__(self) -> None:
        """Learn how the accepted contexts name what they define."""
        names = self.initial.names
        names |= {"@id": {"@id", "id"}, "@type": {"@type", "type"}}
        seen: set[int] = set()
        for url in self.contexts.urls:
            waiting = [self._processed(self.initial, url)]
            while waiting:
                context = waiting.pop()
                for name, term in context.terms.items():
                    if term.iri is not None:
                        names.setdefault(term.iri, set()).add(name)
                    if term.has_scope and id(term.scoped) not in seen:
                        seen.add(id(term.scoped))
                        inner = self._processed(context, term.scoped, override=True)
                        waiting.append(inner)
        # The older name of it is one that nobody reads in a proof.
        names[_EXPIRES] = {"expires"}

    def local(self, active: ActiveContext, stated: Any) -> ActiveContext:
        """Return the context that holds where a document states `@context`."""
        key = id(active), json.dumps(stated)
        if (found := self._local.get(key)) is not None:
            return found[1]
        made = self._processed(active, stated, strict=True)
        if len(self._local) >= _KEPT:
            self._local.clear()
        # `active` is kept so that nothing else can take its identity.
        self._local[key] = active, made
        return made

    def typed(
        self, active: ActiveContext, types: tuple[str, ...]
    ) -> tuple[ActiveContext, tuple[str, ...]]:
        """Return the context inside a node of these types, and their IRIs.

        Raises:
            LinkedDataError: a type that means nothing.
            OutsideSubsetError: one that is no IRI.
        """
        found = active.by_types.get(types)
        if found is None:
            iris = tuple(_type_iri(active, one) for one in types)
            inside = active
            for name in sorted(types):
                term = active.terms.get(name)
                if term is not None and term.has_scope:
                    inside = self._processed(inside, term.scoped, propagate=False)
            found = inside, iris
            if len(active.by_types) < _KEPT:
                active.by_types[types] = found
        return found

    def scoped(self, active: ActiveContext, term: Term) -> ActiveContext:
        """Return the context inside the value of a term."""
        if not term.has_scope:
            return active
        found = active.by_term.get(term)
        if found is None:
            found = self._processed(active, term.scoped, override=True)
            if len(active.by_term) < _KEPT:
                active.by_term[term] = found
        return found

    def _processed(
        self,
        active: ActiveContext,
        stated: Any,
        *,
        override: bool = False,
        propagate: bool = True,
        strict: bool = False,
    ) -> ActiveContext:
        result = active.copy()
        if not propagate and result.previous is None:
            result.previous = active
        for one in stated if isinstance(stated, list) else [stated]:
            if one is None:
                if not override and any(t.protected for t in result.terms.values()):
                    raise LinkedDataError("a context that takes back protected terms")
                previous = None if propagate else result
                result = ActiveContext(previous=previous, names=result.names)
            elif isinstance(one, str):
                inner = self.contexts[one].get("@context")
                kept = result.previous
                result = self._processed(result, inner, override=override)
                result.previous = kept
            elif isinstance(one, dict):
                # Some write a document that holds a context in its place.
                inner = one["@context"] if one.keys() == {"@context"} else one
                if not isinstance(inner, dict):
                    raise OutsideSubsetError("@context")
                _Definitions(result, inner, override, strict).create()
            else:
                raise LinkedDataError("a context that is neither an object nor a URL")
        return result


@dataclass(slots=True)
class _Definitions:
    """One local context on its way into an active one."""

    result: ActiveContext
    local: Mapping[str, Any]
    override: bool
    strict: bool
    """The document's own context, of which every part must be in the subset."""
    defined: dict[str, bool] = field(default_factory=dict)
    """True when done, False while being defined."""

    def create(self) -> None:
        """Define all terms of the local context."""
        local, result = self.local, self.result
        if local.get("@version", 1.1) != 1.1:  # noqa: PLR2004 - of JSON-LD
            raise LinkedDataError("a context of another @version than 1.1")
        for name in ("@base", "@direction", "@propagate", "@import"):
            if name in local:
                raise OutsideSubsetError(name)
        if "@vocab" in local:
            result.vocab = self._vocab(local["@vocab"])
        if "@language" in local:
            language = local["@language"]
            if language is not None and not isinstance(language, str):
                raise LinkedDataError("a context whose @language is not a text")
            result.language = language.lower() if language else None
        for name in local:
            if name not in ("@version", "@vocab", "@language", "@protected"):
                self._define(name)

    def _vocab(self, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise LinkedDataError("a context whose @vocab is not a text")
        iri = self.result.expand(value, vocab=True)
        if iri is None or not is_iri(iri):
            raise OutsideSubsetError("@vocab")
        return iri

    def _define(self, name: str) -> None:
        if name in self.defined:
            if not self.defined[name]:
                raise LinkedDataError(f"the term {name} is defined by itself")
            return
        if name in KEYWORDS or not name:
            raise OutsideSubsetError(name)
        if _LIKE_A_KEYWORD.fullmatch(name):
            return
        self.defined[name] = False
        previous = self.result.terms.pop(name, None)
        made = self._term(name, self.local[name])
        if self.strict and (made.beyond or made.has_scope):
            raise OutsideSubsetError(name)
        if previous is not None and previous.protected and not self.override:
            if not made.means(previous):
                raise LinkedDataError(f"the protected term {name} is redefined")
            made = previous
        self.result.terms[name] = made
        self.defined[name] = True

    def _term(self, name: str, stated: Any) -> Term:
        value = stated if isinstance(stated, dict) else {"@id": stated}
        if not isinstance(value.get("@id"), str | None):
            raise LinkedDataError(f"the term {name} has no IRI")
        protected = value.get("@protected", self.local.get("@protected", False))
        if value.keys() - _OF_A_TERM:
            # `@reverse`, `@nest`, `@index`, `@direction`: only if a document uses it.
            return Term("urn:beyond:", beyond=True, protected=protected is True)
        if "@id" in value and value["@id"] is None:
            return Term(None, protected=protected is True)
        iri = self._iri_of(name, value)
        container = value.get("@container")
        listed = container if isinstance(container, list) else [container]
        containers = frozenset(one for one in listed if isinstance(one, str))
        language = value.get("@language")
        if not isinstance(language, str | None):
            raise OutsideSubsetError(name)
        return Term(
            iri,
            type=self._type_of(name, value),
            container=containers,
            language=language.lower() if isinstance(language, str) else None,
            has_language="@language" in value,
            scoped=value.get("@context"),
            has_scope="@context" in value,
            protected=protected is True,
            prefix=_is_prefix(name, iri, stated),
            beyond=not containers <= _CONTAINERS or iri in _NO_ALIAS,
        )

    def _iri_of(self, name: str, value: Mapping[str, Any]) -> str:
        stated = value.get("@id", name)
        if stated != name:
            iri = self._expand(stated)
        elif ":" in name[1:]:
            iri = self._compact(name)
        elif self.result.vocab is not None:
            iri = self.result.vocab + name
        else:
            raise LinkedDataError(f"the term {name} has no IRI")
        if iri is None or not (iri in KEYWORDS or is_iri(iri)):
            raise OutsideSubsetError(name)
        if stated != name and (":" in name[1:-1] or "/" in name):
            raise OutsideSubsetError(name)
        return iri

    def _type_of(self, name: str, value: Mapping[str, Any]) -> str | None:
        stated = value.get("@type")
        if stated is None:
            return None
        iri = self._expand(stated) if isinstance(stated, str) else None
        if iri in ("@id", "@vocab", "@json", "@none") or (iri and is_iri(iri)):
            return iri
        raise LinkedDataError(f"the term {name} has a type that is no IRI")

    def _expand(self, value: str) -> str | None:
        """Expand a text by terms of which some may not be defined yet."""
        if value in self.local and value not in KEYWORDS:
            self._define(value)
        if ":" in value:
            return self._compact(value)
        return self.result.expand(value, vocab=True)

    def _compact(self, value: str) -> str | None:
        prefix, _, suffix = value.partition(":")
        if prefix in self.local and not suffix.startswith("//") and prefix != "_":
            self._define(prefix)
        return self.result.expand(value, vocab=True)


def _type_iri(active: ActiveContext, stated: Any) -> str:
    if not isinstance(stated, str):
        raise LinkedDataError("a type that is not a text")
    iri = active.expand(stated, vocab=True)
    if iri == "@json" or (iri and iri.startswith("_:")):
        raise OutsideSubsetError("a type of its own kind")
    if iri is not None:
        active.refuse_disguise(stated, iri)
    if iri is None or not is_iri(iri):
        raise LinkedDataError(
            f"the type {stated!r} is not an absolute IRI, nor a defined term"
        )
    return f"<{iri}>"


def _is_prefix(name: str, iri: str, stated: Any) -> bool:
    if isinstance(stated, dict):
        stated_prefix = stated.get("@prefix", False)
        if not isinstance(stated_prefix, bool) or (stated_prefix and iri[0] == "@"):
            raise OutsideSubsetError(name)
        return stated_prefix
    return ":" not in name and "/" not in name and iri.endswith(_GEN_DELIMS)
