"""What all tests share: how hard Hypothesis looks for counterexamples.

Two cores do the work of many, so no example has a deadline and the usual run is short;
`LRX_EXAMPLES=1000 pytest …` looks longer.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "lrx",
    deadline=None,
    max_examples=int(os.environ.get("LRX_EXAMPLES", "50")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("lrx")
