"""Tells by experiment whether a kernel still comes up on Hyper-V after its Kconfig changed.

    matrix.yaml -> cells -> resolve -> kernels -> build -> artifact -> boot -> observe -> judge -> report

Every stage takes the value of the stage before it and returns its own. Pure modules compute, seams (engine,
console, store, host) touch the world, stages join the two, and `run` is the table of contents.
"""
