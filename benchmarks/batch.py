"""A monthly batch: the reasons of many generated loan applications in bounded memory.

OMP_NUM_THREADS=1 python benchmarks/batch.py --model boosting --every-reference
"""

import argparse
import json
import resource
import time
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import KernelSHAP
from surrogates.datasets import make_loan_applications

MODELS = {
    "boosting": (HistGradientBoostingClassifier(max_iter=100, random_state=0), "decision_function"),
    "linear": (LogisticRegression(max_iter=1000), "decision_function"),
}


def pipeline(model: object) -> object:
    columns = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    return make_pipeline(columns, model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--size", type=int, default=5000)
    parser.add_argument("--model", choices=sorted(MODELS), default="boosting")
    parser.add_argument("--every-reference", action="store_true", help="n_background=None")
    parser.add_argument("--sampling", action="store_true", help="do not use exact paths")
    arguments = parser.parse_args()
    training = make_loan_applications(2000, random_state=0)
    model, response_method = MODELS[arguments.model]
    fitted = pipeline(model).fit(training.data, training.target)
    applications = make_loan_applications(arguments.rows, random_state=1).data
    applications.index = pd.RangeIndex(arguments.rows) + 500_000
    explainer = KernelSHAP(
        fitted,
        response_method=response_method,
        target="bad",
        method="sampling" if arguments.sampling else "auto",
        n_background=None if arguments.every_reference else 100,
        random_state=0,
    ).fit(training.data)
    explainer.explain(applications.head(100))  # warm-up
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    reasons = pd.concat(
        batch.top(4) for batch in explainer.explain_batches(applications, arguments.size)
    )
    seconds = time.perf_counter() - start
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    result = {
        "model": arguments.model,
        "rows": arguments.rows,
        "reference_rows": int(explainer.explain(applications.head(1)).reference.n_rows),
        "rows_per_second": arguments.rows / seconds,
        "reasons": len(reasons),
        "extra_peak_mib": extra,
        "method": explainer.explain(applications.head(2)).params["method"],
    }
    print(json.dumps(result, indent=1))
    name = f"batch_{arguments.model}_{result['reference_rows']}.json"
    path = Path(__file__).parent / "results" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
