package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.internal.InPlace;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The two networks of an {@link Autoencoder} with their weights, recorded as they compute, for whoever trains them on. They
 * are the autoencoder's own: what changes here is what it encodes and decodes with.
 *
 * @see Autoencoder#trainable
 */
public final class TrainableAutoencoder {
    private final Block encoder;
    private final Block decoder;
    private final Map<String, Parameter> parameters;
    private final ParameterStore store;
    private final Optional<String> config;

    /**
     * Joins the networks.
     *
     * @param parameters their weights by the keys of the autoencoder's files
     * @param config text of the file {@code config.json} that goes with the weights; empty if none does
     */
    TrainableAutoencoder(
            Block encoder,
            Block decoder,
            Map<String, Parameter> parameters,
            ParameterStore store,
            Optional<String> config) {
        this.encoder = encoder;
        this.decoder = decoder;
        this.parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
        this.store = store;
        this.config = config;
    }

    /** Joins networks whose keys tell them apart. */
    static TrainableAutoencoder of(Block encoder, Block decoder, ParameterStore store, Optional<String> config) {
        Map<String, Parameter> all = new LinkedHashMap<>(ParameterKeys.of(encoder));
        all.putAll(ParameterKeys.of(decoder));
        return new TrainableAutoencoder(encoder, decoder, all, store, config);
    }

    /** Returns the weights by the keys of the autoencoder's files. */
    public Map<String, Parameter> parameters() {
        return parameters;
    }

    /** Returns the text of the {@code config.json} that goes with a file of the weights; empty if none does. */
    public Optional<String> config() {
        return config;
    }

    /** Returns mean and log-variance (N, 2C, h, w) of the latents of pictures (N, 3, H, W) in [−1, 1]. */
    public NDArray encode(NDArray pictures) {
        return encoder.forward(store, new NDList(pictures), true).singletonOrThrow();
    }

    /** Returns pictures (N, 3, H, W), [−1, 1] but for overshoots, of unscaled latents (N, C, h, w). */
    public NDArray decode(NDArray latents) {
        return decoder.forward(store, new NDList(latents), true).singletonOrThrow();
    }

    /**
     * Overwrites all weights.
     *
     * @param values arrays by key, on any device; further ones are not looked at
     * @throws IllegalArgumentException if one is missing or has another shape
     */
    public void copyFrom(Map<String, NDArray> values) {
        NDList from = new NDList();
        NDList to = new NDList();
        parameters.forEach((key, parameter) -> {
            NDArray value = values.get(key);
            if (value == null) {
                throw new IllegalArgumentException("the autoencoder's weight " + key + " is missing");
            }
            from.add(value);
            to.add(parameter.getArray());
        });
        InPlace.copy(from, to);
    }
}
