"""
Stable explanations of a diagnosis, and how far to trust them
=============================================================

A forest tells malignant from benign tumours. LIME explains single patients by a linear surrogate.
Two questions come before reading it: does the answer change with the seed, and does the surrogate
follow the model at all?
"""

# %%
# The model, and patients whom it has not seen.
import warnings

import matplotlib

matplotlib.use("Agg")

from itertools import combinations
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from surrogates import LIME
from surrogates.explanation import Attribution

warnings.filterwarnings("ignore", "The surrogate explains less than")  # shown below instead
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
train, test, y_train, _ = train_test_split(X, y, random_state=0, stratify=y)
forest = RandomForestClassifier(100, random_state=0).fit(train, y_train)
patients = test.head(12)

# %%
# Stability: the overlap (Jaccard) of the five strongest columns between seeds, for the sampled
# surrogate at several budgets, and for the exact limit, which has no noise to begin with.


def top_five(explanation: Attribution) -> list[set[int]]:
    return [set(np.argsort(-np.abs(row))[:5]) for row in explanation.values[..., 0]]


def stability(**keywords: Any) -> float:
    runs = [
        top_five(LIME(forest, random_state=seed, **keywords).fit(train).explain(patients))
        for seed in range(5)
    ]
    pairs = [(a, b) for tops in zip(*runs, strict=True) for a, b in combinations(tops, 2)]
    return np.mean([len(a & b) / len(a | b) for a, b in pairs])


print("Overlap of the top five columns between seeds")
for n_samples in (500, 1000, 5000):
    print(f"  {n_samples:5d} neighbours  {stability(n_samples=n_samples, exact=False):.2f}")
print(f"  exact             {stability():.2f}\n")

# %%
# Fidelity: how much of the model's response around a patient the surrogate explains. It differs
# between patients, and no number of neighbours changes it.
explanation = LIME(forest, random_state=0).fit(train).explain(patients)
print("patient  P(benign)  surrogate  fidelity  strongest columns")
for row, label in enumerate(explanation.index):
    names = explanation[row].top(2)["feature"]
    said = explanation.details["surrogate_predictions"][row, 0]
    print(
        f"{label:7d}  {explanation.predictions[row, 0]:9.2f}  {said:9.2f}  "
        f"{explanation.fidelity[row, 0]:8.2f}  {', '.join(names)}"
    )

# %%
# One patient with intervals, and three who together show what the forest looks at.
sampled = LIME(forest, n_samples=1000, exact=False, random_state=0).fit(train).explain(patients)
sampled[0].plot("bar").figure_.savefig("lime_patient.png", bbox_inches="tight")
picked = LIME(forest, n_features=5, random_state=0).fit(train).pick(test, 3)
print(
    f"\nPatients {list(picked.index)} cover {picked.details['coverage'][-1]:.0%} of what matters."
)
print("Picture: lime_patient.png")
