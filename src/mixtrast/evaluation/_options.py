"""Checks of the options of evaluations."""


def check_grid(owner: str, name: str, values: tuple[float, ...]) -> tuple[float, ...]:
    """Return values to choose from, sorted and each once; they must be positive and finite."""
    grid = tuple(values) if isinstance(values, tuple | list) else (values,)
    wrong = [v for v in grid if isinstance(v, bool) or not isinstance(v, int | float) or not 0 < v < float("inf")]
    if wrong or not grid:
        raise ValueError(f"`{name}` of {owner} must be one or more numbers above 0, got {values!r}.")
    return tuple(sorted(set(grid)))


def check_count(owner: str, name: str, value: int) -> int:
    """Return a whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"`{name}` of {owner} must be a whole number, 1 or more, got {value!r}.")
    return value


def check_rate(owner: str, name: str, value: float) -> float:
    """Return a finite number of 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"`{name}` of {owner} must be 0 or more, got {value!r}.")
    return value
