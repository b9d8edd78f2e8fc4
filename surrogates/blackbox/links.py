"""Links: the scale on which attributions add up."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LINKS", "MOVED", "apply_link", "link_slope"]

LINKS = ("identity", "logit", "log")
MOVED = 1e-7
"""How far a probability of 0 or 1 is moved before its logit or logarithm is taken."""

Link = str | Callable[[NDArray[np.float64]], Any]


def apply_link(link: Link, response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the responses on the scale of the link.

    Raises
    ------
    ValueError
        Responses outside of the link's domain.
    """
    if link == "identity":
        return response
    if callable(link):
        return _called(link, response)
    inside = _moved_inside(link, response)
    return np.log(inside) if link == "log" else np.log(inside / (1.0 - inside))


def link_slope(link: Link, response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the derivative of the link; that of a callable by central differences."""
    if callable(link):
        step = 1e-6 * np.maximum(1.0, np.abs(response))
        with np.errstate(all="ignore"):
            rise = np.asarray(link(response + step)) - np.asarray(link(response - step))
            slope = rise / (2.0 * step)
        return np.where(np.isfinite(slope), slope, 0.0)
    if link == "identity":
        return np.ones_like(response)
    inside = _moved_inside(link, response)
    return 1.0 / inside if link == "log" else 1.0 / (inside * (1.0 - inside))


def _moved_inside(link: str, response: NDArray[np.float64]) -> NDArray[np.float64]:
    high = np.inf if link == "log" else 1.0
    if (response < 0.0).any() or (response > high).any():
        raise ValueError(
            f"The 'link' parameter is {link!r}, which needs responses between 0 and {high:g}. "
            f"The model returned {response.min():g} to {response.max():g}: "
            "choose another response_method, or link='identity'."
        )
    return np.clip(response, MOVED, high if link == "log" else 1.0 - MOVED)


def _called(link: Callable[[NDArray[np.float64]], Any], response: Any) -> NDArray[np.float64]:
    linked = np.asarray(link(response), dtype=np.float64)
    if linked.shape != response.shape or not np.isfinite(linked).all():
        raise ValueError(
            "The 'link' callable must return one finite number for each response. "
            f"It returned an array of shape {linked.shape} for responses of shape "
            f"{response.shape}, or values that are not finite."
        )
    return linked
