"""
Which columns drove a denied loan
=================================

A bank's Pipeline on the raw, mixed-type loan table denies an applicant. Which of the original
columns drove the decision, by how much, and how sure is that?
"""

# %%
# The model is an ordinary Pipeline on the table as it comes: strings, numbers, missing values.
import matplotlib

matplotlib.use("Agg")

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import KernelSHAP
from surrogates.datasets import load_german_credit

X, y = load_german_credit(return_X_y=True)
train, test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
levels = make_pipeline(
    SimpleImputer(strategy="most_frequent"),
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
)
columns = make_column_transformer(
    (numbers, make_column_selector(dtype_include="number")),
    (levels, make_column_selector(dtype_exclude="number")),
)
model = make_pipeline(columns, HistGradientBoostingClassifier(random_state=0))
model.fit(train, y_train)

# %%
# One applicant whom the model denies, explained against the population of past applicants.
denied = test[model.predict(test) == "bad"]
applicant = denied.iloc[:1]
explainer = KernelSHAP(model, target="bad", random_state=0).fit(train)
explanation = explainer.explain(applicant)

probability = explanation.predictions[0, 0]
print(f"Applicant {applicant.index[0]}: probability of a bad loan {probability:.2f}, denied.")
print(f"Compared with {explanation.reference}, whose mean is {explanation.base_values[0, 0]:.2f}.")
print(f"{explanation.n_model_rows:,} model rows were asked for.\n")
print("Reasons, strongest first, in probability, with standard errors:")
for reason in explanation.top(8).itertuples():
    bar = "#" * round(100 * abs(reason.attribution))
    print(
        f"{reason.rank:2d}. {reason.feature:24s} {reason.value!s:26s} "
        f"{reason.attribution:+.3f} +- {reason.std_error:.3f}  {bar}"
    )

# %%
# The same as a picture: a waterfall for the applicant, and a beeswarm over denied applicants.
explanation.plot("waterfall").figure_.savefig("loan_waterfall.png", bbox_inches="tight")
many = explainer.explain(denied.head(20))
many.plot("beeswarm").figure_.savefig("loan_beeswarm.png", bbox_inches="tight")
print("\nPictures: loan_waterfall.png, loan_beeswarm.png")
