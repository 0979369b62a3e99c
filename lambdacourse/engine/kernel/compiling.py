"""How the kernel is compiled: without a lock while it runs, kept in the course's cache; small pieces are inlined into their callers."""

from __future__ import annotations

from numba import njit

_SETTINGS = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
_INTERNAL = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # Only Python needs wrappers, and they take long to compile.

entered = njit(**_SETTINGS)
compiled = njit(**_SETTINGS, **_INTERNAL)
inlined = njit(**_SETTINGS, **_INTERNAL, forceinline=True)
"""``entered`` is called from Python; ``compiled`` and ``inlined`` from what is compiled alone."""
