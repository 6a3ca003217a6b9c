"""The one place that states the versions: Whirlwind's, which the build reads, and its API's."""

VERSION = "0.1.0"

#: The Tornado whose API this is; programs written for it ask ``tornado.version_info >= (6, 5)``.
API_VERSION = "6.6.1"
#: Major, minor, patch, and 0 for a release (below it: -99 and up for betas).
API_VERSION_INFO = (6, 6, 1, 0)
