"""`lrx init`: five questions, then a node that starts."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from node.cli import health
from node.cli.common import UsageError, say
from node.founding import FoundingError, Plan, create_node
from node.settings import load

_NGINX = """\
# Ends TLS for {domain} and hands both doors of the node on.
server {{
    listen 443 ssl;
    server_name {domain};
    ssl_certificate     /etc/ssl/{domain}/fullchain.pem;
    ssl_certificate_key /etc/ssl/{domain}/privkey.pem;
    client_max_body_size 300k;

    # Peers and the public: the path must arrive as it was signed.
    location ~ ^/(lrx|\\.well-known|status|log|health|openapi\\.json) {{
        proxy_pass http://{listen};
        proxy_set_header Host $host;
        proxy_set_header Accept-Encoding "";
    }}
    # The portal; imports may be large.
    location / {{
        client_max_body_size 64m;
        proxy_pass http://{portal};
        proxy_set_header Host $host;
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


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx init`."""
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    parser.add_argument("--domain", help="for example registry.uni-a.example")
    parser.add_argument("--name", help="as learners and peers see it")
    parser.add_argument("--country", help="ISO 3166-1 alpha-2, for example JP")
    parser.add_argument("--roles", help="source,issuer,requester,…")
    parser.add_argument("--contact", help="mail address of the operators")
    parser.set_defaults(command=init)


async def init(arguments: Namespace) -> int:
    """Ask what was not given, make the node, print what a server needs, run doctor."""
    if not arguments.domain and not sys.stdin.isatty():
        raise UsageError("nobody is here to be asked: give at least --domain")
    domain = _answer(arguments.domain, "Domain of the node", "registry.uni-a.example")
    name = _answer(arguments.name, "Name of the institution", "University A")
    country = _answer(arguments.country, "Country (two letters)", "JP").upper()
    roles = _answer(
        arguments.roles,
        "Roles (source, issuer, requester, recognition-authority, accreditor)",
        "source,issuer",
    )
    contact = _answer(arguments.contact, "Mail of the operators", f"lrx@{domain}")
    regime = "JP-APPI" if country == "JP" else "EU-GDPR"
    home: Path = arguments.folder
    plan = Plan(
        domain,
        {"en": name},
        country,
        tuple(role.strip() for role in roles.split(",")),
        contact if contact.startswith("mailto:") else f"mailto:{contact}",
        name,
        (regime,),
        {"portal_origin": f"https://{domain}"},
    )
    try:
        file = create_node(home, plan)
    except FoundingError as error:
        raise UsageError(str(error)) from error
    settings = load(file)
    values = {
        "domain": domain,
        "listen": settings.listen,
        "portal": settings.portal_listen,
        "home": home.resolve(),
        "config": file.resolve(),
        "executable": Path(sys.argv[0]).resolve(),
    }
    (home / "nginx.conf").write_text(_NGINX.format(**values), encoding="utf-8")
    (home / "lrx.service").write_text(_UNIT.format(**values), encoding="utf-8")
    say(
        f"Your DID is {settings.did}",
        f"Settings:      {file}",
        f"Reverse proxy: {home / 'nginx.conf'}",
        f"Service:       {home / 'lrx.service'}",
        f"Move update.json and next.json from {home / 'keys'} to a safe place offline.",
        "",
    )
    return await health.report(settings, as_json=False)


def _answer(given: str | None, question: str, proposal: str) -> str:
    if given:
        return given
    if not sys.stdin.isatty():
        return proposal
    try:
        return input(f"{question} [{proposal}]: ").strip() or proposal
    except EOFError:
        return proposal
