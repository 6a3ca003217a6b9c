"""Settings for all tests."""

from hypothesis import settings

# No assertion on time: how long an example takes depends on what else the machine does. All else
# stays as hypothesis has chosen it (on a continuous integration machine: the same examples always).
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")
