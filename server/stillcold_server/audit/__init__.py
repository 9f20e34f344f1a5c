"""The audit log: who did what, when and from where; chained, append-only, for the auditor alone."""
