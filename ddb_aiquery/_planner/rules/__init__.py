"""One operator a file: how calls are carried up through it, and what has to be answered before it can run."""
