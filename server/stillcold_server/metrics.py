"""What the server counts, for Prometheus."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The server's counters, in a registry of their own.

    Attributes
    ----------
    registry : CollectorRegistry
        Holds them all; ``/metrics`` shows it.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._batches = Counter("stillcold_ingest_batches", "Batches stored.", registry=self.registry)
        self._samples = Counter("stillcold_ingest_samples", "Samples stored.", registry=self.registry)
        self._doubles = Counter("stillcold_ingest_doubles", "Batches that came again.", registry=self.registry)
        self._refused = Counter(
            "stillcold_ingest_refused", "Messages not taken, by reason.", ["reason"], registry=self.registry
        )
        self._deliveries = Counter(
            "stillcold_deliveries", "Tries to tell somebody.", ["channel", "outcome"], registry=self.registry
        )
        self._alerts = Counter("stillcold_alerts", "Alerts raised, by kind.", ["kind"], registry=self.registry)
        self._latency = Histogram(
            "stillcold_alert_latency_seconds",
            "From the deciding sample to the alert.",
            buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
            registry=self.registry,
        )

        self._logins = Counter("stillcold_logins", "Tries to log in, by outcome.", ["outcome"], registry=self.registry)
        self._jobs = Counter(
            "stillcold_job_runs", "Runs of jobs, by outcome.", ["job", "outcome"], registry=self.registry
        )
        self._job_done = Gauge(
            "stillcold_job_done_timestamp_seconds", "When a job was last done.", ["job"], registry=self.registry
        )
        self._lag = Gauge(
            "stillcold_follower_lag_batches", "Stored batches still to do.", ["follower"], registry=self.registry
        )
        self._open = Gauge(
            "stillcold_alerts_unacknowledged", "Alerts nobody has acknowledged.", ["severity"], registry=self.registry
        )

    def stored(self, samples: int) -> None:
        """One more batch is on disk."""
        self._batches.inc()
        self._samples.inc(samples)

    def doubled(self) -> None:
        """A batch came that is stored already."""
        self._doubles.inc()

    def refused(self, reason: str) -> None:
        """A message was not taken."""
        self._refused.labels(reason).inc()

    def delivery(self, channel: str, outcome: str) -> None:
        """A try to tell somebody: ``delivered``, ``retried`` or ``failed``."""
        self._deliveries.labels(channel, outcome).inc()

    def alert(self, kind: str, latency: float) -> None:
        """An alert was raised, ``latency`` seconds after the sample that decided it."""
        self._alerts.labels(kind).inc()
        self._latency.observe(max(latency, 0.0))

    def login(self, outcome: str) -> None:
        """A try to log in: ``ok``, ``refused`` or ``throttled``."""
        self._logins.labels(outcome).inc()

    def job(self, name: str, outcome: str) -> None:
        """A run of a job has ended: ``done``, ``retried``, ``failed``, or ``lost`` to another server."""
        self._jobs.labels(name, outcome).inc()

    def jobs_done(self, done: Mapping[str, int]) -> None:
        """When each job was last done, in ms."""
        for job, at in done.items():
            self._job_done.labels(job).set(at / 1000)

    def situation(self, lags: Mapping[str, int], unacknowledged: Mapping[str, int]) -> None:
        """What the database shows now: batches still to do by follower, unacknowledged alerts by severity."""
        for follower, batches in lags.items():
            self._lag.labels(follower).set(batches)
        for severity, count in unacknowledged.items():
            self._open.labels(severity).set(count)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
