"""The console's words, in both languages."""

import re
from pathlib import Path
from typing import get_args

import pytest

from stillcold_agent.counts import REASONS as TROUBLES
from stillcold_core import detect
from stillcold_core.detect.presence import Condition
from stillcold_core.life import TERMS, Stage
from stillcold_core.proof.day import BEFORE_SEALING, DOUBTFUL, NO_BATCH, NO_POINT, SILENT
from stillcold_core.proof.records import NO_SAMPLE
from stillcold_core.proof.sealing import CONDITIONS, NOT_READ, Result, Why
from stillcold_core.quantities import QUANTITIES
from stillcold_core.readings import Absence
from stillcold_core.registry import Measure, Role, SealState
from stillcold_server.alerts.claims import CHANNEL_REMOVED
from stillcold_server.alerts.pipeline import HIDES, SHOWS
from stillcold_server.alerts.stages import FLAGS, SEVERITIES, STAGES
from stillcold_server.api.models.alerts import AlertState, DeliveryState
from stillcold_server.api.models.duty import ChangeAnswer, TryAnswer, UnreachableAnswer
from stillcold_server.api.models.jobs import JobRun
from stillcold_server.api.models.performance import AlarmPerformance
from stillcold_server.api.read.performance import RECOMMENDED
from stillcold_server.console.navigation import GROUPS
from stillcold_server.duty.roster import DAYS
from stillcold_server.jobs.table import JOBS
from stillcold_server.language.texts import LANGUAGES, Language, load_texts
from stillcold_server.language.told import named, what
from stillcold_server.people.rights import ROLES
from stillcold_server.registry.deadlines import DeadlineKind
from stillcold_server.registry.kinds import KINDS as TABLES
from stillcold_server.registry.life import STEPS
from stillcold_server.store.refusals import REASONS
from support.found import EVIDENCE, REASON, Found

ROOT = Path(__file__).parents[2] / "server"
SERVER = ROOT / "stillcold_server"
DETECT = Path(detect.__file__).parent


def _used() -> tuple[set[str], set[str]]:
    """Keys that the code names as a whole, and prefixes to which it adds a word from data."""
    files = [
        f
        for room in ("console", "language", "alerts", "verification")
        for f in (SERVER / room).rglob("*.*")
        if f.suffix in (".py", ".html")
    ]
    text = "\n".join(f.read_text(encoding="utf-8") for f in files)
    # t("alerts.title"), texts.known("kind." ~ x), texts(f"{table}.second")
    whole = set(re.findall(r"""(?:\bt|texts)(?:\.known)?\(["']([a-z_]+\.[a-z_]+)["'][,)]""", text))
    begun = set(re.findall(r"""(?:\bt|texts)(?:\.known|\.fitting)?\(f?["']([a-z_]+\.)(?:["']\s*~|\{)""", text))
    groups = {f"{g}." for g in re.findall(r"""t\.group\(["']([a-z_]+)["']\)""", text)}
    return whole, begun | groups | {"age.", "duration."}  # words.length takes the table as a value


KINDS = (
    *(f"restart.{k}" for k in ("energy", "power", "current", "voltage", "water", "seal")),
    *(f"furnace.{k}" for k in ("induction", "line_frequency")),
    *(
        f"tamper.{k}"
        for k in ("frozen", "rollback", "replay", "ct", "ratio", "balance", "meter_changed", "genset", "clock", "clone")
    ),
    *("silence.gateway", "silence.point", "quality.outage"),
)
"""Of the design's list, those that something says."""
WEIGHTS = {
    w
    for f in (*DETECT.glob("weigh*.py"), DETECT / "hours.py")
    for w in re.findall(r'["(]([a-z]+(?:_[a-z]+)*)"(?:,|: | \]|\])', f.read_text())
}
EMITTED = {
    name
    for found in EVIDENCE.values()
    for evidence in found
    for n in evidence
    if not n.startswith(("heat_", "weight_"))
    for name in [re.sub(r"_l[123]$|_before$|_last$", "", n)]
}
LEDGER_PROBLEMS = [
    "unknown_line",
    "unknown_seal",
    "unknown_permit",
    "unknown_document",
    "wrong_stage",
    "in_future",
    "too_early",
    "unknown_point",
    "known_meter",
    "expiry",
    "missing_document",
    "no_standard",
    "known_standard",
    "no_extension",
    "already_extended",
    "over_extension",
    "term_over",
    "term_runs",
    "no_measures",
    "no_deadline",
    "no_certificate",
    "no_seal",
    "no_ground",
    "known_seal",
    "ended",
    "no_replacement",
    "period",
    "known_permit",
    "decided",
    "own_request",
    "permit_over",
    "empty",
    "too_large",
    "media_type",
]
CONTACTS = ("seal_closed", "door_closed", "breaker_closed")
FROM_DATA: dict[str, tuple[str, ...]] = {
    "kind.": KINDS,
    "short.": KINDS,
    "what.": KINDS,
    "check.": KINDS,
    "weight.": tuple(WEIGHTS),
    "contact.": tuple(f"{c}_{n}" for c in CONTACTS for n in (0, 1)),
    "expected.": tuple(load_texts()["en"].group("expected")),
    "officers_by.": get_args(AlarmPerformance.model_fields["officers_by"].annotation),
    "severity.": SEVERITIES,
    "state.": get_args(AlertState),
    "condition.": (*get_args(Condition), *(f"{c}_long" for c in get_args(Condition))),
    "line_state.": ("sealed", "permitted"),
    "measure.": get_args(Measure),
    "role.": (*ROLES, *get_args(Role)),
    "transition.": (
        *("raise", "acknowledge", "end", "reset"),
        *HIDES.values(),
        *SHOWS.values(),
        *(s.name for s in STAGES if s.flag is None),
    ),
    "flag.": ("none", *FLAGS),
    "family.": ("restart", "furnace", "tamper", "silence", "quality"),
    "mark.": tuple(RECOMMENDED),
    "stage.": tuple(s.name for s in STAGES),
    "held.": tuple(reason for s in STAGES for reason in s.reasons),
    "actor.": ("system",),
    "delivery.": get_args(DeliveryState),
    "skipped.": ("joined_incident", "permit", "acknowledged", "nobody_on_duty", "no_contact", CHANNEL_REMOVED),
    "level.": ("first", "second", "supervisor"),
    "weekday.": tuple(map(str, range(1, 8))),
    "days.": DAYS,
    "gap.": ("absent", "nobody", "no_shift"),
    "unreachable.": get_args(UnreachableAnswer.model_fields["reason"].annotation),
    "swap_state.": get_args(ChangeAnswer.model_fields["state"].annotation),
    "try.": get_args(TryAnswer.model_fields["outcome"].annotation),
    "job.": tuple(JOBS),
    "job_state.": get_args(JobRun.model_fields["state"].annotation),
    "identity.": ("approved", "revoked", "registered", "none"),
    "gateway_status.": ("online", "offline"),
    "follower.": ("detection", "rollup", "mirror"),
    "refused.": REASONS,
    "trouble.": TROUBLES,
    "chain_note.": ("gap", "lost", "unwritten", "fork", "broken", "clock"),
    "paper.": (
        *("condition", "result", "limit", "worst", "time", "point", "batch", "cause", "length", "samples", "gateway"),
        *("first_batch", "last_batch", "figure", "value", "largest_current", "largest_power"),
    ),
    "verification.": (
        *get_args(Result),
        *(f"{r}_long" for r in get_args(Result) if r != "not_applicable"),
        *(f"of_{c}" for c in CONDITIONS),
        *("decided", "abandoned"),
    ),
    "why.": get_args(Why),
    "cause.": (
        *(a.value for a in Absence),
        *(NO_SAMPLE, NOT_READ, NO_BATCH, SILENT, DOUBTFUL, BEFORE_SEALING, NO_POINT),
    ),
    "calendar.": (
        *("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
        *(f"{w}_{c}" for w in ("mark", "key") for c in get_args(Condition)),
    ),
    "checked.": tuple(f"{s}{long}" for s in ("valid", "superseded", "unknown") for long in ("", "_long")),
    "life.": ("none", *get_args(Stage)),
    "step.": tuple(STEPS),
    "ground.": ("report_restart", "open_case"),
    "standard.": tuple(TERMS),
    "document_role.": tuple({role for step in STEPS.values() for role in (*step.documents, *step.optional)}),
    "optional.": tuple({role for step in STEPS.values() for role in step.optional}),
    "seal_state.": get_args(SealState),
    "permit_verb.": ("approve", "refuse", "withdraw"),
    "permit_state.": ("asked", "approved", "refused", "withdrawn"),
    "deadline.": get_args(DeadlineKind),
    "changed_by.": ("edit", "import", "step", "permit", "enrolment"),
    "table.": tuple(TABLES),
    "field.": tuple({name for kind in TABLES.values() for name in kind.fields}),
    "nav.": tuple(entry.word for entries in GROUPS.values() for entry in entries),
    "menu.": tuple(GROUPS),
    "settings.": ("low", "middle", "high"),
    "absence.": (*Absence, "no_data"),
    "sound.": ("on", "blocked", "silent"),
    "keys.": ("title", "next", "previous", "open", "acknowledge", "shelve", "help", "enabled", "close"),
    "age.": ("now", "second", "minute", "hour", "day"),
    "duration.": ("second", "minute", "minutes", "hour", "hours", "day"),
    "login.": ("bad_login", "throttled"),
    "password.": ("differ", "wrong_password", "unchanged", "short", "long", "simple", "like_name", "common"),
    "problem.": (
        "no_key",
        "already_running",
        "still_running",
        "abandoned",
        "not_running",
        "no_point",
        "roster",
        "policy",
        "calendar",
        "no_shift",
        "on_already",
        "decided",
        "period",
        "signed_already",
        "same_person",
        "channel",
        "subscription",
        "unknown_contact",
        "no_code",
        "often",
        "limited",
        "bad_login",
        "many",
        "not_found",
        "role",
        "cross_site",
        "invalid",
        "exists",
        "name",
        "last_admin",
        "apart",
        "wrong_code",
        "no_factor",
        "confirmed",
        "throttled",
        "district",
        "unlimited",
        "unknown_user",
        "code",
        "unknown_gateway",
        "not_waiting",
        "revoked_key",
        "key_in_use",
        "already_revoked",
        "no_authority",
        "authority",
        *LEDGER_PROBLEMS,
        *("hidden", "not_shelved", "in_service", "past", "too_long"),
        "busy",
        "internal",
    ),
    "evidence.": ("and", "before", "last", *EMITTED),
    "chart.": (
        "current",
        "voltage",
        "power",
        "l1",
        "l2",
        "l3",
        "total",
        "began",
        "detected",
        "ended",
        "limit",
        "loading",
        "empty",
        "failed",
        "periods",
        "powers",
        "thd",
        "frequency",
        "energy",
        "flow",
        "volume",
        "contacts",
        *CONTACTS,
    ),
}


@pytest.mark.requirement("console.languages")
def test_both_languages_have_the_same_words_and_every_word_is_used() -> None:
    """A word that data names has an entry for everything that the data can be."""
    texts = load_texts()
    zh, en = (set(texts[language].words) for language in ("zh", "en"))
    assert zh == en
    whole, begun = _used()
    assert len(whole) > 80
    assert sorted(whole - zh) == [], "used, not in the files"
    for prefix, words in FROM_DATA.items():
        assert prefix in begun, prefix
        there = {k.partition("+")[0] for k in zh if k.startswith(prefix)}
        assert there - whole == {prefix + w for w in words} - whole, prefix
    assert sorted(k for k in zh - whole if not k.startswith(tuple(FROM_DATA))) == [], "never used"
    drawing = (ROOT / "console" / "src" / "chart.ts").read_text(encoding="utf-8")
    drawing += (SERVER / "console" / "charts.py").read_text(encoding="utf-8")
    assert [w for w in FROM_DATA["chart."] if f'"{w}"' not in drawing] == []


@pytest.mark.requirement("console.languages")
def test_words_take_the_same_values_in_both_languages() -> None:
    """And none is empty."""
    texts = load_texts()
    for key, chinese in texts["zh"].words.items():
        english = texts["en"].words[key]
        assert chinese, key
        assert english, key
        assert set(re.findall(r"\{(\w+)\}", chinese)) == set(re.findall(r"\{(\w+)\}", english)), key


@pytest.mark.requirement("console.languages")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(EVIDENCE))
def test_every_finding_is_told_in_a_sentence_of_its_own_figures(kind: str, language: Language) -> None:
    """Not in the detector's English, and not in the sentence that is left for figures nobody has thought of."""
    texts = load_texts()[language]
    for evidence in EVIDENCE[kind]:
        said = what(Found(kind, evidence), texts)
        assert said != REASON
        assert "{" not in said
        assert re.search(r"\d", said)
        if kind == "restart.seal":
            continue  # has no other sentence than that of its contacts
        spare = texts.words[f"what.{kind}"]
        if "{figures}" in spare:
            assert not said.startswith(spare.partition("{figures}")[0]), said


@pytest.mark.requirement("console.languages")
def test_the_examples_are_what_the_detectors_say() -> None:
    """Their kinds are all that there are, and their figures stand in the detectors' sources."""
    sources = [*DETECT.rglob("*.py"), SERVER / "ingest" / "clones.py", *(SERVER / "silence").glob("*.py")]
    source = "\n".join(f.read_text(encoding="utf-8") for f in sources)
    assert set(EVIDENCE) == set(KINDS)
    names = {n for found in EVIDENCE.values() for e in found for n in e}
    plain = {re.sub(r"_l[123]$|_before$|_last$|^weight_", "", n) for n in names if not n.startswith("heat_")}
    assert sorted(n for n in plain if f'"{n}' not in source and n not in QUANTITIES) == []
    assert '"heat_{i}_began"' in source
    assert '"weight_{name}"' in source


def test_a_figure_without_a_word_is_shown_readably() -> None:
    """A newer detector may say more than the console knows."""
    texts = load_texts()["zh"]
    assert named("flux_of_slag_l2", texts) == "flux of slag L2"
    assert what(Found("tamper.ct", {"flux": 1.5}), texts) == "电流、电压与功率互相矛盾：flux 1.5。"
    assert what(Found("tamper.tides", {"flux": 1.5}), texts) == REASON
    assert what(Found("furnace.induction", {}), texts) == REASON
