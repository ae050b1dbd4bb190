"""Property tests that do not depend on how busy the machine is, nor, in CI, on luck."""

import os

import hypothesis

hypothesis.settings.register_profile(
    "schemata",
    deadline=None,
    max_examples=60,
    # A gate must give the same answer twice; new examples are for the runs of developers.
    derandomize="CI" in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much],
)
hypothesis.settings.load_profile("schemata")
