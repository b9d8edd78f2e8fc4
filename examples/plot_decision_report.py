"""
A decision on one page
======================

A loan is denied. The applicant is told the reasons, the officer sees what they rest on, and an
auditor checks months later that nobody changed the page and that the model still says so.
"""

# %%
# A Pipeline on the raw German credit table, missing values and all.
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from surrogates import Counterfactuals, KernelSHAP
from surrogates.datasets import load_german_credit
from surrogates.report import Report, decision_report, verify_report

X, y = load_german_credit(return_X_y=True)
train, test, y_train, _ = train_test_split(X, y, random_state=0, stratify=y)
test = test.astype({"age": float})
test.iloc[::7, test.columns.get_loc("age")] = float("nan")
columns = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False),
     make_column_selector(dtype_exclude="number")),
    (SimpleImputer(strategy="median"), make_column_selector(dtype_include="number")),
)  # fmt: skip
model = make_pipeline(columns, HistGradientBoostingClassifier(random_state=0))
model.fit(train, y_train)
denied = test[model.predict(test) == "bad"]

# %%
# The reasons are against those who just passed: the columns on which this applicant falls furthest
# behind them. Age, sex and origin may not be reasons, and no way to a loan may change them.
forbidden = ["age", "personal_status_sex", "foreign_worker"]
explainer = KernelSHAP(
    model, target="bad", background="at_threshold", passing="below", random_state=0
).fit(train)
search = Counterfactuals(model, n_counterfactuals=3, immutable=forbidden).fit(train)
codes = {
    "duration": ("07", "Length of the loan"),
    "checking_status": ("12", "Balance of the checking account"),
    "amount": ("08", "Amount of the loan"),
    "savings": ("13", "Savings"),
}


def report_on(row: int, view: str) -> Report:
    return decision_report(
        explainer, row, X=denied, view=view, outcomes=("approved", "denied"), forbidden=forbidden,
        reason_codes=codes, counterfactuals=search, X_train=train, y_train=y_train,
        reference_name="applicants who just passed", title="Decision on a loan",
    )  # fmt: skip


reports = [report_on(row, "officer") for row in range(8)]
print("status of the first denied applicants:", [report.status for report in reports])
place = next(row for row, report in enumerate(reports) if report.status != "blocked")
print(reports[place].reasons[["column", "value", "typical", "attribution"]].to_string())

# %%
# The page of the applicant, as it stands in a file.
report = report_on(place, "applicant")
folder = Path(tempfile.mkdtemp())
path = report.save(folder / "decision.html")
print(f"{path.stat().st_size / 1000:.0f} kB, checksum {report.digest[:12]}...")
report  # noqa: B018 (shown by notebooks and the gallery)

# %%
# Months later: the page is unchanged, and the model still gives these numbers. A page on which
# somebody changed a word is refused.
print(verify_report(path, explainer=explainer, X=denied))
changed = folder / "changed.html"
changed.write_bytes(path.read_bytes().replace(b">denied<", b">approved<"))
print(verify_report(changed))

# %%
# Where a forbidden column is a principal reason, nothing is written for the applicant, and the
# officer learns why.
blocked = next((row for row, found in enumerate(reports) if found.status == "blocked"), None)
if blocked is not None:
    print(*reports[blocked].findings, sep="\n")
    print(report_on(blocked, "applicant"))

# %%
# The same reasons as a picture.
picture = explainer.explain(denied.iloc[[place]]).plot("waterfall")
picture.figure_.savefig(folder / "reasons.png", bbox_inches="tight")
