"""The German credit table of the UCI repository."""

from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from surrogates._params import BOOLEAN, check_params

__all__ = ["load_german_credit"]

_FILE = "german_credit.csv.gz"
_TARGET = "credit_risk"


def load_german_credit(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load the Statlog German Credit table: loan applications, good and bad risks.

    ==============   ====================================
    Samples          1000 (700 "good", 300 "bad")
    Columns          20 (13 of strings, 7 of integers)
    Missing values   none
    ==============   ====================================

    Parameters
    ----------
    return_X_y : bool, default=False
        Return `(data, target)` instead of a Bunch.
    as_frame : bool, default=True
        Give the data as a DataFrame and the target as a Series; otherwise as arrays of objects.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : DataFrame or ndarray of shape (1000, 20)
            The applications: strings and integers. Amounts are in Deutsche Mark, durations in
            months, ages in years.
        target : Series or ndarray of shape (1000,)
            "good" or "bad".
        frame : DataFrame of shape (1000, 21) or None
            `data` and `target` together, if `as_frame=True`.
        feature_names : list of str
            Names of the columns.
        target_names : ndarray of shape (2,)
            "bad" and "good", sorted as a classifier sorts its `classes_`.
        DESCR : str
            Description: source, license, columns and levels.
        filename, data_module : str
            The bundled file and the package that holds it.
    (data, target) : tuple
        If `return_X_y=True`.

    Raises
    ------
    ValueError
        If a parameter is not a bool.

    Notes
    -----
    Created by Hans Hofmann and published in the UCI Machine Learning Repository [1]_ under the
    license Creative Commons Attribution 4.0 (CC BY 4.0). Changed here: columns were named, and the
    coded levels (A11, ..., A202) were replaced by readable ones after the repository's code book;
    `DESCR` lists each code with its level. Some levels of that code book are known to be
    mislabeled [2]_.

    References
    ----------
    .. [1] H. Hofmann, "Statlog (German Credit Data)", UCI Machine Learning Repository, 1994,
       https://doi.org/10.24432/C5NC77
    .. [2] U. Groemping, "South German Credit Data: Correcting a Widely Used Data Set", Reports in
       Mathematics, Physics and Chemistry 4/2019, Beuth University of Applied Sciences Berlin.

    Examples
    --------
    >>> from surrogates.datasets import load_german_credit
    >>> X, y = load_german_credit(return_X_y=True)
    >>> X.shape
    (1000, 20)
    >>> print(X.loc[0, ["purpose", "amount", "duration", "checking_status"]].to_string())
    purpose            radio/television
    amount                         1169
    duration                          6
    checking_status              < 0 DM
    >>> y.value_counts().to_dict()
    {'good': 700, 'bad': 300}
    """
    check_params(
        "load_german_credit",
        {"return_X_y": return_X_y, "as_frame": as_frame},
        {"return_X_y": [BOOLEAN], "as_frame": [BOOLEAN]},
    )
    frame = _read()
    data: Any = frame.drop(columns=_TARGET)
    target: Any = frame[_TARGET]
    feature_names = data.columns.tolist()
    if not as_frame:
        data, target = data.to_numpy(object), target.to_numpy(object)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame if as_frame else None,
        feature_names=feature_names,
        target_names=np.array(["bad", "good"], dtype=object),
        DESCR=resources.files(__package__).joinpath("german_credit.rst").read_text("utf-8"),
        filename=_FILE,
        data_module=__package__,
    )


def _read() -> pd.DataFrame:
    # "none" is a level of some columns, so no string may be read as a missing value
    with resources.files(__package__).joinpath(_FILE).open("rb") as file:
        frame: pd.DataFrame = pd.read_csv(file, compression="gzip", keep_default_na=False)
    return frame
