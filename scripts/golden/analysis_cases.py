"""Writes golden/analysis: statistics of core.analysis by dense NumPy and scipy, along other ways than the library's.

The library sums over pairs and counts; here stand the matrices and loops of the definitions: HSIC by centring matrices and
by U-centring, Moran's I with its weight matrix, W by ranks, distances by explicit coordinates, power by scipy's noncentral t.
"""

import numpy as np
import scipy.stats as stats
import torch

from golden_file import Topic

SEED = 20261129


def text(values):
    return {key: repr(float(value)) for key, value in values.items()}


def centred(k):
    h = np.eye(len(k)) - 1 / len(k)
    return h @ k @ h


def u_centred(k):
    n = len(k)
    k = k - np.diag(np.diag(k))
    out = k - k.sum(1, keepdims=True) / (n - 2) - k.sum(0, keepdims=True) / (n - 2) + k.sum() / ((n - 1) * (n - 2))
    return out - np.diag(np.diag(out))


def cka(x, y, centre):
    k, l = centre(x @ x.T), centre(y @ y.T)
    return (k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum())


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def neighbour_mask(cos, k):
    mask = np.zeros_like(cos)
    for i, row in enumerate(cos):
        order = [j for j in np.argsort(-row, kind="stable") if j != i]
        mask[i, order[:k]] = 1
    return mask


def masked_hsic(k, l, mask):
    """Song et al. 2012, Eq. 5, of masked kernels, which are not symmetric."""
    n = len(k)
    k, l = mask * k, mask * l
    one = np.ones(n)
    value = np.trace(k @ l) + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)
    return value / (n * (n - 3))


def similarity_cases(topic):
    for case, n, widths, k in [("similar", 60, (7, 11), 5), ("unrelated-wide", 40, (90, 33), 10)]:
        draws = topic.draws(case)
        a = draws.normal("a", (n, widths[0]), mean=0.3)
        b = draws.normal("b", (n, widths[1]))
        if case == "similar":
            b = b + a @ draws.normal("map", widths)
        x, y = a.double().numpy(), b.double().numpy()
        cos_x, cos_y = unit(x) @ unit(x).T, unit(y) @ unit(y).T
        near_x, near_y = neighbour_mask(cos_x, k), neighbour_mask(cos_y, k)
        both = masked_hsic(cos_x, cos_y, near_x * near_y)
        norm = np.sqrt(masked_hsic(cos_x, cos_x, near_x) * masked_hsic(cos_y, cos_y, near_y))
        gap = min(np.diff(np.sort(c, axis=1), axis=1)[:, :-1].min() for c in (cos_x, cos_y))
        assert gap > 1e-12, "two neighbours are equally near: another seed"
        values = {
            "biased": cka(x, y, centred),
            "unbiased": cka(x, y, u_centred),
            "mutual": (near_x * near_y).sum(1).mean() / k,
            "cknna": both / norm,
        }
        topic.write(case, {"a": a, "b": b}, {"kind": "similarity", "k": k, **text(values)})


def moran(values, rows, columns):
    w = np.zeros((rows * columns,) * 2)
    for i in range(rows * columns):
        for j in range(rows * columns):
            w[i, j] = abs(i // columns - j // columns) + abs(i % columns - j % columns) == 1
    d = values - values.mean()
    return len(values) / w.sum() * (d @ w @ d) / (d @ d)


def kendall(scores):
    """With ties: 1 - the usual denominator's correction."""
    m, n = scores.shape
    ranks = np.array([stats.rankdata(row) for row in scores])
    ties = sum((c**3 - c).sum() for c in (np.unique(row, return_counts=True)[1] for row in scores))
    s = ((ranks.sum(0) - m * (n + 1) / 2) ** 2).sum()
    return 12 * s / (m**2 * (n**3 - n) - m * ties)


def map_case(topic):
    rows, columns, pictures, share = 5, 6, 40, 0.1
    n = rows * columns
    draws = topic.draws("maps")
    tilt = torch.linspace(-1, 1, n, dtype=torch.float64)
    scores = torch.exp(draws.normal("scores", (pictures, n), dtype=torch.float64) + 0.8 * tilt)
    other = torch.exp(draws.normal("other", (pictures, n), dtype=torch.float64) + 0.8 * tilt)
    visible = torch.zeros(pictures, n, dtype=torch.bool)
    visible.scatter_(1, draws.subset("visible", pictures, n, 23), True)
    tied = draws.integers("tied", (pictures, n), 7).double()
    values = {}
    for name, seen in (("full", np.ones((pictures, n), bool)), ("masked", visible.numpy())):
        g = scores.numpy()
        top = np.zeros((pictures, n))
        for m in range(pictures):
            k = int(np.floor(share * seen[m].sum() + 0.5))
            top[m, np.argsort(np.where(seen[m], -g[m], np.inf), kind="stable")[:k]] = 1
        c, v = top.sum(0), seen.sum(0)
        p_m = top.sum(1) / seen.sum(1)
        e, s = (p_m[:, None] * seen).sum(0), ((p_m * (1 - p_m))[:, None] * seen).sum(0)
        p = c / v
        q = p / p.sum()
        smooth = (c + 0.5) / (v + 1)
        logs = np.where(seen, np.log(g), np.nan)
        logs = logs - np.nanmean(logs, axis=1, keepdims=True)
        values |= {
            f"{name}_spread": smooth.max() / smooth.min(),
            f"{name}_uniformity": (n - 1) / n * ((c - e) ** 2 / s).sum(),
            f"{name}_entropy": stats.entropy(q) / np.log(n),
            f"{name}_variation": np.abs(q - 1 / n).sum() / 2,
            f"{name}_moran": moran(p, rows, columns),
            f"{name}_share": (np.nanmean(logs, axis=0) ** 2 * v).sum() / np.nansum(logs**2),
        }
    values["chi_squared"] = stats.chi2.sf(values["full_uniformity"], n - 1)
    values["kendall"] = kendall(scores.numpy())
    values["kendall_p"] = stats.chi2.sf(values["kendall"] * pictures * (n - 1), n - 1)
    values["kendall_tied"] = kendall(tied.numpy())
    a, b = scores.numpy().mean(0), other.numpy().mean(0)
    values["spearman"] = stats.spearmanr(a, b).statistic
    rounded = np.round(a), np.round(b)
    values["spearman_tied"] = stats.spearmanr(*rounded).statistic
    moved = []
    for down in range(rows):
        for right in range(columns):
            shifted = np.roll(b.reshape(rows, columns), (down, right), (0, 1)).ravel()
            moved.append(stats.spearmanr(a, shifted).statistic)
    values["shift_mean"] = np.mean(moved[1:])
    values["shift_p"] = (1 + np.sum(np.array(moved[1:]) >= moved[0])) / len(moved)
    topic.write(
        "maps",
        {
            "scores": scores,
            "visible": visible.to(torch.uint8),
            "tied": tied,
            "a": torch.from_numpy(a),
            "b": torch.from_numpy(b),
            "rounded_a": torch.from_numpy(rounded[0]),
            "rounded_b": torch.from_numpy(rounded[1]),
        },
        {"kind": "maps", "rows": rows, "columns": columns, "share": share, **text(values)},
    )


def spatial_case(topic):
    rows, columns, width = 5, 7, 9
    draws = topic.draws("spatial")
    place = np.array([(r, c) for r in range(rows) for c in range(columns)])
    d = np.abs(place[:, None] - place[None]).sum(-1)
    smooth = torch.from_numpy(np.exp(-0.4 * d)) @ draws.normal("tokens", (rows * columns, width), dtype=torch.float64)
    tokens = (smooth + 0.3).float()
    mask = np.zeros((rows, columns), bool)
    mask[1:4, 1:3] = True
    mask[0, 6] = True  # an anchor without a neighbour, which does not count
    mask = mask.ravel()
    u = unit(tokens.double().numpy())
    cos = u @ u.T
    values = {"rmsc": np.sqrt(np.mean(np.sum((u - u.mean(0)) ** 2, axis=1)))}
    for name, near, far in (("code", 1, 6), ("paper", 7, 8)):
        values[f"{name}_lds"] = cos[(d >= 1) & (d <= near)].mean() - cos[d >= far].mean()
        steps = np.arange(1, 9)
        values[f"{name}_cds"] = -np.polyfit(steps, [cos[d == s].mean() for s in steps], 1)[0]
        parts = []
        for i in np.flatnonzero(mask):
            close, distant = mask & (d[i] >= 1) & (d[i] <= near), ~mask & (d[i] >= far)
            if close.any() and distant.any():
                parts.append(cos[i, close].mean() - cos[i, distant].mean())
        values[f"{name}_srss"] = np.mean(parts)
    topic.write(
        "spatial",
        {"tokens": tokens, "mask": torch.from_numpy(mask.astype(np.uint8))},
        {"kind": "spatial", "rows": rows, "columns": columns, **text(values)},
    )


def ridge_case(topic):
    rows, width, classes, ridge = 50, 6, 4, 0.3
    draws = topic.draws("ridge")
    labels = draws.integers("labels", (rows,), classes)
    features = draws.normal("features", (rows, width)) + draws.normal("centres", (classes, width))[labels] + 5
    features[:, 2] = 1.25  # a constant feature
    x = features.double().numpy()
    y = np.eye(classes)[labels.numpy()]
    deviation = x.std(0)
    deviation[2] = np.inf
    z = (x - x.mean(0)) / deviation
    w = np.linalg.inv(z.T @ z / rows + ridge * np.eye(width)) @ z.T @ (y - y.mean(0)) / rows
    topic.write(
        "ridge",
        {"features": features, "labels": labels, "scores": torch.from_numpy(z @ w + y.mean(0))},
        {"kind": "ridge", "ridge": ridge},
    )


def distribution_case(topic):
    values = {}
    for n, effect, alpha in [(3, 1.0, 0.05), (5, 1.5, 0.05), (12, 0.8, 0.01), (100, 0.2, 0.1)]:
        t, shift = stats.t.ppf(1 - alpha / 2, n - 1), effect * np.sqrt(n)
        values[f"power {n} {effect} {alpha}"] = stats.nct.sf(t, n - 1, shift) + stats.nct.cdf(-t, n - 1, shift)
    for hits, cases, level in [(0, 10, 0.95), (3, 10, 0.95), (50, 50, 0.9), (812, 1000, 0.99)]:
        interval = stats.binomtest(hits, cases).proportion_ci(level, "wilson")
        values[f"wilson_low {hits} {cases} {level}"] = interval.low
        values[f"wilson_high {hits} {cases} {level}"] = interval.high
    runs = topic.draws("runs").normal("runs", (2, 4), dtype=torch.float64)
    paired = stats.ttest_rel(runs[0].numpy(), runs[1].numpy())
    interval = paired.confidence_interval(0.95)
    values |= {"paired_p": paired.pvalue, "paired_low": interval.low, "paired_high": interval.high}
    common = stats.hypergeom(256, 26, 26)
    x = np.arange(27)
    values |= {
        "overlap_mean": common.mean() / 26,
        "overlap_deviation": common.std() / 26,
        "jaccard_mean": (common.pmf(x) * x / (52 - x)).sum(),
        "overlap_p9": common.sf(8),
    }
    topic.write("distributions", {"runs": runs}, {"kind": "distributions", **text(values)})


def main():
    topic = Topic(
        "maskalign-core",
        "analysis",
        "analysis_cases.py",
        SEED,
        {"all": 1e-9},
        [
            "similarity: CKA by centring and by U-centring, mutual k-NN and CKNNA of cosines with dense masks.",
            "maps: counts of the highest tenth of 30 positions in 40 pictures, all seen and 23 seen, and statistics of them.",
            "spatial: one grid of 5 x 7 tokens, distances of iREPA's code and of its paper.",
            "ridge: scores of a ridge classifier of standardised features.",
            "distributions: power of the paired t test, Wilson intervals, overlap of random sets, by scipy.",
        ],
    )
    similarity_cases(topic)
    map_case(topic)
    spatial_case(topic)
    ridge_case(topic)
    distribution_case(topic)
    topic.close()


if __name__ == "__main__":
    main()
