"""Trains the judge of feature types: ``python scripts/train_feature_types.py --data DIR [--folds 5]``.

Reads ``data_train.csv`` of DIR (Shah et al., SIGMOD 2021; Apache-2.0), has the engine count each column's features
(``_core.feature_vectors``: the one place that counts them), and grows boosted trees with LightGBM. ``--folds`` only
measures: over folds of columns (``--by columns``: as the published test set is split) or of whole source files (what
columns of other files may expect). Without it, trains on all and writes the file that
``crates/know/src/feature/trees.rs`` reads: numbers only.

Needs numpy, scikit-learn and lightgbm, at development time only, and a built extension.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import sys
from pathlib import Path

import lightgbm
import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedKFold

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "python")]

from tests.bench.quality.feature_type import TRAINED_ON, evidence, rows  # noqa: E402

# The order of `Class` in crates/know/src/feature/judge.rs.
CLASSES = (
    "numeric",
    "categorical",
    "datetime",
    "sentence",
    "url",
    "embedded-number",
    "list",
    "not-generalizable",
    "context-specific",
)
SETTINGS = {
    "objective": "multiclass",
    "num_class": len(CLASSES),
    "learning_rate": 0.13,
    "num_leaves": 31,
    "min_data_in_leaf": 5,
    "feature_fraction": 0.15,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "verbose": -1,
    "seed": 9,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
}
ROUNDS = 90
LEAF = 0xFFFF
MOST_BOUNDS = 0xFF
VERSION = 1


def main() -> int:
    """Measures, or trains and writes the model."""
    from windvane import _core

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=0, help="only measure, over so many folds")
    parser.add_argument("--by", choices=("columns", "files"), default="files", help="what a fold holds out")
    parser.add_argument("--out", type=Path, default=ROOT / "crates/know/src/feature/model.bin")
    options = parser.parse_args()
    source = options.data / TRAINED_ON
    table = [row for row in rows(source) if row["y_act"] in CLASSES]
    columns = [evidence(row) for row in table]
    features = np.frombuffer(_core.feature_vectors(json.dumps({"columns": columns})), "<f4").reshape(len(table), -1)
    truth = np.array([CLASSES.index(row["y_act"]) for row in table])
    print(f"{len(table)} columns, {features.shape[1]} features", flush=True)
    if options.folds:
        groups = np.array([row["Record_id"] for row in table])
        if options.by == "columns":
            splits = StratifiedKFold(options.folds, shuffle=True, random_state=9).split(features, truth)
        else:
            splits = GroupKFold(options.folds, shuffle=True, random_state=9).split(features, truth, groups)
        measure(features, truth, list(splits), f"{options.folds} folds by {options.by}")
        return 0
    digest = hashlib.sha256(source.read_bytes()).digest()
    forest = grow(features, truth)
    written = encode(forest.dump_model(), features.shape[1], TEMPERATURE, digest)
    options.out.write_bytes(written)
    print(f"{options.out}: {len(written):,} bytes, {forest.num_trees()} trees")
    return 0


# What scores are divided by: the best by log loss on whole files that were held out (`measure` prints it).
TEMPERATURE = 1.5


def grow(features: np.ndarray, truth: np.ndarray) -> lightgbm.Booster:
    """A forest; the same data gives the same."""
    return lightgbm.train(SETTINGS, lightgbm.Dataset(features, truth), ROUNDS)


def measure(features: np.ndarray, truth: np.ndarray, splits: list[tuple[np.ndarray, np.ndarray]], how: str) -> None:
    """Prints how often columns that were held out are judged rightly."""
    scores = np.zeros((len(truth), len(CLASSES)))
    for train, test in splits:
        scores[test] = grow(features[train], truth[train]).predict(features[test], raw_score=True)
        print(f"  a fold: {np.mean(scores[test].argmax(1) == truth[test]):.4f}", flush=True)
    right = scores.argmax(1) == truth
    print(f"{how}: accuracy {right.mean():.4f}")
    print("  recall " + ", ".join(f"{label} {right[truth == i].mean():.3f}" for i, label in enumerate(CLASSES)))
    print("  log loss by temperature", {t: round(loss(scores / t, truth), 4) for t in (0.8, 1.0, 1.2, 1.5, 2.0, 2.5)})


def loss(scores: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative log likelihood of the truth."""
    scores = scores - scores.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(scores).sum(1)) - scores[np.arange(len(truth)), truth]))


def encode(model: dict, features: int, temperature: float, digest: bytes) -> bytes:
    """The layout is told in ``crates/know/src/feature/trees.rs``."""
    trees = [tree["tree_structure"] for tree in model["tree_info"]]
    nodes = [node for tree in trees for node in walk(tree)]
    bounds: list[list[float]] = [[] for _ in range(features)]
    for node in nodes:
        if "split_feature" in node:
            bounds[node["split_feature"]].append(floor(node["threshold"]))
    bounds = [sorted(set(found)) for found in bounds]
    if max(map(len, bounds)) > MOST_BOUNDS:
        raise ValueError("a threshold's number is one byte")
    scale = max(abs(node["leaf_value"]) for node in nodes if "leaf_value" in node) / 32_767
    head = struct.pack("<4sHHHIff", b"WVFT", VERSION, features, len(CLASSES), len(trees), temperature, scale) + digest
    table = b"".join(struct.pack(f"<B{len(found)}f", len(found), *found) for found in bounds)
    written = [bytes_of(tree, bounds, scale) for tree in trees]
    return head + table + b"".join(struct.pack("<I", len(tree)) + tree for tree in written)


def walk(node: dict) -> list[dict]:
    """A node and all below it."""
    below = [walk(node[side]) for side in ("left_child", "right_child") if side in node]
    return [node, *(inner for nodes in below for inner in nodes)]


def floor(threshold: float) -> np.float32:
    """The largest short float that is no larger: short floats compare with it as with the threshold itself."""
    short = np.float32(threshold)
    return short if float(short) <= threshold else np.nextafter(short, np.float32(-np.inf))


def bytes_of(node: dict, bounds: list[list[float]], scale: float) -> bytes:
    """A node and all below it, as the engine reads them."""
    if "leaf_value" in node:
        return struct.pack("<Hh", LEAF, round(node["leaf_value"] / scale))
    left, right = (bytes_of(node[side], bounds, scale) for side in ("left_child", "right_child"))
    feature = node["split_feature"]
    return struct.pack("<HBH", feature, bounds[feature].index(floor(node["threshold"])), len(left)) + left + right


if __name__ == "__main__":
    raise SystemExit(main())
