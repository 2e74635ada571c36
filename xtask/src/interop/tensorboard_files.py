"""Reads event files: `python tensorboard_files.py ASKED.json ANSWERS.json`.

What the log of a run says is compared with what the package `tensorboard` finds in each folder of event files: every tag,
step and value.
"""

import io
import json
import math
import sys

import numpy
import tensorboard
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

EVERYTHING = {kind: 0 for kind in ["scalars", "histograms", "images", "tensors", "compressedHistograms", "audio"]}


def expected_scalars(log):
    for event in log:
        kind, step = event["event"], event.get("step")
        if kind == "step_finished":
            metrics, part = event["metrics"], "train"
            for name in ["penalty", "learning_rate", "grad_norm"]:
                yield f"optimizer/{name}", step, event[name]
            yield "time/epoch", step, event["epoch"]
        elif kind == "evaluation_finished":
            metrics, part = event["metrics"], event["part"]
        elif kind == "snapshot":
            yield "time/train_secs", step, event["train_secs"]
            continue
        elif kind == "run_finished":
            for name in ["samples_per_second", "wall_seconds"]:
                yield f"time/{name}", event["steps"], event[name]
            continue
        else:
            continue
        for name, value in metrics.items():
            yield f"{name}/{part}", step, value


def expected_histograms(log):
    for event in log:
        if event["event"] != "snapshot":
            continue
        step = event["step"]
        for name in ["weights", "biases"]:
            if event[name]:
                yield f"all/{name}", step, event[name]
        for parameter in event["parameters"]:
            for kind in ["values", "gradients", "updates"]:
                if kind in parameter:
                    yield f"{kind}/{parameter['layer']}.{parameter['part']}", step, parameter[kind]


def expected_images(log, asked):
    height, width, channels = asked["sample_shape"]
    for event in log:
        if event["event"] == "evaluation_finished" and event.get("misclassified"):
            count = min(len(event["misclassified"]), 25)
            columns = min(count, 5)
            rows = math.ceil(count / columns)
            size = (rows * (height + 2) - 2, columns * (width + 2) - 2)
            yield f"misclassified/{event['part']}", event["step"], size
        elif event["event"] == "run_finished":
            yield f"filters/{asked['filters']['path']}", event["steps"], tuple(asked["filters"]["size"])


def is_scalar(found, expected):
    expected = numpy.float32(math.nan if expected is None else expected)
    return numpy.array_equal(numpy.float32(found.value), expected, equal_nan=True)


def is_histogram(found, edges):
    histogram = found.histogram_value
    counts, limits = numpy.array(histogram.bucket), list(histogram.bucket_limit)
    edges = [numpy.float64(numpy.float32(edge)) for edge in edges]
    distinct = sorted(set(edges))
    return (
        histogram.min == edges[0]
        and histogram.max == edges[-1]
        and limits == (distinct[1:] or distinct)
        and math.isclose(counts.sum(), histogram.num)
        and all(
            math.isclose(count, histogram.num * share / 7)
            for count, share in zip(counts, shares(edges))
        )
    )


def shares(edges):
    """Of seven buckets those that end at each distinct edge; without width they count in the next one, or the last."""
    found, waiting = [], 0
    for low, high in zip(edges, edges[1:]):
        waiting += 1
        if low < high:
            found.append(waiting)
            waiting = 0
    return found[:-1] + [found[-1] + waiting] if found else [waiting]


def is_image(found, size):
    image = Image.open(io.BytesIO(found.encoded_image_string))
    image.load()
    return (found.height, found.width) == size == (image.height, image.width) and len(set(image.tobytes())) > 1


def compared(found_by_tag, expected, is_equal):
    """How many are expected, found, and equal."""
    by_tag = {}
    for tag, step, value in expected:
        by_tag.setdefault(tag, []).append((step, value))
    equal = 0
    for tag, values in by_tag.items():
        found = found_by_tag.get(tag, [])
        if [event.step for event in found] == [step for step, _ in values]:
            equal += sum(is_equal(event, value) for event, (_, value) in zip(found, values))
    n_expected = sum(map(len, by_tag.values()))
    return {"expected": n_expected, "found": sum(map(len, found_by_tag.values())), "equal": equal}


def compared_settings(events, settings):
    def content(tag):
        return events.SummaryMetadata(tag).plugin_data.content

    found = metadata.parse_session_start_info_plugin_data(content(metadata.SESSION_START_INFO_TAG)).hparams
    end = metadata.parse_session_end_info_plugin_data(content(metadata.SESSION_END_INFO_TAG))
    equal = sum(is_setting(found[name], value) for name, value in settings if name in found)
    is_ended = end.status == 1 and end.end_time_secs > 1e9
    return {"expected": len(settings), "found": len(found), "equal": equal if is_ended else 0}


def is_setting(found, text):
    kind = found.WhichOneof("kind")
    if kind == "number_value":
        return found.number_value == float(text)
    return (str(found.bool_value).lower() if kind == "bool_value" else found.string_value) == text.strip('"')


def answer(folder, log, asked):
    events = EventAccumulator(folder, size_guidance=EVERYTHING)
    events.Reload()
    tags = events.Tags()
    found = {
        kind: {tag: read(tag) for tag in tags[kind]}
        for kind, read in [("scalars", events.Scalars), ("histograms", events.Histograms), ("images", events.Images)]
    }
    return {
        "scalars": compared(found["scalars"], expected_scalars(log), is_scalar),
        "histograms": compared(found["histograms"], expected_histograms(log), is_histogram),
        "images": compared(found["images"], expected_images(log, asked), is_image),
        "settings": compared_settings(events, asked["settings"]),
    }


def main():
    asked_file, answered = sys.argv[1:]
    with open(asked_file, encoding="utf-8") as file:
        asked = json.load(file)
    with open(asked["log"], encoding="utf-8") as file:
        log = [json.loads(line) for line in file]
    answers = [answer(folder, log, asked) for folder in asked["folders"]]
    with open(answered, "w", encoding="utf-8") as file:
        json.dump({"version": tensorboard.__version__, "answers": answers}, file)


main()
