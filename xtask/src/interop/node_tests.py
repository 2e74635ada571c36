"""The node tests of the Python package `onnx` as networks: for `cargo xtask interop --only import`.

Called with a folder and the names of operators. Of each test of one of them it writes the model to the folder, with all inputs but the
first as tensors of the file and the output as a row per sample, and to `nodes.json` the samples and what is expected.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from onnx.backend.test.case.node import collect_testcases


def as_rows(graph, rank):
    """Adds operators that make a row per sample of the output; images have their channels last in it."""
    name = graph.output[0].name
    if rank == 4:
        graph.node.append(helper.make_node("Transpose", [name], ["gradus_last"], perm=[0, 2, 3, 1]))
        name = "gradus_last"
    if rank != 2:
        graph.node.append(helper.make_node("Flatten", [name], ["gradus_rows"]))
        name = "gradus_rows"
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))


def case_of(test, path):
    model = onnx.ModelProto()
    model.CopyFrom(test.model)
    graph = model.graph
    inputs, outputs = test.data_sets[0]
    if not all(isinstance(value, np.ndarray) for value in [*inputs, *outputs]) or not inputs:
        return None
    for value, array in list(zip(graph.input, inputs))[1:]:
        graph.initializer.append(numpy_helper.from_array(array, value.name))
    del graph.input[1:]
    expected = outputs[0]
    if len(outputs) == 1:
        as_rows(graph, expected.ndim)
        if expected.ndim == 4:
            expected = expected.transpose(0, 2, 3, 1)
    path.write_bytes(model.SerializeToString())
    flat = lambda value: np.asarray(value, dtype=np.float64).flatten().tolist()
    is_number = all(
        array.dtype.kind in "fiu" and np.isfinite(array.astype(np.float64)).all()
        for array in [inputs[0], expected]
    )
    return {
        "name": test.name.removeprefix("test_"),
        "operator": graph.node[0].op_type,
        "file": str(path),
        "shape": list(inputs[0].shape),
        "samples": flat(inputs[0]) if is_number else [],
        "expected": flat(expected) if is_number else [],
    }


def main():
    folder, operators = Path(sys.argv[1]), set(sys.argv[2].split(","))
    cases = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = collect_testcases(None)
    for test in tests:
        kinds = [node.op_type for node in test.model.graph.node]
        if len(kinds) == 1 and kinds[0] in operators:
            case = case_of(test, folder / f"{test.name}.onnx")
            if case:
                cases.append(case)
    (folder / "nodes.json").write_text(json.dumps({"version": onnx.__version__, "cases": cases}))


main()
