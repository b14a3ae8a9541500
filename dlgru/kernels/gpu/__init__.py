"""Engines for CUDA GPUs, driven through CuPy; `README.md` in this folder tells how they work.

Nothing here imports CuPy before an array of CuPy's arrives.
"""
