"""The console's pages, by what they are about."""

from stillcold_server.console.routes import (
    account,
    alarms,
    alerts,
    audit,
    calls,
    duty,
    gateways,
    jobs,
    ledger,
    line_ledger,
    lines,
    security,
    settings,
    system,
    users,
    verification,
)

ROUTERS = (
    account.router,
    alerts.router,
    alarms.router,
    lines.router,
    ledger.router,
    line_ledger.router,
    gateways.router,
    settings.router,
    system.router,
    jobs.router,
    users.router,
    audit.router,
    verification.router,
    security.router,
    duty.router,
    calls.router,
)
