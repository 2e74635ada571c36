"""Writes tables that packages carry as CSV files, the same rows for every contestant.

Usage: tables.py OUT [--mlbench FOLDER] [--adult FOLDER]

Each table becomes a folder with `0-train.csv`, `0-test.csv`, `1-train.csv`, ... and `about.json`; the target is the last
column, `target`. A fifth of the rows is the test set: ten splits, or five above 10,000 rows. What is missing is said.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn.datasets
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

ADULT = (
    "age workclass fnlwgt education education-num marital-status occupation relationship race sex capital-gain "
    "capital-loss hours-per-week native-country target"
).split()


def scikit_learn(load):
    """A table that scikit-learn carries: numbers, and the target."""
    data = load(as_frame=True)
    frame = data.frame.rename(columns={data.target.name: "target"})
    if load is not sklearn.datasets.load_diabetes:
        frame["target"] = ["class " + str(value) for value in frame["target"]]
    return frame


def mlbench(folder, name, target):
    """A table of the R package mlbench."""
    import rdata

    if folder is None:
        raise FileNotFoundError("no folder of mlbench")
    frame = rdata.read_rda(next(Path(folder).rglob(f"{name}.rda")))[name]
    columns = [column for column in frame.columns if column != target] + [target]
    return frame[columns].rename(columns={target: "target"})


def adult(folder):
    if folder is None:
        raise FileNotFoundError("no folder of Adult")
    files = [Path(folder) / name for name in ("adult.data", "adult.test")]
    read = [
        pd.read_csv(file, names=ADULT, skipinitialspace=True, na_values="?", comment="|") for file in files
    ]
    frame = pd.concat(read, ignore_index=True)
    frame["target"] = frame["target"].str.rstrip(".")
    return frame


def diamonds():
    from plotnine.data import diamonds as frame

    columns = [column for column in frame.columns if column != "price"] + ["price"]
    return frame[columns].rename(columns={"price": "target"})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--mlbench")
    parser.add_argument("--adult")
    args = parser.parse_args()
    tables = {
        "iris": lambda: scikit_learn(sklearn.datasets.load_iris),
        "wine": lambda: scikit_learn(sklearn.datasets.load_wine),
        "breast-cancer": lambda: scikit_learn(sklearn.datasets.load_breast_cancer),
        "digits": lambda: scikit_learn(sklearn.datasets.load_digits),
        "diabetes": lambda: scikit_learn(sklearn.datasets.load_diabetes),
        "letter": lambda: mlbench(args.mlbench, "LetterRecognition", "lettr"),
        "satellite": lambda: mlbench(args.mlbench, "Satellite", "classes"),
        "shuttle": lambda: mlbench(args.mlbench, "Shuttle", "Class"),
        "adult": lambda: adult(args.adult),
        "diamonds": diamonds,
    }
    for name, load in tables.items():
        folder = args.out / name
        if (folder / "about.json").exists():
            continue
        try:
            frame = load()
        except Exception as error:  # What cannot be had is left out, and said.
            print(f"{name}: left out: {error}", file=sys.stderr)
            continue
        folder.mkdir(parents=True, exist_ok=True)
        is_number = pd.api.types.is_numeric_dtype
        is_class = not is_number(frame["target"])
        splits = 5 if len(frame) > 10_000 else 10
        kind = StratifiedShuffleSplit if is_class else ShuffleSplit
        about = {"rows": len(frame), "features": frame.shape[1] - 1, "splits": splits, "test_variance": []}
        about["kinds"] = {name: "number" if is_number(frame[name]) else "category" for name in frame.columns}
        about["classes"] = int(frame["target"].nunique()) if is_class else None
        chosen = kind(splits, test_size=0.2, random_state=0).split(frame, frame["target"] if is_class else None)
        for number, (train, test) in enumerate(chosen):
            for part, rows in (("train", train), ("test", test)):
                frame.iloc[rows].to_csv(folder / f"{number}-{part}.csv", index=False)
            about["test_variance"].append(None if is_class else float(np.var(frame["target"].iloc[test])))
        (folder / "about.json").write_text(json.dumps(about))


main()
