"""States of every detector in a table of their own, each with the batch that it covers."""

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_READ_BEFORE = 1  # version of the restart detector's states that the version before reads
_FROM_LINES = """
INSERT INTO detector_state (detector, subject, covers, state)
SELECT 'restart', line, (SELECT COALESCE(MAX(position), 0) FROM cursor WHERE name = 'detection'), state FROM line_status
"""
_CHECKPOINT = """
INSERT INTO mark (name, number)
SELECT 'checkpoint', COALESCE(MAX(position), 0) FROM cursor WHERE name = 'detection'
"""


def upgrade() -> None:
    """Apply: the states that were kept with the lines are those of the restart detector."""
    op.create_table(
        "detector_state",
        sa.Column("detector", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("covers", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("detector", "subject", name=op.f("pk_detector_state")),
    )
    op.create_table(
        "mark",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mark")),
    )
    op.execute(_FROM_LINES)
    op.execute(_CHECKPOINT)
    with op.batch_alter_table("line_status", schema=None) as table:
        table.drop_column("state")


def downgrade() -> None:
    """Take back. A state that lags behind the cursor goes on as after a gap; one that cannot be read is left out."""
    with op.batch_alter_table("line_status", schema=None) as table:
        table.add_column(sa.Column("state", sa.LargeBinary(), nullable=True))
    connection = op.get_bind()
    for line, state in connection.execute(
        sa.text("SELECT subject, state FROM detector_state WHERE detector = 'restart'")
    ).all():
        if msgspec.msgpack.decode(state).get("version") == _READ_BEFORE:
            parameters = {"line": line, "state": state}
            connection.execute(sa.text("UPDATE line_status SET state = :state WHERE line = :line"), parameters)
    op.execute("DELETE FROM line_status WHERE state IS NULL")
    with op.batch_alter_table("line_status", schema=None) as table:
        table.alter_column("state", existing_type=sa.LargeBinary(), nullable=False)
    op.drop_table("mark")
    op.drop_table("detector_state")
