"""
Three ways to a loan
====================

A forest on the raw German credit table denies an applicant. What would have to change? Age and
personal status cannot; the ways should differ, and lead to applicants who could exist.
"""

# %%
# The model sees strings and numbers as they are.
import matplotlib

matplotlib.use("Agg")

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from surrogates import Counterfactuals
from surrogates.datasets import load_german_credit

X, y = load_german_credit(return_X_y=True)
train, test, y_train, _ = train_test_split(X, y, random_state=0, stratify=y)
columns = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    remainder="passthrough",
)
forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0)
model = make_pipeline(columns, forest).fit(train, y_train)
denied = test[model.predict(test) == "bad"].head(5)

# %%
# The cheapest change of each applicant is proved to be the cheapest: the search opens boxes of the
# forest's cells in the order of their cost.
fixed = ["age", "personal_status_sex", "foreign_worker", "people_liable"]
search = Counterfactuals(model, immutable=fixed).fit(train)
found = search.explain(denied)
print("The cheapest way")
for sentence, status, cost in zip(found.sentences, found.status, found.cost, strict=True):
    print(f"  {sentence} [{status}, cost {cost:.2f}]")

# %%
# Three ways that differ, under rules of the bank: no amount above the present one, durations of
# whole half years, and no further from approved applicants than these are from each other.
search = Counterfactuals(
    model,
    n_counterfactuals=3,
    immutable=fixed,
    decreasing=["amount"],
    steps={"duration": 6, "amount": 100},
    ranges={"duration": (6, 48)},
    plausibility=0.95,
).fit(train)
found = search.explain(denied)
print("\nThree plausible ways")
for line, sentence in enumerate(found.sentences):
    print(f"  {sentence} (cost {found.cost[line]:.2f}, distance {found.distance[line]:.3f})")
assert (model.predict(found.frame) == "good").all()

# %%
# One applicant before and after.
found[0].plot().figure_.savefig("counterfactuals_credit.png", bbox_inches="tight")
print(f"\n{found}\nPicture: counterfactuals_credit.png")
