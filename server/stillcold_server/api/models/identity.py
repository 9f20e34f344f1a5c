"""Gateways' keys and certificates."""

from typing import Annotated, Literal

from pydantic import Field

from stillcold_server.api.models.base import Answer, Request
from stillcold_server.api.moments import Moment


class EnrolmentRequest(Request):
    """A gateway's request for a certificate."""

    request: Annotated[str, Field(max_length=8192, description="PKCS #10 in PEM")]
    mac: Annotated[str, Field(max_length=64, description="HMAC by the one-time code, hexadecimal")] = ""


class EnrolmentAnswer(Answer):
    """What has become of it."""

    state: Literal["waiting", "approved", "refused", "revoked"]
    certificate: str = Field(description="PEM, followed by what leads to the root; empty unless approved")
    root: str = Field(description="PEM of what is to be trusted; empty unless approved")
    mac: str = Field(description="HMAC by the one-time code over all of this; empty without one")


class Enrolment(Answer):
    """A gateway that waits for an officer."""

    id: int
    gateway: str
    fingerprint: str = Field(description="what the installer must read on the gateway")
    asked_at: Moment
    replaces: bool = Field(description="whether the gateway would lose the identity that it has")


class GatewayIdentity(Answer):
    """What is believed of a gateway."""

    gateway: str
    state: Literal["approved", "revoked", "registered", "none"] = Field(
        description="registered: its key came with the registry; none: it has no key yet"
    )
    expires_at: Moment | None = Field(description="end of its newest certificate")
    decided_at: Moment | None
    decided_by: str
    reason: str
    invited_until: Moment | None = Field(description="while a one-time code for it can be used")


class Invitation(Answer):
    """A one-time code to hand to the installer; it is kept nowhere."""

    gateway: str
    code: str
