"""The one place of the version."""

__version__ = "0.2.0"


def versions() -> dict[str, str]:
    """Versions of all that decides the numbers of a run."""
    import platform

    import torch

    return {"mixtrast": __version__, "torch": str(torch.__version__), "python": platform.python_version()}
