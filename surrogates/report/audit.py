"""What a report needs to be checked, and computed again: versions, parameters, seeds, hashes."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

import surrogates
from surrogates.explanation import Attribution
from surrogates.report.fingerprints import model_digest, table_digest
from surrogates.report.markup import shortened

__all__ = ["audit_record", "explainer_record", "numbers_record", "package_versions", "plain"]

_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn")
_MOST_LETTERS = 20_000


def package_versions() -> dict[str, str]:
    """Return the versions of what computed a report."""
    found = {"surrogates": surrogates.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def audit_record(explainer: Any, explanation: Attribution, label: Any) -> dict[str, Any]:
    """Return the versions, the explainer, and the hashes of model, reference rows and row.

    Parameters
    ----------
    explainer : AttributionExplainer
        Fitted.
    explanation : Attribution
        Of one row and one output.
    label : object
        The caller's label of the row.
    """
    reference = explainer.reference_
    return {
        "versions": package_versions(),
        "explainer": explainer_record(explainer, explanation),
        "model": {
            "class": type(explainer.estimator_).__name__,
            "sha256": model_digest(explainer.estimator_),
        },
        "reference": {
            "n_rows": len(reference),
            "sha256": table_digest(reference.rows, reference.weights),
        },
        "row": {"label": shortened(label), "sha256": table_digest(explanation.data)},
    }


def explainer_record(explainer: Any, explanation: Attribution) -> dict[str, Any]:
    """Return how an explainer was set and run, and whether it can be built again from that."""
    params = {
        name: value
        for name, value in explainer.get_params(deep=False).items()
        if name not in ("estimator", "n_jobs", "verbose")
    }
    kept = {name: plain(value) for name, value in params.items()}
    told = {name: repr(value) for name, value in params.items() if kept[name] is _UNKNOWN}
    whole = {name: value for name, value in kept.items() if value is not _UNKNOWN} | told
    is_complete = not told and isinstance(kept.get("random_state"), int)
    if len(json.dumps(whole)) > _MOST_LETTERS:
        whole, is_complete = {"too long to keep": len(whole)}, False
    record = plain(dict(explanation.params))
    if record is _UNKNOWN or len(json.dumps(record)) > _MOST_LETTERS:
        record = {}
    return {
        "class": type(explainer).__name__,
        "params": whole,
        "can_be_rebuilt": is_complete,
        "run": record,
        "n_model_rows": explanation.n_model_rows,
    }


def numbers_record(explanation: Attribution, players: list[int]) -> dict[str, Any]:
    """Return the numbers of some players, exactly as they were computed."""
    errors = explanation.std_errors
    return {
        "output": explanation.output_names[0],
        "players": players,
        "features": [shortened(explanation.feature_names[player]) for player in players],
        "values": [float(explanation.values[0, player, 0]) for player in players],
        "std_errors": None
        if errors is None
        else [plain(errors[0, player, 0]) for player in players],
        "base_value": plain(explanation.base_values[0, 0]),
        "prediction": plain(explanation.predictions[0, 0]),
    }


_UNKNOWN = object()


def plain(value: Any) -> Any:
    """Return a value as JSON knows it, NaN as None; or a mark where it cannot be told."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        items = [plain(item) for item in value]
        return _UNKNOWN if any(item is _UNKNOWN for item in items) else items
    if isinstance(value, dict):
        pairs = {str(key): plain(item) for key, item in value.items()}
        return _UNKNOWN if any(item is _UNKNOWN for item in pairs.values()) else pairs
    return _UNKNOWN
