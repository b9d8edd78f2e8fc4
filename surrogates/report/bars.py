"""Bars of attributions, as drawings without text that say in words what they show."""

from surrogates.report.markup import Html, element

__all__ = ["bar"]

_WIDTH = 200.0


def bar(
    value: float, low: float | None, high: float | None, ends: tuple[float, float], words: str
) -> Html:
    """Return a bar from zero to a value, with its interval.

    Parameters
    ----------
    value : float
    low, high : float or None
        Ends of the interval.
    ends : tuple of (float, float)
        The numbers at the left and at the right edge; zero lies between them.
    words : str
        The alternative to the drawing.
    """
    left, right = ends
    scale = _WIDTH / (right - left) if right > left else 0.0
    zero, end = -left * scale, (value - left) * scale
    parts = [
        element(
            "rect",
            x=f"{min(zero, end):.2f}",
            y="2",
            width=f"{abs(end - zero):.2f}",
            height="8",
            class_="raises" if value >= 0 else "lowers",
        ),
        _line(zero, zero, 0, 12),
    ]
    if low is not None and high is not None:
        parts.append(_line((low - left) * scale, (high - left) * scale, 6, 6))
    return element(
        "svg",
        *parts,
        viewBox=f"-1 0 {_WIDTH + 2:g} 12",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )


def _line(x1: float, x2: float, y1: int, y2: int) -> Html:
    return element(
        "line",
        x1=f"{x1:.2f}",
        x2=f"{x2:.2f}",
        y1=str(y1),
        y2=str(y2),
        vector_effect="non-scaling-stroke",
    )
