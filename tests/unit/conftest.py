"""Property tests that do not depend on how busy the machine is."""

import hypothesis

hypothesis.settings.register_profile(
    "schemata",
    deadline=None,
    max_examples=60,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much],
)
hypothesis.settings.load_profile("schemata")
