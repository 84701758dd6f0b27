"""A dbt-duckdb plugin: models that call models.

    plugins:
      - module: ddb_aiquery.dbt
        config: {config: ai_query.toml, budget: {query_usd: 5.0}}

All that dbt sends to DuckDB knows `ai_query` and the task functions, whatever the number of threads; one engine answers
for the whole process, so equal questions of several models are asked once.

The planner (no row is asked about that a model throws away) needs to see a statement's text, which dbt-duckdb shows to
no plugin. So the plugin stands in for each cursor where dbt-duckdb itself wraps one for its `retries`: see
`_dbt.cursors`. Where a later dbt-duckdb has changed that place, the plugin says so once and the functions alone do the
work: the same results, at worst more questions, and usage rows without a model's name. `planner: false` chooses that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags
from dbt_common.exceptions import DbtRuntimeError

from ddb_aiquery import _progress
from ddb_aiquery._dbt import cursors
from ddb_aiquery._dbt.hidden import Hidden
from ddb_aiquery._dbt.leaving import Leaving
from ddb_aiquery._dbt.log import LOG, LogDisplay
from ddb_aiquery._dbt.profile import Profile, read_profile
from ddb_aiquery._dbt.session import NodeSession, Purses
from ddb_aiquery._functions import install
from ddb_aiquery.errors import AiQueryError

__all__ = ["Plugin"]


class Plugin(BasePlugin):
    """What a profile names: `config` is anything that `config=` takes elsewhere, `budget` a table of limits."""

    profile: Profile
    planning: bool
    hidden: Hidden
    purses: Purses
    leaving: Leaving

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Read the profile's entry; nothing is opened, and no key is needed yet."""
        try:
            project = Path(getattr(get_flags(), "PROJECT_DIR", None) or ".")  # type: ignore[no-untyped-call]
            self.profile = read_profile(plugin_config, self.creds.settings if self.creds else None, project)
        except AiQueryError as error:
            raise DbtRuntimeError(f"ddb_aiquery: {error}") from None
        self.hidden, self.purses, self.leaving = Hidden(), Purses(), Leaving()
        _progress.DISPLAY = LogDisplay
        self.planning = self.profile.planner
        if self.planning and (reason := cursors.stand_in()):
            self.planning = False
            LOG.warning("the planner is off: " + reason + "; models ask as DuckDB calls, results are the same")

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Put the functions into the database instance."""
        self.leaving.knows(conn)
        with conn.cursor() as own:  # its macros go with it: each of dbt's cursors gets its own
            install(own, self._session())
            self.hidden.load(own)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Let one of dbt's cursors know the functions; with the planner, as soon as it needs them."""
        self.leaving.knows(cursor)
        session = self._session()
        if self.planning:
            cursors.expect(cursor, session, self.hidden)
        else:
            install(cursor, session)

    def _session(self) -> NodeSession:
        return NodeSession(self.profile.settings, self.purses, self.leaving)
