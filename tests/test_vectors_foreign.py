"""``gru`` against values that ONNX's, Keras' and PyTorch's own test suites print.

The files stand in the folder that DLGRU_VECTORS names; their heads say how they were
reordered to MATLAB's gate order.  Single-precision values are printed to 7 digits, so
1e-6 relative to values of order 1; PyTorch's double ones to 10.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import dlgru as dl

WAYS = {"forward": "forward", "reverse": "backward", "bidirectional": "bidirectional"}


def gru_cases(vectors: Path) -> list[dict[str, Any]]:
    cases = json.loads((vectors / "onnx_nodes.json").read_text())["cases"]
    return [c for c in cases if c["op"] == "gru"]


def bias_of(mode: str, parts: dict[str, Any]) -> Any:
    wb, rb = np.array(parts["b_input"], float), np.array(parts["b_recurrent"], float)
    return np.concatenate([wb, rb]) if mode.startswith("recurrent") else wb + rb


def test_onnx_node_cases(vectors: Path) -> None:
    cases = gru_cases(vectors)
    assert len(cases) == 6
    for case in cases:
        mode, ways = case["reset_gate_mode"], case["directions"]
        stacked = {
            k: np.concatenate([np.array(d[k], float) for d in ways])
            for k in ("W", "R", "H0", "Y", "HT")
            if ways[0][k] is not None
        }
        assert {"Y", "HT"} & set(stacked)
        b = np.concatenate([bias_of(mode, d) for d in ways])
        X = dl.dlarray(np.array(case["X"], float), "CBT")
        Y, h = dl.gru(
            X,
            stacked["H0"],
            stacked["W"],
            stacked["R"],
            b,
            ResetGateMode=mode,
            Direction=WAYS[case["direction"]],
            SequenceLengths=case["sequence_lens"],
            nargout=2,
        )
        for key, found in (("Y", Y), ("HT", h)):
            if key in stacked:
                expected = stacked[key].reshape(found.shape)
                np.testing.assert_allclose(
                    np.asarray(found), expected, rtol=1e-5, atol=1e-6, err_msg=case["name"]
                )


def keras_run(case: dict[str, Any], X: Any, H0: Any) -> tuple[Any, Any]:
    mode = case["reset_gate_mode"]
    Y, h = dl.gru(
        dl.dlarray(X, "CBT"),
        H0,
        np.array(case["W"]),
        np.array(case["R"]),
        bias_of(mode, case),
        ResetGateMode=mode,
        nargout=2,
    )
    return dl.extractdata(Y).reshape(
        H0.shape[0], X.shape[1], X.shape[2], order="F"
    ), dl.extractdata(h)


def test_keras_cases(vectors: Path) -> None:
    cases = json.loads((vectors / "keras_pytorch_gru.json").read_text())["keras"]
    assert len(cases) == 17
    for case in cases:
        X, H0 = np.array(case["X"], float), np.array(case["H0"], float)
        mask = np.array(case["mask_BT"]) if case["mask_BT"] else np.ones(X.shape[1:], bool)
        if case["direction"].startswith("backward"):
            X, mask = X[:, :, ::-1], mask[:, ::-1]
        _, B, T = X.shape
        y, h = np.zeros((len(H0), B, T)), H0.copy()
        for _ in range(case["runs_with_state_carried"]):
            for k in range(B):
                # A step that the mask leaves out does not happen for this observation.
                steps = np.flatnonzero(mask[k])
                yk, hk = keras_run(case, X[:, [k]][:, :, steps], h[:, [k]])
                h[:, [k]] = hk
                y[:, k, steps] = yk[:, 0]
                if not case["zero_output_for_mask"]:
                    for t in np.flatnonzero(~mask[k]):
                        y[:, k, t] = y[:, k, t - 1] if t else H0[:, k]
        found = {
            "final state, [B][H]": h.T,
            "Y of sample 0, [T][H]": y[:, 0].T,
            "Y of sample 1, [T][H]": y[:, min(1, B - 1)].T,
        }[case["expected_kind"]]
        np.testing.assert_allclose(
            found, np.array(case["expected"]), rtol=2e-6, atol=1e-6, err_msg=case["name"]
        )


def test_pytorch_cases(vectors: Path) -> None:
    cases = json.loads((vectors / "keras_pytorch_gru.json").read_text())["pytorch"]
    assert len(cases) == 2
    for case in cases:
        mode = case["reset_gate_mode"]
        Y = dl.dlarray(np.array(case["X"]), "CBT")
        for k, layer in enumerate(case["layers"]):
            Y, h = dl.gru(
                Y,
                np.array(layer["H0"]),
                np.array(layer["W"]),
                np.array(layer["R"]),
                bias_of(mode, layer),
                ResetGateMode=mode,
                nargout=2,
            )
            np.testing.assert_allclose(np.asarray(h), np.array(case["HT"][k]), atol=1e-10)
        if case["Y"] is not None:
            np.testing.assert_allclose(np.asarray(Y), np.array(case["Y"]), atol=1e-10)


def test_a_wrong_gate_order_is_noticed(vectors: Path) -> None:
    # The one ONNX case whose weights are not all alike.
    (case,) = [c for c in gru_cases(vectors) if c["name"] == "test_gru_seq_length"]
    (way,) = case["directions"]
    H, mode = case["dims"]["H"], case["reset_gate_mode"]
    W, R, X = np.array(way["W"]), np.array(way["R"]), dl.dlarray(np.array(case["X"]), "CBT")
    order = np.r_[H : 2 * H, 0:H, 2 * H : 3 * H]
    H0, b = np.array(way["H0"]), bias_of(mode, way)[order]
    _, h = dl.gru(X, H0, W[order], R[order], b, ResetGateMode=mode, nargout=2)
    assert np.abs(np.asarray(h) - np.array(way["HT"])).max() > 1e-2
