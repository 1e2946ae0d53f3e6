"""Values that every stage shares: ids, moments, durations, calls; no I/O and no clock."""
