"""Who is in which test network, and where each one listens."""

from collections.abc import Callable

from node.demo.world import Member

PORT_BASE = 8100
CONTAINER_NET = "172.31.251"
"""First three numbers of the addresses in `docker-compose.yml`."""

_PURPOSES = ("recognition-assessment", "admission")
_CAST: tuple[tuple[str, str, dict[str, str], str, tuple[str, ...], str], ...] = (
    (
        "university-a",
        "uni-a.test",
        {"en": "Mihon University (test)", "ja": "見本大学（試験）"},
        "JP",
        ("source", "issuer", "requester"),
        "university",
    ),
    (
        "university-b",
        "uni-b.test",
        {"en": "Sample University Utrecht (test)"},
        "NL",
        ("source", "issuer", "requester"),
        "university",
    ),
    (
        "accreditor",
        "accreditor.test",
        {"en": "Accreditation Agency (test)", "ja": "認証評価機構（試験）"},
        "JP",
        ("accreditor",),
        "accreditor",
    ),
    (
        "authority",
        "authority.test",
        {"en": "Recognition Authority (test)"},
        "NL",
        ("requester", "recognition-authority"),
        "authority",
    ),
    (
        "employer",
        "employer.test",
        {"en": "Example Employer (test)", "ja": "株式会社例示（試験）"},
        "JP",
        ("requester",),
        "employer",
    ),
    (
        "stranger",
        "stranger.test",
        {"en": "A stranger (test)"},
        "JP",
        ("requester",),
        "stranger",
    ),
)

Place = Callable[[int], tuple[str, str, str, str]]
"""From the number of a node: reached at, listens at, portal listens at, portal is."""


def _members(place: Place) -> tuple[Member, ...]:
    members = []
    for number, (key, domain, name, country, roles, kind) in enumerate(_CAST, 1):
        reached, listen, portal, origin = place(number)
        members.append(
            Member(
                key,
                domain,
                name,
                country,
                roles,
                ("JP-APPI",) if country == "JP" else ("EU-GDPR",),
                kind,
                reached,
                listen,
                portal,
                origin,
                _PURPOSES,
            )
        )
    return tuple(members)


def loopback(port_base: int = PORT_BASE) -> tuple[Member, ...]:
    """Return the cast of the demo as processes on this machine."""

    def place(number: int) -> tuple[str, str, str, str]:
        listen = f"127.0.0.1:{port_base + number}"
        portal = f"127.0.0.1:{port_base + 80 + number}"
        return listen, listen, portal, f"http://localhost:{port_base + 80 + number}"

    return _members(place)


def containers() -> tuple[Member, ...]:
    """Return the cast of the demo as containers with the addresses of the compose file.

    The stranger has no container: it lives in the one that tells the story.
    """

    def place(number: int) -> tuple[str, str, str, str]:
        last = 21 if number == len(_CAST) else 10 + number
        reached = f"{CONTAINER_NET}.{last}:8443"
        return (
            reached,
            "0.0.0.0:8443",
            "0.0.0.0:8080",
            f"http://localhost:{8180 + number}",
        )

    return _members(place)
