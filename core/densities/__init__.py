"""One file per distribution of training times: `density(u, schedule) -> t`, the quantile function, elementwise.

u (B,) in (0, 1) comes from `core.draws`; t (B,) lies in (0, t_max] and keeps the dtype of u.
"""
