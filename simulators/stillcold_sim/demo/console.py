"""The demo's hands on the server's REST API."""

import secrets
from typing import Any

import httpx

USER = "demo"
USERS = {USER: ["district_lead", "inspector", "system_admin"], "auditor": ["audit_admin"]}
"""Accounts that the demo makes beside ``admin``, who manages them, with their roles."""


class Console:
    """A logged-in program.

    Parameters
    ----------
    port : int
        Where the server listens, on loopback.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = url = f"http://127.0.0.1:{port}"
        self.password = ""
        self._http = httpx.Client(base_url=url, timeout=10)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def up(self) -> bool:
        """Whether the server answers."""
        try:
            return self._http.get("/healthz").is_success
        except httpx.TransportError:
            return False

    def first_login(self, one_time: str) -> None:
        """Change the first administrator's one-time password, as a person must, and make the accounts of :data:`USERS`.

        The program goes on as :data:`USER`; every account has the same password.
        """
        self.password = secrets.token_urlsafe(12)
        self._enter("admin", one_time)
        given = {
            name: self._post("/api/v1/users", {"name": name, "roles": roles})["one_time_password"]
            for name, roles in USERS.items()
        }
        for name, password in given.items():
            self._enter(name, password)
        self._log_in(USER, self.password)

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert, with its deliveries."""
        answer = self._http.get("/api/v1/alerts", params={"limit": 500})
        answer.raise_for_status()
        found = answer.json()
        return [self._alert(a["id"]) for a in found]

    def lines(self) -> dict[str, str]:
        """Condition by line."""
        answer = self._http.get("/api/v1/lines")
        answer.raise_for_status()
        return {line["id"]: line["condition"] for line in answer.json()}

    def behind(self) -> int:
        """Batches that the server has stored and not yet judged."""
        answer = self._http.get("/api/v1/health")
        answer.raise_for_status()
        return sum(follower["behind"] for follower in answer.json()["followers"])

    def invite(self, gateway: str) -> str:
        """A one-time code for a gateway."""
        return str(self._post(f"/api/v1/identities/{gateway}/invite", {})["code"])

    def enrol(self, request: str, mac: str) -> dict[str, Any]:
        """What becomes of a gateway's request."""
        return self._post("/api/v1/enrolment", {"request": request, "mac": mac})

    def approve(self, gateway: str) -> None:
        """Believe a gateway that waits; nobody compares a fingerprint here."""
        answer = self._http.get("/api/v1/enrolments")
        answer.raise_for_status()
        (number,) = (e["id"] for e in answer.json() if e["gateway"] == gateway)
        self._post(f"/api/v1/enrolments/{number}/approve", {})

    def _alert(self, alert: str) -> dict[str, Any]:
        answer = self._http.get(f"/api/v1/alerts/{alert}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _enter(self, name: str, one_time: str) -> None:
        self._log_in(name, one_time)
        self._post("/api/v1/password", {"old": one_time, "new": self.password})
        self._log_in(name, self.password)

    def _log_in(self, name: str, password: str) -> None:
        token = self._post("/api/v1/login", {"name": name, "password": password})["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else {}
