"""Tables of the S3 gateway's multipart uploads.

The keys that its requests are signed with need none: they are derived from
the workspace's secret and a token's id.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates them."""
    op.create_table(
        "gateway_uploads",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("repo", sa.String(128), nullable=False),
        sa.Column("branch", sa.String(100), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("etag", sa.String(80), nullable=True),
    )
    op.create_index("gateway_uploads_by_branch", "gateway_uploads", ["repo", "branch", "path", "id"])
    op.create_index("gateway_uploads_by_expiry", "gateway_uploads", ["expires_ms"])
    op.create_table(
        "gateway_parts",
        sa.Column(
            "upload",
            sa.String(32),
            sa.ForeignKey("gateway_uploads.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("etag", sa.String(80), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified_ms", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
    )
