"""The way to PostgreSQL: connections, named queries, batches, schema files, and the embedded server.

The only package that imports the driver. It knows no table of Tamshy's; stages bring their own `queries.sql`.
"""

from __future__ import annotations

from tamshy.sqlkit.archive import Archive, BadArchive, NotEmpty, check_archive, read_archive, write_archive
from tamshy.sqlkit.batches import NulInText, rows_json
from tamshy.sqlkit.connection import (
    Connection,
    Cursor,
    Pool,
    alone,
    connect,
    conninfo,
    drop_database,
    dsn_of,
    dsn_parts,
    pool,
    quoted,
    stream,
)
from tamshy.sqlkit.embedded import EmbeddedServer, running_dsn
from tamshy.sqlkit.failures import (
    DatabaseError,
    DatabaseUnavailable,
    DataFolderInUse,
    EmbeddedError,
    Error,
    InvalidDsn,
    MigrationError,
    QueryFileError,
    UnreachableDataFolder,
    is_retryable,
    sqlstate,
    violated_constraint,
)
from tamshy.sqlkit.migrations import SchemaFile, migrate, schema_files
from tamshy.sqlkit.named import NamedQuery, named_queries, queries
from tamshy.sqlkit.numbering import numbered
from tamshy.sqlkit.scratch import ScratchServer, scratch_server

__all__ = [
    "Archive",
    "BadArchive",
    "Connection",
    "Cursor",
    "DataFolderInUse",
    "DatabaseError",
    "DatabaseUnavailable",
    "EmbeddedError",
    "EmbeddedServer",
    "Error",
    "InvalidDsn",
    "MigrationError",
    "NamedQuery",
    "NotEmpty",
    "NulInText",
    "Pool",
    "QueryFileError",
    "SchemaFile",
    "ScratchServer",
    "UnreachableDataFolder",
    "alone",
    "check_archive",
    "connect",
    "conninfo",
    "drop_database",
    "dsn_of",
    "dsn_parts",
    "is_retryable",
    "migrate",
    "named_queries",
    "numbered",
    "pool",
    "queries",
    "quoted",
    "read_archive",
    "rows_json",
    "running_dsn",
    "schema_files",
    "scratch_server",
    "sqlstate",
    "stream",
    "violated_constraint",
    "write_archive",
]
