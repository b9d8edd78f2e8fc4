"""Elements of HTML that escape whatever is put into them."""

from html import escape
from typing import Any

from surrogates.explanation.displays.labels import clean

__all__ = ["Html", "element", "joined", "preformatted", "shortened", "table"]

_VOID = {"meta"}
_MOST_LETTERS = 160
_NOTHING = "(no name)"


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def shortened(text: Any, most: int = _MOST_LETTERS) -> str:
    """Return text on one line and of bounded length.

    Examples
    --------
    >>> shortened("a  name " + "x" * 200, 10)
    'a name xx…'
    """
    plain = clean(text)
    return plain if len(plain) <= most else plain[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def element(tag: str, *children: Any, **attributes: Any) -> Html:
    """Return an element; children and attributes that are no `Html` are escaped.

    Parameters
    ----------
    tag : str
    *children : str or Html
        None is left out.
    **attributes : str
        A trailing underscore is dropped, others become hyphens; None is left out.

    Examples
    --------
    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    told = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(clean(value), quote=True)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{told}>")
    return Html(f"<{tag}{told}>{joined(*children)}</{tag}>")


def joined(*children: Any) -> Html:
    """Return children side by side."""
    return Html("".join(_text(child) for child in children if child is not None))


def _text(child: Any) -> str:
    return child if isinstance(child, Html) else escape(_on_one_line(str(child)), quote=True)


def _on_one_line(text: str) -> str:
    """Return printable text, with a blank where it began or ended with one."""
    inner = clean(text)
    if not inner:
        return " " if text else ""
    return f"{' ' * text[0].isspace()}{inner}{' ' * text[-1].isspace()}"


def preformatted(text: str, **attributes: Any) -> Html:
    """Return text whose lines and blanks are kept."""
    return element("pre", Html(escape(text, quote=True)), **attributes)


def table(caption: str, head: list[str], lines: list[list[Any]], **attributes: Any) -> Html:
    """Return a table whose first column heads its lines.

    Parameters
    ----------
    caption : str
    head : list of str
        A heading for each column.
    lines : list of list
        Cells; those of the first column become headings of their line.
    """
    top = [element("th", words, scope="col") for words in head]
    body = [
        element(
            "tr",
            element("th", first or _NOTHING, scope="row"),
            *(element("td", cell) for cell in cells),
        )
        for first, *cells in lines
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *top)),
        element("tbody", *body),
        **attributes,
    )
