"""Several roles of an account and its districts; the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
_FORWARD = {"officer": ["duty_officer"], "admin": ["security_admin"]}
"""A viewer's right to look is no new role's alone, and an administrator's to do everything nobody's: both get what they
need from the security administrator."""
_BACK = (("security_admin", "admin"), ("duty_officer", "officer"))
_SQLITE = (
    "CREATE TRIGGER audit_entry_unchanged BEFORE UPDATE ON audit_entry "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER audit_entry_kept BEFORE DELETE ON audit_entry "
    "WHEN OLD.at > CAST(strftime('%s', 'now') AS INTEGER) * 1000 - 15811200000 "  # 183 days in ms
    "OR NOT EXISTS (SELECT 1 FROM audit_checkpoint WHERE number >= OLD.number) "
    "BEGIN SELECT RAISE(ABORT, 'the audit log keeps half a year, and what no checkpoint covers'); END",
    "CREATE TRIGGER audit_checkpoint_unchanged BEFORE UPDATE ON audit_checkpoint "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER audit_checkpoint_kept BEFORE DELETE ON audit_checkpoint "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
)
_POSTGRESQL = (
    "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
    "CREATE FUNCTION audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF OLD.at > (extract(epoch FROM now()) * 1000)::bigint - 15811200000 "
    "OR NOT EXISTS (SELECT 1 FROM audit_checkpoint WHERE number >= OLD.number) "
    "THEN RAISE EXCEPTION 'the audit log keeps half a year, and what no checkpoint covers'; END IF; "
    "RETURN OLD; END $$",
    "CREATE TRIGGER audit_entry_unchanged BEFORE UPDATE ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_entry_kept BEFORE DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_keep()",
    "CREATE TRIGGER audit_entry_whole BEFORE TRUNCATE ON audit_entry EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_checkpoint_unchanged BEFORE UPDATE OR DELETE ON audit_checkpoint "
    "FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_checkpoint_whole BEFORE TRUNCATE ON audit_checkpoint EXECUTE FUNCTION audit_refuse()",
)


def upgrade() -> None:
    """Apply."""
    op.add_column("user_account", sa.Column("roles", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("user_account", sa.Column("districts", sa.JSON(), nullable=True))
    for role, roles in _FORWARD.items():
        _set("roles", roles, "role", role)
    op.drop_column("user_account", "role")
    _create_log()
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(sa.text(statement))


def _create_log() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("actor", "address", "action", "subject", "outcome", "note")
        ),
        sa.Column("previous", sa.LargeBinary(32), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
    op.create_index("ix_audit_entry_actor", "audit_entry", ["actor"])
    head = op.create_table(
        "audit_head",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_checkpoint")),
    )
    op.bulk_insert(head, [{"name": "head", "number": 0, "hash": b"\0" * 32}])


def downgrade() -> None:
    """Take back; the audit log goes with its tables."""
    op.add_column("user_account", sa.Column("role", sa.String(), nullable=False, server_default="viewer"))
    user = sa.table("user_account", sa.column("name", sa.String), sa.column("roles", sa.JSON))
    for name, roles in op.get_bind().execute(sa.select(user.c.name, user.c.roles)).all():
        for role, before in _BACK:
            if role in roles:
                _set("role", before, "name", name)
                break
    op.drop_column("user_account", "roles")
    op.drop_column("user_account", "districts")
    for table in ("audit_checkpoint", "audit_head", "audit_entry"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for function in ("audit_refuse", "audit_keep"):
            op.execute(sa.text(f"DROP FUNCTION {function}()"))


def _set(column: str, value: object, where: str, known: str) -> None:
    names = (sa.column("name", sa.String), sa.column("role", sa.String), sa.column("roles", sa.JSON))
    user = sa.table("user_account", *names)
    op.execute(sa.update(user).where(user.c[where] == known).values({column: value}))
