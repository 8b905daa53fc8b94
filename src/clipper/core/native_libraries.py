"""Environment variables by which our processes tell the native libraries beneath them what suits a server."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""Processes (replicas, frontends) are the unit of parallelism: with two OpenMP threads each on two cores, tails were
ten times as long, and OpenBLAS's second thread keeps a core busy while it waits for more."""

FAST_COPIES = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1073741824"}
"""glibc copies large blocks with `rep movsb`, which on AMD Zen takes 1.5 to 15 times as long when source and target
happen to lie alike within their pages (measured on batches of 0.4 MB). A value of the operator's own stays."""
