"""One file per solver of inverse problems. Each is a function of its own name that turns a sampler of p(x0) into a
sampler of p(x0 | y), approximately: `docs/inverse_problems.md` says which of them is exact where.

    solver(sampler, measurement, *, options) -> Sampler

The result has the sampler's signature and its contract: one State for each of `times[1:]`, from any start to any end, x
in its own dtype, each example by itself. So guidance goes into `denoise` as before, and `core.sampling.along` takes it.

Solvers that replace `denoise` (`ddnm`, `pigdm`, `moment_matching`, and `diffpir` at zeta = 0) leave the sampler's steps
as they are. Those that act between the steps (`replacement`, `repaint`, `dps`, and `diffpir` at zeta > 0) run the
sampler one step at a time, so that a multistep one forgets its past and takes its first step each time. `ddnm_plus`
takes steps of its own. `sdedit` only changes where the sampler starts.

Where a step is needed at a time, `times` is read on its device: keep it on the CPU, where grids make it.
"""
