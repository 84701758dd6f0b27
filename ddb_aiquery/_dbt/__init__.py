"""What the dbt door stands on: the profile's entry, dbt's cursors, a node's Run, the log, and an estimate."""
