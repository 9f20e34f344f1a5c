"""The keys that gateways' signatures are believed with."""

from sqlalchemy import Connection, select

from stillcold_core.evidence.envelope import BadEnvelope
from stillcold_core.evidence.keys import PublicKey, parse_public_key
from stillcold_server.identity.enrolments import revoked_keys
from stillcold_server.store import schema


class Keys:
    """Keys of the registered gateways, as they are now.

    Parameters
    ----------
    connection : Connection
        Of the database.
    only : str, optional
        The one gateway that is asked for.
    """

    def __init__(self, connection: Connection, only: str | None = None) -> None:
        g = schema.gateway.c
        wanted = select(g.id, g.public_key)
        found = connection.execute(wanted if only is None else wanted.where(g.id == only))
        self._keys = {row.id: row.public_key for row in found}
        self._revoked = revoked_keys(connection)

    def __contains__(self, gateway: str) -> bool:
        """Whether it is registered, with a key or without."""
        return gateway in self._keys

    def of(self, gateway: str) -> PublicKey | None:
        """The public key of a gateway, or None for one that has none.

        Raises
        ------
        BadEnvelope
            ``revoked``, when it is not believed any more.
        """
        key = self._keys.get(gateway, "")
        if key in self._revoked:
            raise BadEnvelope("revoked")
        return parse_public_key(key) if key else None
