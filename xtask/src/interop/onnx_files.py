"""Runs ONNX files: `python onnx_files.py CASES.json ANSWERS.json PROGRAM…`.

The checker of the package `onnx` looks at each file; each other program answers for all batches, and the largest
difference, as a share of the largest expected value of an output, is written.
"""

import importlib.metadata
import json
import sys

import numpy


def array(text):
    values = text["values"]
    is_text = any(isinstance(value, str) for value in values)
    return numpy.array(values, dtype=object if is_text else numpy.float32).reshape(text["shape"])


def with_onnxruntime(case):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(case["file"], options)
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(None, inputs)))


def with_tract(case):
    import tract

    model = tract.onnx().load(case["file"])
    inputs = [model.input_name(i) for i in range(model.input_count())]
    outputs = [model.output_name(i) for i in range(model.output_count())]
    runnable = model.into_model().into_runnable()

    def run(values):
        found = runnable.run([values[name] for name in inputs])
        return dict(zip(outputs, (value.to_numpy() for value in found)))

    return run


def check(case):
    import onnx

    onnx.checker.check_model(case["file"], full_check=True)
    return 0.0


PROGRAMS = {
    "onnx": check,
    "onnxruntime": lambda case: largest_difference(case, with_onnxruntime),
    "tract": lambda case: largest_difference(case, with_tract),
}


def largest_difference(case, program):
    worst = 0.0
    run = program(case)
    for batch in case["batches"]:
        found = run({name: array(text) for name, text in batch["inputs"].items()})
        if found.keys() != batch["expected"].keys():
            raise ValueError(f"outputs {sorted(found)}, expected {sorted(batch['expected'])}")
        for name, text in batch["expected"].items():
            worst = max(worst, difference(found[name], array(text)))
    return worst


def difference(found, expected):
    if found.shape != expected.shape:
        raise ValueError(f"shape {found.shape}, expected {expected.shape}")
    if found.dtype != numpy.float32:
        return 0.0 if (found == expected).all() else 1.0
    scale = max(float(numpy.abs(expected).max(initial=0.0)), 1e-30)
    return float(numpy.abs(found.astype(numpy.float64) - expected).max(initial=0.0)) / scale


def answer(work):
    try:
        return {"Ok": work()}
    except Exception as error:  # whatever a program says is the answer
        return {"Err": " ".join(str(error).split())[:300]}


def main():
    asked, answered, *programs = sys.argv[1:]
    with open(asked, encoding="utf-8") as file:
        cases = json.load(file)
    answers = [{name: answer(lambda: PROGRAMS[name](case)) for name in programs} for case in cases]
    versions = {name: importlib.metadata.version(name) for name in programs}
    with open(answered, "w", encoding="utf-8") as file:
        json.dump({"versions": versions, "answers": answers}, file)


main()
