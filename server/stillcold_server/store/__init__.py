"""The database: tables, migrations, and reading series back out of stored batches."""
