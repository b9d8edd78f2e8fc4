"""
From one machine to a cluster
=============================

The same explainer on the workers of a Dask cluster: the blocks of rows and their seeds do not
depend on who computes them, so the answer is the same to the last bit.

    python examples/plot_dask.py
"""

# %%
# A forest on the raw table of loan applications, and its explainer.
import matplotlib

matplotlib.use("Agg")

import joblib
import numpy as np
from dask.distributed import Client, LocalCluster
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from surrogates import KernelSHAP
from surrogates.datasets import load_german_credit

X, y = load_german_credit(return_X_y=True)
X_train, X_test, y_train, _ = train_test_split(X, y, test_size=0.2, random_state=0, stratify=y)
encoder = make_column_transformer(
    (OrdinalEncoder(), make_column_selector(dtype_exclude="number")), remainder="passthrough"
)
model = make_pipeline(encoder, HistGradientBoostingClassifier(random_state=0))
model.fit(X_train, y_train)
explainer = KernelSHAP(
    model, target="bad", n_coalitions=256, n_background=50, n_jobs=2, random_state=0
)
explainer.fit(X_train)
rows = X_test.head(40)
here = explainer.explain(rows)

# %%
# A cluster of two workers on this machine stands for any other:
# ``Client("tcp://scheduler:8786")`` instead of ``Client(cluster)`` is the only change.
cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None)
with cluster, Client(cluster), joblib.parallel_config(backend="dask"):
    there = explainer.explain(rows)

print(f"{len(there)} rows explained with {there.n_model_rows:,} model rows.")
print("Equal to the last bit:", np.array_equal(here.values, there.values))

# %%
# What drives the risk of these loans.
there.plot("beeswarm").figure_.savefig("dask.png", bbox_inches="tight")
