"""Writes golden/metrics: features and what scipy, torchmetrics, torch-fidelity and a re-derived ADM route say of them.

The routes must agree here before anything is written. The ADM route is written from methods, not copied: moments with
ddof 1, the general matrix square root, the score without epsilon in consecutive splits, squared distances.
"""

import numpy as np
import scipy.linalg
import torch
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from golden_file import Topic

SEED = 20261123


def moments(x):
    x = x.double().numpy()
    return x.mean(0), np.cov(x, rowvar=False)


def adm_frechet(x, y):
    (mu1, sigma1), (mu2, sigma2) = moments(x), moments(y)
    root = scipy.linalg.sqrtm(sigma1 @ sigma2)
    assert np.isfinite(root).all() and np.abs(np.diagonal(root).imag).max() < 1e-3
    return ((mu1 - mu2) ** 2).sum() + np.trace(sigma1) + np.trace(sigma2) - 2 * np.trace(root).real


def factor_frechet(x, y):
    """For singular covariances, where the general root is unstable: the nuclear norm of the centred data's product."""
    x, y = x.double().numpy(), y.double().numpy()
    a, b = x - x.mean(0), y - y.mean(0)
    a, b = a / np.sqrt(len(a) - 1), b / np.sqrt(len(b) - 1)
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * root


def adm_score(logits, split):
    """In float64; per split exp(mean KL(p || mean p))."""
    scores = []
    for start in range(0, len(logits), split):
        p = torch.softmax(logits[start : start + split].double(), 1).numpy()
        scores.append(np.exp(np.sum(p * (np.log(p) - np.log(p.mean(0))), 1).mean()))
    return np.mean(scores), np.std(scores)


def adm_distances(u, v):
    uu, vv = (u**2).sum(1), (v**2).sum(1)
    return np.maximum(uu[:, None] - 2 * u @ v.T + vv[None, :], 0)


def adm_precision_recall(reference, samples, k):
    hits = []
    for dtype in (np.float32, np.float64):
        r, s = reference.numpy().astype(dtype), samples.numpy().astype(dtype)
        radius_r = np.partition(adm_distances(r, r), k, axis=1)[:, k]
        radius_s = np.partition(adm_distances(s, s), k, axis=1)[:, k]
        d = adm_distances(s, r)
        hits.append(((d <= radius_r[None, :]).any(1).sum(), (d <= radius_s[:, None]).any(0).sum()))
        near = np.abs(d / radius_r[None, :] - 1).min(), np.abs(d / radius_s[:, None] - 1).min()
        assert min(near) > 1e-5, "a distance lies on a radius: another seed"
    assert hits[0] == hits[1]
    return hits[0]


def mixing(draws, name, width):
    return draws.normal(name, (width, width), 1 / np.sqrt(width), dtype=torch.float64)


def frechet_cases(topic):
    for case, n, m, width, scale in [("full-rank", 400, 500, 48, 1.0), ("tiny-scale", 300, 300, 17, 1e-4), ("singular", 40, 30, 64, 1.0)]:
        draws = topic.draws(case)
        base = mixing(draws, "mixing", width)
        x = (draws.normal("reference", (n, width), dtype=torch.float64) @ base + 3) * scale
        y = (draws.normal("samples", (m, width), dtype=torch.float64) @ (base + 0.3 * mixing(draws, "change", width)) + 3.1) * scale
        x, y = x.float(), y.float()
        (mu1, sigma1), (mu2, sigma2) = moments(x), moments(y)
        expected = factor_frechet(x, y)
        values = {"factor": expected}
        if case != "singular":
            values["scipy_sqrtm"] = adm_frechet(x, y)
            values["torchmetrics"] = float(_compute_fid(*map(torch.from_numpy, (mu1, sigma1, mu2, sigma2))))
            both = {"mu": mu1, "sigma": sigma1}, {"mu": mu2, "sigma": sigma2}
            values["torch_fidelity"] = fid_statistics_to_metric(*both, False)["frechet_inception_distance"]
        for name, value in values.items():
            assert abs(value / expected - 1) < 1e-7, (case, name, value, expected)
        topic.write(
            case,
            {"reference": x, "samples": y, "mu": torch.from_numpy(mu1), "sigma": torch.from_numpy(sigma1)},
            {"kind": "frechet", **{k: repr(float(v)) for k, v in values.items()}},
        )


def score_case(topic):
    draws = topic.draws("score")
    logits = draws.normal("logits", (170, 23), 2.5)
    logits[3, 5] = 90.0  # a class that takes everything: other probabilities of 1e-40
    mean, spread = adm_score(logits, 50)
    even = isc_features_to_metric(logits[:150], splits=3, shuffle=False)
    assert abs(adm_score(logits[:150], 50)[0] / even["inception_score_mean"] - 1) < 1e-12
    topic.write(
        "score",
        {"logits": logits},
        {
            "kind": "score",
            "split": 50,
            "all": repr(float(mean)),
            "all_spread": repr(float(spread)),
            "first150_torch_fidelity": repr(float(even["inception_score_mean"])),
            "first150_torch_fidelity_spread": repr(float(even["inception_score_std"])),
        },
    )


def neighbour_case(topic, case, n, m, width, shift, k):
    draws = topic.draws(case)
    reference = draws.normal("reference", (n, width))
    samples = draws.normal("samples", (m, width), 0.8) + shift
    covered = adm_precision_recall(reference, samples, k)
    real = prc_features_to_metric(samples.double(), reference.double(), prc_neighborhood=k, verbose=False)
    assert abs(real["precision"] * m - covered[0]) < 1e-3 and abs(real["recall"] * n - covered[1]) < 1e-3, (real, covered)
    topic.write(
        case,
        {"reference": reference, "samples": samples},
        {"kind": "neighbours", "k": k, "samples_covered": int(covered[0]), "reference_covered": int(covered[1])},
    )


def kernel_case(topic):
    draws = topic.draws("kernel")
    x, y = draws.normal("reference", (90, 40)), draws.normal("samples", (90, 40), 1.1, 0.1)
    real = float(poly_mmd(x.double(), y.double()))
    whole = kid_features_to_metric(x.double(), y.double(), kid_subsets=1, kid_subset_size=90, verbose=False)
    assert abs(real / whole["kernel_inception_distance_mean"] - 1) < 1e-9
    topic.write("kernel", {"reference": x, "samples": y}, {"kind": "kernel", "torchmetrics": repr(real)})


def main():
    topic = Topic(
        "maskalign-core",
        "metrics",
        "metric_cases.py",
        SEED,
        {"frechet": 1e-6, "score": 1e-6, "kernel": 1e-6, "neighbours": "equal counts"},
        [
            "frechet: distance of Gaussians fitted to reference and samples, by several routes that agree to 1e-7.",
            "score: Inception Score of logits without bias in consecutive splits, the last one shorter.",
            "neighbours: samples within a reference point's radius and the other way round, equal in float32 and float64.",
            "kernel: unbiased squared discrepancy of all rows, (x.y / D + 1)^3.",
        ],
    )
    frechet_cases(topic)
    score_case(topic)
    neighbour_case(topic, "neighbours", 230, 310, 6, 0.5, 3)
    neighbour_case(topic, "neighbours-k5", 120, 77, 4, 1.0, 5)
    kernel_case(topic)
    topic.close()


if __name__ == "__main__":
    main()
