"""Measures a prediction for one sample on one thread in onnxruntime: prints the version and the seconds as a line of JSON."""

import json
import statistics
import sys
import time

import numpy
import onnxruntime

ROUNDS = 51
SECONDS = 2e-3


def main(file: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    shape = [1, *session.get_inputs()[0].shape[1:]]
    count = int(numpy.prod(shape))
    features = (numpy.arange(count) % 7 / 7).astype(numpy.float32).reshape(shape)
    inputs, outputs = {"input": features}, ["output"]

    def measure(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            session.run(outputs, inputs)
        return time.perf_counter() - start

    calls = 1
    while measure(calls) < SECONDS:
        calls *= 2
    seconds = statistics.median(measure(calls) / calls for _ in range(ROUNDS))
    print(json.dumps({"version": onnxruntime.__version__, "onnxruntime": seconds}))


main(sys.argv[1])
