"""The linear assignment problem: the permutation of least total cost (Jonker & Volgenant 1987; Crouse 2016).

    minimise sum_i cost[i][p(i)]   with   u_i + v_j <= cost[i][j]  and equality on the pairs that are chosen

Rows are added one by one along a shortest augmenting path (Dijkstra on the reduced costs), which keeps the prices u, v
feasible; at the end they prove that the permutation is optimal. O(n^3), in plain Python: each step depends on the last
and is too small for a tensor operation, ten times over.
"""

import math
from collections.abc import Sequence

Costs = Sequence[Sequence[float]]


def assignment(cost: Costs) -> list[int]:
    """`p` with p[i] the column of row i, for a square matrix of finite costs; an empty list for an empty matrix.

    Raises ValueError where the matrix is not square or a cost is not finite.
    """
    n = len(cost)
    if any(len(row) != n for row in cost):
        raise ValueError(f"assignment needs a square matrix, got {n} rows of {sorted({len(r) for r in cost})} costs")
    if not all(math.isfinite(sum(row)) for row in cost):
        raise ValueError("assignment needs finite costs")
    v = [min(column) for column in zip(*cost, strict=True)]
    u, row_of, column_of = [0.0] * n, [-1] * n, [-1] * n
    for i, row in enumerate(cost):  # most rows get their cheapest column; the others take paths
        u[i], j = min((c - p, j) for j, (c, p) in enumerate(zip(row, v, strict=True)))
        if row_of[j] < 0:
            row_of[j], column_of[i] = i, j
    for start in range(n):
        if column_of[start] < 0:
            _augment(cost, u, v, row_of, column_of, start)
    return column_of


def _augment(cost: Costs, u: list[float], v: list[float], row_of: list[int], column_of: list[int], start: int) -> None:
    """Give row `start` a column, moving others along the shortest path to a free one, and adjust the prices."""
    n = len(cost)
    distance, via, todo = [math.inf] * n, [-1] * n, list(range(n))
    rows, columns = [], []
    i, reached = start, 0.0
    while True:
        rows.append(i)
        row, offset, nearest, j = cost[i], reached - u[i], math.inf, -1
        for k in todo:
            d = offset + row[k] - v[k]
            if d < distance[k]:
                distance[k], via[k] = d, i
            else:
                d = distance[k]
            if d < nearest:
                nearest, j = d, k
        reached = nearest
        todo.remove(j)
        columns.append(j)
        if row_of[j] < 0:
            break
        i = row_of[j]
    u[start] += reached
    for i, k in zip(rows[1:], columns, strict=False):  # the column of each row on the way; the last one is free
        u[i] += reached - distance[k]
        v[k] -= reached - distance[k]
    while True:  # back along the path, each row takes the column that was found from it
        i = via[j]
        row_of[j] = i
        j, column_of[i] = column_of[i], j
        if i == start:
            return
