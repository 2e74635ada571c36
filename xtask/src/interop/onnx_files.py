"""Runs ONNX files: `python onnx_files.py CASES.json ANSWERS.json`.

The checker of the package `onnx` looks at each file; each program answers for all batches, and the largest difference, as
a share of the largest expected value, is written.
"""

import json
import sys

import numpy
import onnx
import onnxruntime


def array(text):
    return numpy.array(text["values"], dtype=numpy.float32).reshape(text["shape"])


def with_onnxruntime(case):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(case["file"], options)
    return lambda samples: session.run(None, {"input": samples})[0]


def check(case):
    onnx.checker.check_model(case["file"], full_check=True)


def largest_difference(case, program):
    worst = 0.0
    run = program(case)
    for batch in case["batches"]:
        expected = array(batch["expected"])
        found = run(array(batch["samples"]))
        if found.shape != expected.shape:
            raise ValueError(f"shape {found.shape}, expected {expected.shape}")
        scale = max(float(numpy.abs(expected).max(initial=0.0)), 1e-30)
        difference = numpy.abs(found.astype(numpy.float64) - expected).max(initial=0.0)
        worst = max(worst, float(difference) / scale)
    return worst


def answer(work):
    try:
        return {"Ok": work()}
    except Exception as error:  # whatever a program says is the answer
        return {"Err": " ".join(str(error).split())[:300]}


def main():
    asked, answered = sys.argv[1:]
    with open(asked, encoding="utf-8") as file:
        cases = json.load(file)
    answers = []
    for case in cases:
        checked = answer(lambda: check(case) or 0.0)
        ran = answer(lambda: largest_difference(case, with_onnxruntime))
        answers.append({"onnx": checked, "onnxruntime": ran})
    versions = {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
    with open(answered, "w", encoding="utf-8") as file:
        json.dump({"versions": versions, "answers": answers}, file)


main()
