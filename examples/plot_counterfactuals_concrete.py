"""
A mix that reaches its strength
===============================

A model predicts the strength of concrete from its mix. Which change of a weak mix brings it into
the interval wanted, 45 to 50 MPa? The mix is made of parts: the ratio of water to cement follows
from them, and cement is dear.
"""

# %%
# Data like concrete: strength grows with age and falls with the ratio of water to cement.
import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from surrogates import Counterfactuals

rng = np.random.default_rng(0)
n = 800
mixes = pd.DataFrame(
    {
        "cement": rng.uniform(150, 500, n).round(1),
        "slag": np.where(rng.random(n) < 0.5, 0.0, rng.uniform(20, 250, n)).round(1),
        "water": rng.uniform(140, 220, n).round(1),
        "age_days": rng.choice([3, 7, 14, 28, 56, 90], n),
    }
)
mixes["water_to_cement"] = mixes.water / mixes.cement
strength = (
    60.0 * np.exp(-1.2 * mixes.water_to_cement) * np.log1p(mixes.age_days) / np.log(29)
    + 0.05 * mixes.slag
    + rng.normal(scale=2.0, size=n)
)
model = HistGradientBoostingRegressor(random_state=0).fit(mixes, strength)
weak = mixes[model.predict(mixes) < 30].head(3)


# %%
# The ratio is recomputed from the parts, new amounts are multiples of 5 kg, and a kilogram of
# cement counts three times.
def ratio(table: pd.DataFrame) -> pd.Series:
    return table["water"] / table["cement"]


search = Counterfactuals(
    model,
    desired_range=(45, 50),
    n_counterfactuals=2,
    derived={"water_to_cement": ratio},
    steps={"cement": 5, "slag": 5, "water": 5},
    ranges={"cement": (150, 500), "slag": (0, 250), "water": (140, 220), "age_days": (3, 90)},
    weights={"cement": 3.0},
).fit(mixes)
found = search.explain(weak)
print(found.to_frame().drop(columns=["outlier_factor"]).round(2).to_string(index=False))
assert np.allclose(found.frame.water_to_cement, ratio(found.frame))

# %%
# Without a derived column the trees themselves are searched, and the answer is proved.
parts = mixes.drop(columns="water_to_cement")
boosting = HistGradientBoostingRegressor(max_iter=30, random_state=0).fit(parts, strength)
exact = Counterfactuals(boosting, desired_range=(45, 50), time_limit=2.0).fit(parts)
found = exact.explain(weak[parts.columns])
for line, row in enumerate(found.row):
    print(f"{found.sentences[line]} [{found.status[row]}]")
    print(f"  cost {found.cost[line]:.3f}, no answer is below {found.lower_bound[line]:.3f}")
found[0].plot().figure_.savefig("counterfactuals_concrete.png", bbox_inches="tight")
print("Picture: counterfactuals_concrete.png")
