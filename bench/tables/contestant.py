"""Trains one contestant on a table and prints its test score: accuracy or R², times 100.

Usage: contestant.py NAME TRAIN.csv TEST.csv [--threads N] [--epochs N]

With --epochs the network of scikit-learn (100 ReLU units, Adam, batches of 200) trains that many and never stops earlier.
"""

import argparse
import json
import os
import time


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=["mlp", "trees", "realmlp"])
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--epochs", type=int)
    args = parser.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = args.threads

    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    train, test = (pd.read_csv(file) for file in (args.train, args.test))
    (x, y), (test_x, test_y) = ((frame.drop(columns="target"), frame["target"]) for frame in (train, test))
    is_class = not pd.api.types.is_numeric_dtype(y)
    texts = [column for column in x.columns if not pd.api.types.is_numeric_dtype(x[column])]
    numbers = [column for column in x.columns if column not in texts]

    def as_categories(frame):
        frame = frame.copy()
        for column in texts:
            frame[column] = pd.Categorical(frame[column], categories=sorted(x[column].dropna().unique()))
        return frame

    if args.name == "mlp":
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        begin = time.perf_counter()
        scaled = ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
                ("texts", OneHotEncoder(handle_unknown="ignore"), texts),
            ]
        )
        fixed = {"max_iter": args.epochs, "n_iter_no_change": args.epochs, "tol": 0.0} if args.epochs else {}
        network = (MLPClassifier if is_class else MLPRegressor)(random_state=0, **fixed)
        model = make_pipeline(scaled, network).fit(x, y)
        score = model.score(test_x, test_y)
    elif args.name == "trees":
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        begin = time.perf_counter()
        kind = HistGradientBoostingClassifier if is_class else HistGradientBoostingRegressor
        model = kind(categorical_features="from_dtype", random_state=0).fit(as_categories(x), y)
        score = model.score(as_categories(test_x), test_y)
    else:
        from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

        begin = time.perf_counter()
        kind = RealMLP_TD_S_Classifier if is_class else RealMLP_TD_S_Regressor
        medians = x[numbers].median()
        known = lambda frame: as_categories(frame).fillna(medians)
        model = kind(device="cpu", random_state=0, n_threads=int(args.threads)).fit(known(x), y)
        score = model.score(known(test_x), test_y)
    print(json.dumps({"score": 100 * score, "seconds": time.perf_counter() - begin}))


main()
