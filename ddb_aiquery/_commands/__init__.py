"""The subcommands of `ddb-aiquery`, one file each."""
