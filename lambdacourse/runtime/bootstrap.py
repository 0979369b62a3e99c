"""What runs in an execution environment: its limits, then AWS's own bootstrap. Run as a script, never imported.

Where AWS's client was built without its native part (macOS), or is asked to do without (``LAMBDACOURSE_PURE_CLIENT=1``),
``client.py`` beside this file stands in for it.
"""

import contextlib
import os
import sys


def limit() -> None:
    """Take on the limits that ``LAMBDACOURSE_LIMITS`` names, such as ``NOFILE=1024``, where the system knows them."""
    import resource

    for pair in os.environ.pop("LAMBDACOURSE_LIMITS", "").split():
        name, value = pair.split("=")
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is not None:
            hard = resource.getrlimit(which)[1]
            wanted = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
            resource.setrlimit(which, (wanted, wanted))


def provide_client() -> None:
    """Make ``import runtime_client``, which AWS's bootstrap does, find one."""
    if os.environ.get("LAMBDACOURSE_PURE_CLIENT") != "1":
        try:
            import runtime_client  # noqa: F401 - AWS's, native
        except ImportError:
            pass
        else:
            return
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("runtime_client", os.path.join(os.path.dirname(__file__), "client.py"))  # noqa: PTH118,PTH120
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["runtime_client"] = module


if __name__ == "__main__":
    limit()
    provide_client()
    from awslambdaric.__main__ import main

    if "importtime" in sys._xoptions:  # AWS's bootstrap imports the handler by a way that Python does not time
        with contextlib.suppress(Exception):
            __import__(os.environ["_HANDLER"].rpartition(".")[0].replace("/", "."))
    main(["bootstrap", os.environ["_HANDLER"]])
