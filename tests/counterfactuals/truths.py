"""Brute force: every candidate of a grid, asked about one by one."""

import itertools

import numpy as np
import pandas as pd


def deviation(column):
    """Return the unit of the default cost."""
    spread = float(np.median(np.abs(column - np.median(column))))
    return spread or float(np.std(column)) or 1.0


def all_rows(row, choices):
    """Return a frame of every combination of the choices and the values of a row."""
    columns = [list(dict.fromkeys([row[name], *choices[name]])) for name in row.index]
    return pd.DataFrame(list(itertools.product(*columns)), columns=list(row.index))


def costs_of(frame, row, reference):
    """Return the default cost of turning a row into each row of a frame."""
    total = np.zeros(len(frame))
    for name in frame.columns:
        if pd.api.types.is_numeric_dtype(reference[name]):
            total += np.abs(frame[name] - row[name]) / deviation(reference[name])
        else:
            total += (frame[name] != row[name]).to_numpy()
    return total


def first_costs(found):
    """Return the cost of the first counterfactual of each row, infinite where there is none."""
    costs = np.full(len(found), np.inf)
    for line in reversed(range(len(found.row))):
        costs[found.row[line]] = found.cost[line]
    return costs
