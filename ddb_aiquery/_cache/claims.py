"""One asker per question, across processes."""

from __future__ import annotations

import json
from collections.abc import Collection

import apsw

from ddb_aiquery._cache.answers import look
from ddb_aiquery._cache.database import Part
from ddb_aiquery._cache.sqlite import SQL, rows
from ddb_aiquery._values import Claims


class Claiming(Part):
    """The part of the store that lets each question be asked by one process only.

    A claim lasts until its owner gives it up or dies, and stops nobody once there is an answer. Claims need not survive
    a power cut.
    """

    def claim_many(self, keys: Collection[bytes]) -> Claims:
        """Become the asker of every key that nobody has answered or is asking; look and claim are one transaction.

        A key that this store has claimed before is `ours` again. A dead owner's claims are taken over.
        Call it again with `theirs` to see how those went on.

        Raises:
            CacheError: the file cannot be written, so nothing should be asked.
        """
        wanted = tuple(dict.fromkeys(keys))
        if not wanted:
            return Claims(frozenset(), {}, frozenset())
        return self._database.write(lambda connection: self._claim(connection, wanted), durable=False)

    def release_many(self, keys: Collection[bytes]) -> None:
        """Give up this store's claims on the keys; others' claims stay.

        Raises:
            CacheError: the file cannot be written.
        """
        gone = tuple(keys)
        if gone:
            bindings = {"owner": self._database.owner.name, "keys": apsw.carray(gone)}
            self._database.write(lambda connection: connection.execute(SQL["release"], bindings), durable=False)

    def leave(self) -> None:
        """Give up every claim of this store, and those of owners that are no more.

        Raises:
            CacheError: the file cannot be written.
        """

        def work(connection: apsw.Connection) -> None:
            # Listed inside the transaction: whoever claims later is not met, whoever has claimed has a lock file.
            connection.execute(SQL["release_all"], {"others": json.dumps(self._database.owner.others())})

        self._database.write(work, durable=False)

    def _claim(self, connection: apsw.Connection, keys: tuple[bytes, ...]) -> Claims:
        answered = look(connection, keys)
        open_keys = tuple(key for key in keys if key not in answered)
        theirs: set[bytes] = set()
        if open_keys:
            claimed = rows(connection, "claimed", {"keys": apsw.carray(open_keys)})
            me = self._database.owner
            alive = {owner: owner != me.name and me.alive(owner) for owner in {owner for _, owner in claimed}}
            theirs = {key for key, owner in claimed if alive[owner]}
        ours = tuple(key for key in open_keys if key not in theirs)
        if ours:
            connection.execute(SQL["claim"], {"owner": self._database.owner.name, "keys": apsw.carray(ours)})
        return Claims(frozenset(ours), answered, frozenset(theirs))
