"""Writes reference.json: what onnxruntime computes for GRU (both places of the reset gate) and SoftmaxCrossEntropyLoss.

    pip install onnx onnxruntime numpy
    python reference.py
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

random = np.random.default_rng(7)
opset = [helper.make_opsetid("", 17)]


def run(node, inputs, outputs):
    graph = helper.make_graph(
        [node],
        "reference",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
            )
            for name, value in inputs.items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
    )
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(outputs, inputs)


def numbers(array):
    return [float(value) for value in np.asarray(array).ravel()]


def draw(*shape):
    return random.uniform(-1, 1, shape).astype(np.float32)


positions, batch, width, units = 5, 3, 4, 3
lengths = np.array([5, 2, 4], np.int32)


def gru(linear_before_reset):
    x, initial = draw(positions, batch, width), draw(2, batch, units)
    # Directions, then gates in heed's order: reset, update, new. ONNX has update, reset, new.
    w, r, wb, rb = draw(2, 3, units, width), draw(2, 3, units, units), draw(2, 3, units), draw(2, 3, units)
    order = [1, 0, 2]
    inputs = {
        "X": x,
        "W": w[:, order].reshape(2, -1, width),
        "R": r[:, order].reshape(2, -1, units),
        "B": np.concatenate([wb[:, order].reshape(2, -1), rb[:, order].reshape(2, -1)], 1),
        "sequence_lens": lengths,
        "initial_h": initial,
    }
    node = helper.make_node(
        "GRU",
        list(inputs),
        ["Y", "Y_h"],
        hidden_size=units,
        direction="bidirectional",
        linear_before_reset=linear_before_reset,
    )
    output, last = run(node, inputs, ["Y", "Y_h"])
    return {
        # position batch width
        "x": numbers(x),
        # direction batch unit
        "initial": numbers(initial),
        # direction gate unit width, direction gate unit state, direction gate unit
        "inputWeight": numbers(w),
        "hiddenWeight": numbers(r),
        "inputBias": numbers(wb),
        "hiddenBias": numbers(rb),
        # position direction batch unit
        "output": numbers(output),
        # direction batch unit
        "last": numbers(last),
    }


def cross_entropy(reduction):
    rows, classes, ignore = 6, 5, -100
    logits, weights = 3 * draw(rows, classes), np.abs(draw(classes)) + np.float32(0.1)
    targets = np.array([0, 4, ignore, 2, 2, 1], np.int64)
    inputs = {"scores": logits, "labels": targets, "weights": weights}
    node = helper.make_node(
        "SoftmaxCrossEntropyLoss", list(inputs), ["loss"], reduction=reduction, ignore_index=ignore
    )
    (loss,) = run(node, inputs, ["loss"])
    return {
        "logits": numbers(logits),
        "targets": [int(target) for target in targets],
        "weights": numbers(weights),
        "loss": numbers(loss),
    }


reference = {
    "made": f"onnxruntime {onnxruntime.__version__}",
    "gru": {
        "sizes": {"positions": positions, "batch": batch, "width": width, "units": units},
        "lengths": lengths.tolist(),
        "before": gru(0),
        "after": gru(1),
    },
    "crossEntropy": {reduction: cross_entropy(reduction) for reduction in ["mean", "sum", "none"]},
}
Path(__file__).with_name("reference.json").write_text(json.dumps(reference) + "\n")
