"""What `workbench bench-part` computes for inception, frechet and neighbours, in PyTorch and scipy; for torch_part.py."""

import torch

FEATURES, PICTURE, BLOCK, NEIGHBOURS = 2048, 256, 2000, 3


def inception(batch):
    """pytorch-fid's class with random weights, resize included, eager."""
    import pytorch_fid.inception as real

    real.load_state_dict_from_url = lambda *_, **__: {}
    load, torch.nn.Module.load_state_dict = torch.nn.Module.load_state_dict, lambda self, state: None
    try:
        network = real.InceptionV3([3]).eval()
    finally:
        torch.nn.Module.load_state_dict = load
    pictures = torch.randint(0, 256, (batch, 3, PICTURE, PICTURE), dtype=torch.uint8)

    def run():
        with torch.inference_mode():
            network(pictures.float() / 255)[0].numpy()

    return run


def frechet(_):
    """pytorch-fid's formula with scipy.linalg.sqrtm, from moments."""
    import numpy as np
    import scipy.linalg

    def moments(deviation):
        x = torch.randn(3000, FEATURES).double().numpy() * deviation
        return x.mean(0), np.cov(x, rowvar=False)

    (mu1, sigma1), (mu2, sigma2) = moments(1.0), moments(1.2)

    def run():
        root = scipy.linalg.sqrtm(sigma1.dot(sigma2))
        ((mu1 - mu2) ** 2).sum() + np.trace(sigma1) + np.trace(sigma2) - 2 * np.trace(root.real)

    return run


def neighbours(points):
    """Radii within each set and coverage between them, block by block."""
    reference, samples = torch.randn(points, FEATURES), torch.randn(points, FEATURES) * 1.05

    def distances(u, v):
        return ((u * u).sum(1, keepdim=True) - 2 * u @ v.T + (v * v).sum(1)).clamp_min_(0)

    def radii(x):
        out = []
        for u in x.split(BLOCK):
            best = [distances(u, v).topk(NEIGHBOURS + 1, 1, largest=False)[0] for v in x.split(BLOCK)]
            out.append(torch.cat(best, 1).topk(NEIGHBOURS + 1, 1, largest=False)[0][:, -1])
        return torch.cat(out)

    def run():
        with torch.inference_mode():
            of_reference, of_samples = radii(reference), radii(samples)
            precise, recalled = [], torch.zeros(points, dtype=torch.bool)
            for u, r in zip(samples.split(BLOCK), of_samples.split(BLOCK)):
                inside = torch.zeros(len(u), dtype=torch.bool)
                for i, v in enumerate(reference.split(BLOCK)):
                    place = slice(i * BLOCK, i * BLOCK + len(v))
                    d = distances(u, v)
                    inside |= (d <= of_reference[place]).any(1)
                    recalled[place] |= (d <= r[:, None]).any(0)
                precise.append(inside)
            torch.cat(precise).float().mean().item(), recalled.float().mean().item()

    return run


METRIC_PARTS = {"inception": inception, "frechet": frechet, "neighbours": neighbours}
