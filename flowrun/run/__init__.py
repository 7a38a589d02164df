"""A plan run once: jobs, outcomes and the order in which they happen."""
