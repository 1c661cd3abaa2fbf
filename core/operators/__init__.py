"""One file per operator: what is measured of a signal. The contract, and what solvers ask of it, is `core.measurement`.

Axes are counted from the end (-1 the last), so an operator does not know the rank of its signals; only `grey` knows
that channels come first. Operators in the frequency domain take signals as periodic: that is their boundary.
`core.composed.compose` puts several in a row.
"""
