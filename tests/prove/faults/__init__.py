"""The seeded simulator of faults: workers, web servers and senders on a real database, interrupted where a seed says.

One seed is one run, and the same one again: a small workspace, a small history, and hands that work it in turns over real
connections and real leases, while connections break, processes die, sleep, wake and have wrong clocks. What is left at the
end is held against the oracle of ``tests.oracle``, which knows of no faults.
"""
