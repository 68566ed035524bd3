"""`lrx init`: five questions, then a node that starts."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from node.cli import health
from node.cli.common import UsageError, about, language, say, words
from node.founding import FoundingError, Plan, create_node
from node.jurisdictions import law, regimes
from node.settings import Settings, load

_NGINX = """\
# Ends TLS for {domain} and hands both doors of the node on.
server {{
    listen 443 ssl;
    server_name {domain};
    ssl_certificate     /etc/ssl/{domain}/fullchain.pem;
    ssl_certificate_key /etc/ssl/{domain}/privkey.pem;
    client_max_body_size 300k;
    # Connections that fall silent are given up.
    client_header_timeout 10s;
    client_body_timeout   20s;
    send_timeout          20s;
    keepalive_timeout     60s;
    # X-Forwarded-For below: whoever calls, and nobody they say they call for. The node
    # believes it of the addresses in trusted_proxies.

    # Peers and the public: the path must arrive as it was signed.
    location ~ ^/(lrx|\\.well-known|status|log|health|openapi\\.json) {{
        proxy_pass http://{listen};
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header Accept-Encoding "";
    }}
    # The portal; imports may be large.
    location / {{
        client_max_body_size 64m;
        proxy_pass http://{portal};
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
    }}
}}
"""
_UNIT = """\
[Unit]
Description=Learner record exchange node of {domain}
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={executable} --config {config} serve
User=lrx
Restart=on-failure
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ReadWritePaths={home}
LimitCORE=0

[Install]
WantedBy=multi-user.target
"""


_OTHER_CODES = {"UK": "GB", "EL": "GR"}
"""What is written for a country elsewhere, and its code of ISO 3166-1."""


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx init`."""
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    for name in ("domain", "name", "country", "roles", "contact"):
        parser.add_argument(f"--{name}", help=about(f"init-{name}"))
    parser.set_defaults(command=init)


async def init(arguments: Namespace) -> int:
    """Ask what was not given, make the node, print what a server needs, run doctor."""
    home: Path = arguments.folder
    plan = _plan(arguments)
    try:
        file = create_node(home, plan)
    except FoundingError as error:
        raise UsageError(str(error)) from error
    settings = load(file)
    values = {
        "domain": plan.domain,
        "listen": settings.listen,
        "portal": settings.portal_listen,
        "home": home.resolve(),
        "config": file.resolve(),
        "executable": Path(sys.argv[0]).resolve(),
    }
    (home / "nginx.conf").write_text(_NGINX.format(**values), encoding="utf-8")
    (home / "lrx.service").write_text(_UNIT.format(**values), encoding="utf-8")
    say(
        words("init.did", did=settings.did),
        words("init.settings", file=file),
        words("init.proxy", file=home / "nginx.conf"),
        words("init.service", file=home / "lrx.service"),
        words("init.offline", folder=home / "keys"),
        _law(settings),
        "",
    )
    return await health.report(settings, as_json=False)


def _plan(arguments: Namespace) -> Plan:
    """Ask for what was not given.

    Raises:
        UsageError: nobody is here to be asked for what has no proposal.
    """
    nobody = not sys.stdin.isatty()
    if nobody and not (arguments.domain and arguments.country):
        raise UsageError(words("init.nobody"))
    domain = _answer(arguments.domain, "domain", "registry.uni-a.example")
    name = _answer(arguments.name, "name", "University A")
    country = _country(arguments.country)
    roles = _answer(arguments.roles, "roles", "source,issuer")
    contact = _answer(arguments.contact, "contact", f"lrx@{domain}")
    return Plan(
        domain,
        {"en": name},
        country,
        tuple(role.strip() for role in roles.split(",")),
        contact if contact.startswith("mailto:") else f"mailto:{contact}",
        name,
        regimes(country),
        {
            "portal_origin": f"https://{domain}",
            # The proxy printed below, on the same machine.
            "trusted_proxies": ["127.0.0.1", "::1"],
        },
    )


def _country(given: str | None) -> str:
    """Return a country's code; which law applies follows from it, so none is guessed.

    Raises:
        UsageError: a code that stands for a country elsewhere.
    """
    country = given
    while not country:
        country = _answer(None, "country", "JP" if language() == "ja" else "")
    country = country.upper()
    if country in _OTHER_CODES:
        right = _OTHER_CODES[country]
        raise UsageError(words("init.other-code", given=country, right=right))
    return country


def _law(settings: Settings) -> str:
    country = settings.country
    known = [p.id for p in law() if country in p.jurisdictions]
    if known:
        return words("init.law", country=country, packs=", ".join(known))
    return words(
        "init.no-law", country=country, folder=settings.path(settings.law_packs)
    )


def _answer(given: str | None, question: str, proposal: str) -> str:
    if given:
        return given
    if not sys.stdin.isatty():
        return proposal
    asked = words(f"init.ask-{question}")
    try:
        return input(f"{asked} [{proposal}]: ").strip() or proposal
    except EOFError:
        raise UsageError(words("init.nobody")) from None
