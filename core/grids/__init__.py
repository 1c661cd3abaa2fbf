"""One file per time grid: `grid(schedule, steps, **options)`, strictly decreasing from t_max to exactly 0."""
