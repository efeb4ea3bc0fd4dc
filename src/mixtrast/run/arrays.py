"""Arguments of Python callers that are objects: labels and groups as arrays, views that were built."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def join_arrays(data: Any, label: Any, groups: Any) -> tuple[Any, Any, Any]:
    """Data, label and groups, where labels and groups that are arrays have joined the data; names stay names."""
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)  # the name of a column that is a number
    both = {"y": label, "groups": groups}
    arrays = {key: value for key, value in both.items() if value is not None and not isinstance(value, str)}
    if not arrays:
        return data, label, groups
    frame = hasattr(data, "columns")
    if frame and set(arrays) == {"y"}:
        return (data, label), None, groups
    if frame or isinstance(data, str | Path | tuple | Mapping) or len(arrays) < sum(v is not None for v in both.values()):
        raise TypeError(
            f"labels and groups as arrays go with an array of examples, got {type(data).__name__}. "
            "Make them columns (or keys) of the data and name them: label='species', groups='subject'."
        )
    return {"x": data, **arrays}, None, None


def views_section(views: Any) -> Any:
    """The section of a recipe for one view, or several in a list, by name or built."""
    if views is None or isinstance(views, str | Mapping):
        return views
    each = views if isinstance(views, list | tuple) else [views]
    return {v if isinstance(v, str) else type(v).__name__.lower(): {} if isinstance(v, str) else v for v in each}
