"""Environment variables by which our processes tell the native libraries beneath them what suits a server."""


def threads_of(count: int) -> dict[str, str]:
    """What lets a process calculate with so many threads, which do not spin while they wait for each other."""
    number = str(count)
    return {
        "OMP_NUM_THREADS": number,
        "OPENBLAS_NUM_THREADS": number,
        "MKL_NUM_THREADS": number,
        "OMP_WAIT_POLICY": "PASSIVE",
    }


ONE_THREAD = threads_of(1)
"""Processes (replicas, frontends) are the unit of parallelism: with two OpenMP threads each on two cores, tails were
ten times as long, and OpenBLAS's second thread keeps a core busy while it waits for more."""

FAST_COPIES = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1073741824"}
"""glibc copies large blocks with `rep movsb`, which on AMD Zen takes 1.5 to 15 times as long when source and target
happen to lie alike within their pages (measured on batches of 0.4 MB). A value of the operator's own stays."""
