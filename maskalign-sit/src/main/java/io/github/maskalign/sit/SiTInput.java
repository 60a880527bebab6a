package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;

/**
 * One batch for a SiT.
 *
 * @param x noised latents (N, C, H, W), float32
 * @param t timesteps (N) in [0, 1], float32; 0 is data, 1 is noise
 * @param y labels (N) in [0, numClasses], int64
 * @param classToken noised class token (N, Z), float32; exactly if the model has one
 * @param keep indices of the kept patch tokens (N, K), int64, without the class token; null keeps all
 * @param dropped which labels become the null class (N), float32, 0 or 1; null leaves the choice to the model, which
 *     draws it in training and drops none otherwise
 */
public record SiTInput(
        NDArray x,
        NDArray t,
        NDArray y,
        @Nullable NDArray classToken,
        @Nullable NDArray keep,
        @Nullable NDArray dropped) {}
