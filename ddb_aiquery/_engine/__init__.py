"""Answers each Question once and keeps its Endpoint exactly as busy as it can bear; plain code decides, the edge acts.

`engine` is the sequence. A `flight` is a Question under way, a `pool` the queue of an Endpoint with its `waiting` line,
the `scribe` writes outcomes down before they are handed on, `noting` finds them again. A pool decides by `pace` and its
`rates`, by `retry` and `luck`, by `failover`, by `budget` and `forecast`, and by what is `shared` with other processes.
`tally` counts a Run, `loop` is the thread; `store` says what is needed of the cache.
"""
