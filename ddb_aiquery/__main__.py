"""`python -m ddb_aiquery` is `ddb-aiquery`."""

import sys

from ddb_aiquery.cli import main

sys.exit(main())
