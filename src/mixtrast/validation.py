"""Checks of arguments. A message says what is wrong, what is allowed, and what it got."""

from numbers import Real

from torch import Tensor


def is_number(value: object) -> bool:
    """Whether this is a real number of Python or NumPy, and no bool."""
    return isinstance(value, Real) and not isinstance(value, bool)


def on_cpu(tensor: Tensor) -> bool:
    """Whether values can be read without waiting for a device."""
    return tensor.device.type == "cpu"


def describe(value: object) -> str:
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"{type(value).__name__}"


def is_whole(value: object, least: int = 1) -> bool:
    """Whether this is an int, no bool, and at least that large."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def check_whole(owner: str, **values: object) -> None:
    """Raise ValueError for the first value that is no int above 0."""
    for name, value in values.items():
        if not is_whole(value):
            raise ValueError(f"`{name}` of {owner} must be a whole number above 0, got {value!r}.")


def check_dropout(owner: str, value: object) -> None:
    """Raise ValueError unless this is a probability below 1."""
    if not is_number(value) or not 0 <= value < 1:  # type: ignore[operator]
        raise ValueError(f"`dropout` of {owner} must be a probability below 1, got {value!r}.")


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError unless the value is one of those allowed."""
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, allowed))}, got {value!r}.")
