"""How the kernel is compiled: without a lock while it runs, kept in the course's cache; small pieces are inlined into their callers."""

from __future__ import annotations

from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
inlined = njit(cache=True, nogil=True, error_model="numpy", forceinline=True, _nrt=False)
