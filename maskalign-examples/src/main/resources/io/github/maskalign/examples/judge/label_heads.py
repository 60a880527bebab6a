from typing import Tuple
from torch import Tensor


# Mean cross-entropy of logits (n, C) against labels (n), of which a share is spread over all classes.
def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    log_p = torch.log_softmax(logits, 1)
    right = torch.mean(torch.gather(log_p, 1, torch.unsqueeze(labels, 1)))
    return -((1.0 - smoothing) * right + smoothing * torch.mean(log_p))


# Share of rows of logits (n, C) that are largest at their label.
def told(logits: Tensor, labels: Tensor) -> Tensor:
    return torch.mean(torch.to(torch.eq(torch.argmax(torch.detach(logits), 1), labels), 6))


# Loss of features (n, Z) and labels (n, 4); the parts of emoji, category, artist and damage; the share of emoji told.
def label_loss(
    feature: Tensor, labels: Tensor,
    emoji_weight: Tensor, emoji_bias: Tensor, category_weight: Tensor, category_bias: Tensor,
    artist_weight: Tensor, artist_bias: Tensor, damage_weight: Tensor, damage_bias: Tensor,
    smoothing: float, category_share: float, artist_share: float, damage_share: float
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    logits = torch.linear(feature, emoji_weight, emoji_bias)  # (n, emoji)
    emoji = cross_entropy(logits, labels[:, 0], smoothing)
    category = cross_entropy(torch.linear(feature, category_weight, category_bias), labels[:, 1], smoothing)
    artist = cross_entropy(torch.linear(feature, artist_weight, artist_bias), labels[:, 2], smoothing)
    damage = cross_entropy(torch.linear(feature, damage_weight, damage_bias), labels[:, 3], smoothing)
    loss = emoji + category_share * category + artist_share * artist + damage_share * damage
    return loss, emoji, category, artist, damage, told(logits, labels[:, 0])
