"""How far an explanation can be relied on, and what to say where it cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surrogates.explanation import Attribution
from surrogates.report.reasons import Reason

__all__ = ["Confidence", "Limits", "as_record", "judge", "read_limits"]


@dataclass(frozen=True)
class Limits:
    """Below which an explanation is not to be relied on.

    Parameters
    ----------
    fidelity : float
        Least fidelity of a local surrogate.
    error : float
        Largest norm of the standard errors, over the norm of the attributions.
    """

    fidelity: float = 0.5
    error: float = 0.25


def read_limits(limits: Mapping[str, float] | None) -> Limits:
    """Return the limits, those not given by default.

    Raises
    ------
    ValueError
        A limit that does not exist.
    """
    given = dict(limits or {})
    unknown = sorted(set(map(str, given)) - {"fidelity", "error"})
    if unknown:
        raise ValueError(f"limits may have the entries 'fidelity' and 'error'. Got {unknown}.")
    return Limits(**{name: float(value) for name, value in given.items()})


@dataclass(frozen=True)
class Confidence:
    """What is known of the errors of an explanation.

    Parameters
    ----------
    fidelity, error, gap : float or None
        Of the surrogate; of the attributions relative to their size; what they leave unexplained,
        relative to the sum of their magnitudes.
    converged : bool or None
    warnings : tuple of str
        Which limits are not kept.
    notes : tuple of str
        What else bears on the reasons.
    """

    fidelity: float | None
    error: float | None
    gap: float
    converged: bool | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def judge(
    explanation: Attribution, reasons: Sequence[Reason], n_reasons: int, limits: Limits
) -> Confidence:
    """Compare an explanation of one row and one output with the limits.

    Parameters
    ----------
    explanation : Attribution
    reasons : sequence of Reason
        Those listed.
    n_reasons : int
        How many there are in all.
    limits : Limits
    """
    fidelity = None if explanation.fidelity is None else float(explanation.fidelity[0, 0])
    error = _relative_error(explanation)
    converged = None if explanation.converged is None else bool(explanation.converged[0])
    return Confidence(
        fidelity=fidelity,
        error=error,
        gap=_gap(explanation),
        converged=converged,
        warnings=tuple(_warnings(fidelity, error, converged, reasons, limits)),
        notes=tuple(_notes(explanation, reasons, n_reasons)),
    )


def _relative_error(explanation: Attribution) -> float | None:
    if explanation.std_errors is None:
        return None
    errors = np.nan_to_num(explanation.std_errors[0, :, 0])
    size = float(np.linalg.norm(explanation.values[0, :, 0]))
    return float(np.linalg.norm(errors)) / size if size > 0.0 else None


def _gap(explanation: Attribution) -> float:
    size = float(np.abs(explanation.values[0, :, 0]).sum())
    gap = float(np.abs(explanation.additivity_gap[0, 0]))
    return gap / size if size > 0.0 else 0.0


def _warnings(
    fidelity: float | None,
    error: float | None,
    converged: bool | None,
    reasons: Sequence[Reason],
    limits: Limits,
) -> list[str]:
    told = []
    if fidelity is not None and not fidelity >= limits.fidelity:
        told.append(
            "The simple model behind these numbers follows the real one poorly: its fidelity is "
            f"{fidelity:.2f}, below the limit of {limits.fidelity:.2f}."
        )
    if error is not None and not error <= limits.error:
        told.append(
            f"The errors of these numbers are {error:.0%} of their size, above the limit of "
            f"{limits.error:.0%}."
        )
    if converged is False:
        told.append("The computation stopped before it reached the accuracy asked for.")
    doubtful = [str(reason.rank) for reason in reasons if not reason.is_certain]
    if doubtful:
        one = len(doubtful) == 1
        told.append(
            f"{'Reason' if one else 'Reasons'} {', '.join(doubtful)} cannot be told from no effect "
            "at all."
        )
    if not reasons:
        told.append("No column speaks for the decision: there is no reason to state.")
    return told


def _notes(explanation: Attribution, reasons: Sequence[Reason], n_reasons: int) -> list[str]:
    told = []
    if explanation.std_errors is None:
        told.append("The errors of these numbers are not known for this method.")
    told += [
        f"Reasons {reason.rank} and {reason.rank + 1} are of about the same weight: their order is "
        "not certain."
        for reason in reasons[:-1]
        if reason.tied_with_next
    ]
    if reasons and reasons[-1].tied_with_next and n_reasons > len(reasons):
        told.append(
            f"The reason after the last one listed is of about the same weight as reason "
            f"{reasons[-1].rank}."
        )
    return told


def as_record(confidence: Confidence, limits: Limits) -> dict[str, Any]:
    """Return the numbers and the limits, as JSON knows them."""
    return {
        "fidelity": confidence.fidelity,
        "error": confidence.error,
        "gap": confidence.gap,
        "converged": confidence.converged,
        "limits": {"fidelity": limits.fidelity, "error": limits.error},
    }
