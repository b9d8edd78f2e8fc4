"""
Which explanation to believe
============================

Two explainers of one model, and a third that is wrong on purpose, are judged on the same rows.
Then one explanation is fitted again and again, to see how much of it the training rows decide.

    python examples/plot_judging_explanations.py
"""

# %%
# Two explainers of a boosting model, and one that gives right numbers to the wrong columns.
import warnings

import matplotlib

matplotlib.use("Agg")

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import train_test_split

from surrogates import LIME, KernelSHAP
from surrogates.explanation import Attribution, ComparisonDisplay
from surrogates.metrics import (
    compare_explainers,
    feature_agreement,
    flipping_curve,
    label_randomization,
    refit_stability,
)

warnings.filterwarnings("ignore", "The surrogate explains less than")
X, y = load_diabetes(return_X_y=True, as_frame=True)
train, test, y_train, _ = train_test_split(X, y, random_state=0)
model = GradientBoostingRegressor(n_estimators=50, random_state=0).fit(train, y_train)
rows = test.head(25)


class Shuffled:
    """An explainer that gives every row the right numbers in the wrong columns."""

    def __init__(self, explainer: Any) -> None:
        self.explainer, self.model_, self.reference_ = (
            explainer,
            explainer.model_,
            explainer.reference_,
        )

    def explain(self, rows: Any) -> Attribution:
        """Explain rows, wrongly."""
        explanation = self.explainer.explain(rows)
        return replace(explanation, values=explanation.values[:, ::-1])


# %%
# Three explainers, judged against the rows that each compares with. Faithfulness and the kernel R2
# find the wrong one out; its attributions add up as well as the right ones.
shap = KernelSHAP(model, n_background=50, random_state=0).fit(train)
explainers = {
    "KernelSHAP": shap,
    "LIME": LIME(model, random_state=0).fit(train),
    "shuffled": Shuffled(shap),
}
frame = compare_explainers(explainers, rows, n_background=50)
print(frame.round(3).to_string(index=False))
ComparisonDisplay(frame).plot().figure_.savefig("judged.png", bbox_inches="tight")

# %%
# The response as columns are removed in the order of the explanation, and backwards.
explanation = shap.explain(rows)
curves = flipping_curve(model, rows, explanation, background=shap.reference_.rows)
curves.plot().figure_.savefig("flipping.png", bbox_inches="tight")
agreement = feature_agreement(explanation, explainers["LIME"].explain(rows), k=3)
print(f"\nOf their three strongest columns, KernelSHAP and LIME share {agreement.mean():.0%}.")

# %%
# Does the explanation depend on what the model has learnt? And on the patients it learnt from?
change = label_randomization(shap, train, y_train, rows, n_repeats=2, random_state=0)
print(f"With permuted labels the ranking changes by {change.mean():.2f} (0: not at all).")
stability = refit_stability(shap, train, y_train, rows[:3], n_refits=20, random_state=0)
patient = stability.to_frame().query("row == @rows.index[0]")
columns = ["feature", "attribution", "low", "high", "same_sign", "in_top"]
strongest = patient.reindex(patient["attribution"].abs().sort_values(ascending=False).index)
print(f"\nPatient {rows.index[0]}, over 20 bootstrap refits:")
print(strongest[columns].head(5).round(2).to_string(index=False))
stability.plot(0).figure_.savefig("refits.png", bbox_inches="tight")
assert np.isfinite(frame["mean"]).all()
print("\nPictures: judged.png, flipping.png, refits.png")
