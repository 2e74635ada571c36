"""The model of an ONNX file behind FastAPI: the bodies and answers are those of `gradus serve`."""

import os

import numpy
import onnxruntime
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
# The server has a process for each core.
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
name = session.get_inputs()[0].name
shape = session.get_inputs()[0].shape[1:]
classes = os.environ["CLASSES"].split(",")
app = FastAPI()


class Row(BaseModel):
    """A row of the table, whose columns are features as they are."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float
    g: float
    h: float


class Table(BaseModel):
    """The body of a request with rows."""

    rows: list[Row]


class Digits(BaseModel):
    """The body of a request with the pixels of digits."""

    rows: list[list[float]]


def answer(features):
    """Predictions for features, one row after the other."""
    (scores,) = session.run(None, {name: features.reshape(-1, *shape)})
    scores = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    predictions = []
    for row in scores.tolist():
        best = max(range(len(row)), key=row.__getitem__)
        probabilities = dict(zip(classes, row))
        predictions.append({"predicted": classes[best], "probability": row[best], "probabilities": probabilities})
    return JSONResponse({"predictions": predictions})


@app.post("/table")
async def table(body: Table):
    """Rows of the table."""
    rows = [(row.a, row.b, row.c, row.d, row.e, row.f, row.g, row.h) for row in body.rows]
    return answer(numpy.array(rows, dtype=numpy.float32))


@app.post("/digits")
async def digits(body: Digits):
    """Pixels from 0 to 255."""
    return answer(numpy.array(body.rows, dtype=numpy.float32) / 255)
