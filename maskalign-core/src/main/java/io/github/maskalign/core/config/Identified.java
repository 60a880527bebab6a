package io.github.maskalign.core.config;

/**
 * An enum whose constants are spelt in configs by an id instead of their Java name, because the field's spelling is
 * no Java name: {@code SiT-XL/2} for {@code XL_2}. The id is then the only spelling, and must be unique in the enum.
 */
public interface Identified {
    /** Returns the spelling in configs. */
    String id();
}
