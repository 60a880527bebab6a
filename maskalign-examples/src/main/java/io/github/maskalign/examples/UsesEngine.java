package io.github.maskalign.examples;

/** A command that computes with the engine, whose native libraries are made ready before it runs. */
interface UsesEngine {
    /** Tells whether this call of the command does, once its options are known. */
    default boolean usesEngine() {
        return true;
    }
}
