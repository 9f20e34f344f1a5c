"""When a certificate is renewed."""

from datetime import datetime

from cryptography import x509

_LEFT = 1 / 3  # of its life


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether a third of its life or less is left."""
    ends = certificate.not_valid_after_utc
    return ends - now <= (ends - certificate.not_valid_before_utc) * _LEFT
