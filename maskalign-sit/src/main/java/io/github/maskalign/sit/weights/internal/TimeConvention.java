package io.github.maskalign.sit.weights.internal;

import io.github.maskalign.core.config.Identified;
import io.github.maskalign.sit.weights.SiTWeights;

/**
 * Which end of the time axis is data. The two are related by t' = 1 − t and v'(x, t') = −v(x, t); a network that was
 * trained on one is used on the other through {@link ReversedTimeField}, or after {@link SiTWeights#dataAtZero()}.
 */
public enum TimeConvention implements Identified {
    /** t = 0 is data, t = 1 noise: REPA, REG, MaskAlign and this library. */
    DATA_AT_0("data-at-0"),
    /** t = 0 is noise, t = 1 data: willisma/SiT and ReDi. */
    DATA_AT_1("data-at-1");

    private final String id;

    TimeConvention(String id) {
        this.id = id;
    }

    /** Returns the name used in files. */
    @Override
    public String id() {
        return id;
    }
}
