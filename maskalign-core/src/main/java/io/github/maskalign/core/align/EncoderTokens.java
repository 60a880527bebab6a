package io.github.maskalign.core.align;

import ai.djl.ndarray.NDArray;

/**
 * What a frozen encoder says about clean pictures.
 *
 * @param classToken one token for the whole picture (N, Z), float32
 * @param patchTokens one token for each patch, row-major (N, T, Z), float32
 */
public record EncoderTokens(NDArray classToken, NDArray patchTokens) {}
