"""One file per time grid: `grid(schedule, steps, **options)`, `(steps + 1,)` times, strictly decreasing to exactly 0.

It starts at t_max, but for two that say where they start: `leading`, and `times` where the user's start lower.
"""
