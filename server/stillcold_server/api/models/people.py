"""Accounts and logins."""

from typing import Annotated

from pydantic import Field

from stillcold_server.api.models.base import Answer, Request
from stillcold_server.api.moments import Moment
from stillcold_server.people.rights import Role


class Login(Request):
    """Name and password."""

    name: Annotated[str, Field(max_length=200)]
    password: Annotated[str, Field(max_length=1000)]
    code: Annotated[str, Field(max_length=40)] = Field(
        default="", description="of the second factor, or a recovery code, where the account has one"
    )


class Token(Answer):
    """A session."""

    token: str = Field(description="send it as `Authorization: Bearer <token>`")
    expires_at: Moment
    roles: list[Role]
    must_change: bool = Field(description="only POST /password and /logout are open until the password is changed")


class Code(Request):
    """A code of the second factor."""

    code: Annotated[str, Field(max_length=40)]


class NewFactor(Answer):
    """A second factor that is not confirmed yet."""

    secret: str = Field(description="base32; kept sealed, and not shown again")
    uri: str = Field(description="`otpauth://`, for a QR code")


class RecoveryCodes(Answer):
    """Each is good for one login."""

    recovery_codes: list[str]


class OwnSession(Answer):
    """A session of one's own that goes on."""

    id: str
    device: str = Field(description="as the browser or program calls itself, which proves nothing")
    address: str
    created_at: Moment
    seen_at: Moment = Field(description="to the minute")
    expires_at: Moment
    current: bool = Field(description="the one that asks")


class PasswordChange(Request):
    """The present password and a new one."""

    old: Annotated[str, Field(max_length=1000)]
    new: Annotated[str, Field(max_length=1000)]


IdText = Annotated[str, Field(min_length=1, max_length=256)]
Roles = Annotated[list[Role], Field(max_length=20)]


class Rights(Request):
    """What an account may do."""

    roles: Roles
    districts: Annotated[list[IdText] | None, Field(max_length=1000)] = Field(
        default=None, description="ids of the districts that the account is limited to; null for all"
    )


class NewUser(Rights):
    """An account to make."""

    name: Annotated[str, Field(max_length=200)]


class User(Answer):
    """An account."""

    name: str
    roles: list[Role]
    districts: list[str] | None
    must_change: bool
    disabled: bool
    created_at: Moment


class OneTimePassword(Answer):
    """A password to hand over; it must be changed at the first login and is kept nowhere."""

    name: str
    one_time_password: str
