"""One operator a file: how calls are carried up through it, and what has to be answered before it can run."""

ORDER = (
    "scan",  # what has no call is left as it is
    "join",  # model predicates above joins
    "outer_join",  # a call in ON on matching pairs only
    "mark_join",  # IN, EXISTS, semi and anti: only where a row on the left asks
    "filter",  # cheap predicates at once, model predicates pending
    "group",  # arguments of wanted groups only, predicates over keys below
    "window",  # QUALIFY before calls, wanted partitions only
    "compute",  # unnest, volatile values, set operations at their own place
    "union",  # each branch's calls above, guarded by the branch
    "distinct",  # rows are picked before calls
    "limit",  # the first rows before calls, or chunks that stop
)
"""The rules in the order in which the clauses of a SELECT pass them (`bind.Binder`)."""
