"""The console's menu."""

import re

import pytest

from stillcold_server.console.navigation import GROUPS
from stillcold_server.people.accounts import Account
from stillcold_server.people.rights import ROLES, Role
from support.web import Web


@pytest.mark.requirement("console.menu")
@pytest.mark.parametrize("role", ROLES)
def test_the_menu_holds_what_a_role_may_open_and_nothing_else(web: Web, role: Role) -> None:
    """Every entry opens, with itself marked; on a phone the few that a thumb must reach stand below."""
    client = web.browser(role)
    first = client.get("/").headers["location"]
    account = Account(role, (role,), must_change=False)
    entries = [e for group in GROUPS.values() for e in group]
    allowed = [e.path for e in entries if account.may(*e.needs)]
    assert first == next(path for path in allowed if path != "/settings")
    text = client.get("/password").text
    side, _, below = text.partition('class="thumbs"')
    assert re.findall(r'<li><a href="(/[^"]*)"', side.partition('id="menu"')[2].partition("</nav>")[0]) == allowed
    assert re.findall(r'<a href="(/[^"]*)"', below) == [e.path for e in entries if e.thumb and e.path in allowed]
    for entry in entries:
        answer = client.get(entry.path)
        assert answer.status_code == (200 if entry.path in allowed else 403)
        if answer.status_code == 403:
            assert '<p><a href="/">' in answer.text, "it leads to where the account may go"
        else:
            assert f'<a href="{entry.path}" aria-current="page">' in answer.text


@pytest.mark.requirement("console.menu")
def test_the_menu_of_who_is_limited_to_a_district_holds_what_opens(web: Web) -> None:
    """What is not divided by districts stands in no menu of theirs, and says why it does not open."""
    web.user("lead", "district_lead", "kuancheng")
    client = web.client()
    web.enter(client, "lead")
    side = client.get("/password").text.partition('id="menu"')[2].partition("</nav>")[0]
    paths = re.findall(r'<li><a href="(/[^"]*)"', side)
    assert [p for p in paths if client.get(p).status_code != 200] == []
    assert "/ledger/import" not in paths
    assert "仅限部分区县" in client.get("/ledger/import").text
    assert "/duty/policy" not in client.get("/duty").text
