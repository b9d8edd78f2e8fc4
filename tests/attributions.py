"""Attributions of any size with something in every field."""

import numpy as np
import pandas as pd

from surrogates.explanation import Attribution, Reference


def make_attribution(n_rows=4, n_features=3, n_outputs=2, seed=0, **others):
    """Make an additive attribution of a frame of floats; `others` replace fields."""
    rng = np.random.default_rng(seed)
    names = tuple(f"column {i}" for i in range(n_features))
    shape = (n_rows, n_features, n_outputs)
    values = rng.normal(size=shape)
    base_values = np.tile(rng.normal(size=n_outputs), (n_rows, 1))
    fields = {
        "values": values,
        "base_values": base_values,
        "predictions": base_values + values.sum(axis=1),
        "std_errors": rng.uniform(0.1, 0.5, size=shape),
        "fidelity": rng.uniform(size=(n_rows, n_outputs)),
        "interactions": rng.normal(size=(n_rows, n_features, n_features, n_outputs)),
        "converged": rng.uniform(size=n_rows) < 0.5,
        "data": pd.DataFrame(rng.normal(size=(n_rows, n_features)), columns=list(names)),
        "index": [f"row {i}" for i in range(n_rows)],
        "feature_names": names,
        "output_names": tuple(f"class {i}" for i in range(n_outputs)),
        "reference": Reference("population", 100, tuple(base_values.mean(axis=0).tolist())),
        "method": "KernelSHAP",
        "params": {"seed": 7, "link": "logit", "groups": None},
        "details": {
            "of_rows": rng.normal(size=n_rows),
            "of_outputs": rng.normal(size=(n_rows, n_outputs)),
            "of_features": rng.normal(size=shape),
            "of_pairs": rng.normal(size=(n_rows, n_features, n_features, n_outputs)),
            "of_all": "text",
        },
        "n_model_rows": 1000,
    }
    return Attribution(**(fields | others))


def bare_attribution(values, **others):
    """Make an attribution with the required fields only, of an array without names."""
    values = np.asarray(values, dtype=float)
    n_rows, n_features, n_outputs = values.shape
    fields = {
        "values": values,
        "base_values": np.zeros((n_rows, n_outputs)),
        "predictions": values.sum(axis=1),
        "data": np.arange(n_rows * n_features).reshape(n_rows, n_features),
        "feature_names": [f"x{i}" for i in range(n_features)],
        "output_names": [f"y{i}" for i in range(n_outputs)],
    }
    return Attribution(**(fields | others))
