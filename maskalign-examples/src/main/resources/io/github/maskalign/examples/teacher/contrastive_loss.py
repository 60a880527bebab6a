from typing import Tuple
from torch import Tensor


# Two-layer head, then rows of norm 1.
def project(x: Tensor, fc1_weight: Tensor, fc1_bias: Tensor, fc2_weight: Tensor, fc2_bias: Tensor) -> Tensor:
    h = torch.gelu(torch.linear(x, fc1_weight, fc1_bias))
    z = torch.linear(h, fc2_weight, fc2_bias)
    return z / torch.clamp_min(torch.linalg_vector_norm(z, 2, [-1], True), 1e-12)


# InfoNCE both ways between rows i and n + i of z (2n, E): the other view among all other views.
def info_nce(z: Tensor, temperature: float) -> Tensor:
    n = z.size(0) // 2
    a, b = torch.narrow(z, 0, 0, n), torch.narrow(z, 0, n, n)
    logits = torch.matmul(a, torch.transpose(b, 0, 1)) / temperature  # (n, n)
    forwards = torch.mean(torch.diagonal(torch.log_softmax(logits, 1)))
    backwards = torch.mean(torch.diagonal(torch.log_softmax(logits, 0)))
    return -0.5 * (forwards + backwards)


# Loss of class tokens (2n, Z) plus that of the mean patch tokens, each through its own head.
def contrastive_loss(
    class_token: Tensor, patch_tokens: Tensor,
    class_fc1_weight: Tensor, class_fc1_bias: Tensor, class_fc2_weight: Tensor, class_fc2_bias: Tensor,
    patch_fc1_weight: Tensor, patch_fc1_bias: Tensor, patch_fc2_weight: Tensor, patch_fc2_bias: Tensor,
    temperature: float, patch_weight: float
) -> Tuple[Tensor, Tensor, Tensor]:
    c = project(class_token, class_fc1_weight, class_fc1_bias, class_fc2_weight, class_fc2_bias)
    p = torch.mean(patch_tokens, [1])  # (2n, Z)
    p = project(p, patch_fc1_weight, patch_fc1_bias, patch_fc2_weight, patch_fc2_bias)
    class_loss = info_nce(c, temperature)
    patch_loss = info_nce(p, temperature)
    return class_loss + patch_weight * patch_loss, class_loss, patch_loss
