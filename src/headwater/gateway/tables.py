"""Tables of multipart uploads: what was begun, and where the parts that came lie.

A part is a tree with one file, so that whatever keeps trees alive keeps it
too; when its row goes, the next sweep takes its bytes.
"""

import sqlalchemy as sa

from headwater.db import metadata

uploads = sa.Table(
    "gateway_uploads",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("repo", sa.String(128), nullable=False),
    sa.Column("branch", sa.String(100), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
    sa.Column("etag", sa.String(80), nullable=True),
    sa.Index("gateway_uploads_by_branch", "repo", "branch", "path", "id"),
    sa.Index("gateway_uploads_by_expiry", "expires_ms"),
)

parts = sa.Table(
    "gateway_parts",
    metadata,
    sa.Column(
        "upload", sa.String(32), sa.ForeignKey("gateway_uploads.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("etag", sa.String(80), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("modified_ms", sa.BigInteger, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
)
