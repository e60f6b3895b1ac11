"""Alembic's folder: what each revision changes. Run by `headwater.db.schema`."""
