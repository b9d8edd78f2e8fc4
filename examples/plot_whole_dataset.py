"""
What a model does as a whole
============================

Attributions of many rows are pooled over groups, which conserves their sum, and clustered, which
finds the ways in which a model decides: among them a stamp that gives the label away.

    python examples/plot_whole_dataset.py
"""

# %%
# Two generated data sets with known stories.
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from surrogates import KernelSHAP
from surrogates.metrics.clustering import pool, spray

rng = np.random.default_rng(0)

# %%
# Strength of concrete: generated mixtures with the columns and the size of the well-known data set
# (Yeh 1998), as in figures 2 and 11 of Samek et al. (2021).
n = 1030
mixtures = pd.DataFrame(
    {
        "cement": rng.uniform(102, 540, n),
        "slag": rng.choice([0.0, 1.0], n) * rng.uniform(20, 360, n),
        "fly_ash": rng.choice([0.0, 1.0], n) * rng.uniform(60, 200, n),
        "water": rng.uniform(122, 247, n),
        "superplasticizer": rng.choice([0.0, 1.0], n) * rng.uniform(2, 32, n),
        "coarse": rng.uniform(801, 1145, n),
        "fine": rng.uniform(594, 993, n),
        "age": rng.choice([3, 7, 14, 28, 56, 90, 180, 365], n),
    }
)
binder = mixtures["cement"] + 0.8 * mixtures["slag"] + 0.4 * mixtures["fly_ash"]
strength = 18.0 * binder / mixtures["water"] * np.log1p(mixtures["age"]) / np.log(29) - 4.0
strength += 0.3 * mixtures["superplasticizer"] + rng.normal(scale=3.0, size=n)

model = GradientBoostingRegressor(random_state=0).fit(mixtures, strength)
explanation = KernelSHAP(model, n_background=100, random_state=0).fit(mixtures).explain(mixtures)
quarter = pd.qcut(explanation.predictions[:, 0], 4, labels=["weak", "low", "good", "strong"])
groups = {
    "binder": ["cement", "slag", "fly_ash"],
    "water": ["water"],
    "aggregate": ["coarse", "fine"],
    "admixture": ["superplasticizer"],
}
pooled = pool(explanation, quarter, groups).droplevel("output")
print("Summed attributions to strength, by quarter of the prediction and group of ingredients")
print(pooled.round(0).to_string())
gap = pooled.to_numpy().sum() - explanation.values.sum()
print(f"Sum of all cells less the sum of all attributions: {abs(gap):.0e}\n")
ax = pooled.plot.barh(stacked=True, figsize=(8, 3))
ax.set_xlabel("summed attribution (MPa)")
ax.figure.savefig("pooled.png", bbox_inches="tight")

# %%
# A Clever Hans: in a sixth of the rows, the stamp of a clinic says what the label is.
n = 800
patients = pd.DataFrame(rng.normal(size=(n, 4)), columns=["age", "pressure", "lactate", "pulse"])
sick = patients["age"] * patients["pressure"] + patients["lactate"] + rng.normal(size=n) > 0
stamped = rng.random(n) < 1 / 6
sick = np.where(stamped, True, sick)
patients["stamp"] = np.where(stamped, "clinic 7", "none")
encode = make_column_transformer(
    (OneHotEncoder(sparse_output=False), ["stamp"]), remainder="passthrough"
)
classifier = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=60, random_state=0))
classifier.fit(patients, sick)
explainer = KernelSHAP(classifier, response_method="decision_function", random_state=0)
found = spray(explainer.fit(patients).explain(patients[:400]), random_state=0)
print("Ways to decide")
print(found.clusters.round(2).to_string())
for cluster, line in found.flags.iterrows():
    share = stamped[:400][found.labels == cluster].mean()
    print(f"Look at cluster {cluster}: '{line['feature']}'. Stamped rows in it: {share:.0%}")
found.plot().figure_.savefig("strategies.png", bbox_inches="tight")
plt.close("all")
print("\nPictures: pooled.png, strategies.png")
