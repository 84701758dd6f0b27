"""The money of a day, which all processes spend."""

from __future__ import annotations

import apsw

from ddb_aiquery._cache.database import Part
from ddb_aiquery._cache.sqlite import SQL


class Ledger(Part):
    """The part of the store that keeps the money of a day, in micro-dollars; a day is any text, `2026-11-23` say."""

    def reserve(self, day: str, amount: int, limit: int) -> bool:
        """Reserve the amount if spent + reserved + amount <= limit, in one step for all processes, and tell whether."""

        def work(connection: apsw.Connection) -> bool:
            if connection.execute(SQL["committed"], {"day": day}).get + amount > limit:
                return False
            connection.execute(SQL["reserve"], (day, self._database.owner.name, amount))
            return True

        return self._database.write(work, durable=False)

    def settle(self, day: str, reserved: int, spent: int) -> None:
        """Turn a reservation of this store into what was really spent."""

        def work(connection: apsw.Connection) -> None:
            owner = self._database.owner.name
            connection.execute(SQL["unreserve"], {"day": day, "owner": owner, "micro": reserved})
            connection.execute(SQL["spend"], (day, spent))

        self._database.write(work, durable=False)
