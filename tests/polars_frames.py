"""Polars frames of pandas frames, without pyarrow."""

import polars as pl


def to_polars(frame):
    """Return the same cells as a polars frame; missing ones are null."""
    cells = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in frame}
    return pl.DataFrame({name: column.tolist() for name, column in cells.items()})
