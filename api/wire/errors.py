"""The root of the errors that a client of the service raises, and the errors about a body that it received.

ClientError              its message says what happened, to what, and what to do next
  x AddressError         the URL is not the address of a service (`api.client.errors`)
  x ServiceError         the service refused the request; a retry would not help (`api.client.errors`)
  x ServiceUnavailable   no whole answer came within the client's patience (`api.client.errors`)
  x WireError            a body is cut, damaged or reordered, or answers another request
    - WireVersionError   the service uses another version of the format; a retry would not help
"""

from __future__ import annotations


class ClientError(Exception):
    """The root: its message says what happened, to what, and what to do next."""


class WireError(ClientError):
    """A body is cut, damaged or reordered, or answers another request."""


class WireVersionError(WireError):
    """The service uses another version of the format; a retry would not help."""

    def __init__(self, version: str, expected: str) -> None:
        self.version = version
        super().__init__(
            f"The service sends version {version} of the triplet format, but this client reads version {expected}. "
            "Install the same version of affinity-graph on both sides."
        )
