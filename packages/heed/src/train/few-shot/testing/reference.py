"""Writes reference.json: softmax regression as scikit-learn's LogisticRegression has it.

    pip install scikit-learn numpy
    python reference.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

random = np.random.default_rng(16)
cases = []
for count, width, classes, strength, balanced in [(24, 5, 3, 1.0, False), (40, 6, 4, 10.0, True), (16, 30, 2, 1.0, False)]:
    centers = random.normal(size=(classes, width))
    labels = np.concatenate([np.arange(classes), random.integers(0, classes, count - classes)])
    vectors = centers[labels] + random.normal(size=(count, width))
    model = LogisticRegression(C=strength, tol=1e-12, max_iter=100000, class_weight="balanced" if balanced else None)
    probe = random.normal(size=(5, width))
    fitted = model.fit(vectors, labels)
    if classes == 2:
        # Two labels are one logit there, with a prior on it: the softmax of two has half the prior on the difference.
        model = LogisticRegression(C=2 * strength, tol=1e-12, max_iter=100000)
        fitted = model.fit(vectors, labels)
    cases.append(
        {
            "vectors": vectors.tolist(),
            "labels": labels.tolist(),
            "strength": strength,
            "balanced": balanced,
            "probe": probe.tolist(),
            "shares": fitted.predict_proba(probe).tolist(),
        }
    )
Path(__file__).with_name("reference.json").write_text(json.dumps(cases) + "\n")
