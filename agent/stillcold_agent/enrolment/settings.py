"""Settings of the enrolment."""

from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from stillcold_core.files import TomlFile

_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """Host and port of the web service."""

    host: str
    port: int


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where this gateway asks for its certificate, at first and to renew it."""

    url: Annotated[str, Meta(max_length=1000)] = ""
    """Address of the server's web service; empty: certificates are carried by hand."""

    @property
    def address(self) -> Address | None:
        """Host and port of the address; None where there is none.

        Raises
        ------
        ValueError
            When it is no address of the web.
        """
        if not self.url:
            return None
        parts = urlsplit(self.url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError
        return Address(parts.hostname, parts.port or _PORTS[parts.scheme])


def check_enrolment(file: TomlFile, enrolment: Enrolment, cert_file: str) -> None:
    """See that it can be used.

    Raises
    ------
    BadFile
        When the address is none, or there is no place for a certificate.
    """
    try:
        address = enrolment.address
    except ValueError:
        raise file.bad(["enrolment", "url"], "expected an address, e.g. https://stillcold.example.org") from None
    if address and not cert_file:
        raise file.bad(["mqtt", "cert_file"], "missing; enrolment.url needs it")
