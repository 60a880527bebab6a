package io.github.maskalign.core.fuzz;

import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Feeds a parser damaged inputs: it must read them or throw the one exception it documents, within bounds of time and
 * memory. Every input is made from a seed, which a failure names. Once there are enough inputs, each of the files that
 * they are made from must have had its turn.
 */
public final class Fuzz {
    private static final long SEED = 20261123;
    /** Inputs for each file, of which it is certain that they choose it. */
    private static final int ENOUGH = 50;

    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    private final List<byte[]> seeds;
    private final Mutation mutation;
    private final Class<? extends Exception> documented;
    private long mostBytes = 64L << 20;
    private long mostMillis = 1_000;

    /** Makes one input. */
    @FunctionalInterface
    public interface Mutation {
        /** Returns a new input made from {@code seed}, which must not change. */
        byte[] apply(byte[] seed, Random random);
    }

    /** Reads one input whole. */
    @FunctionalInterface
    public interface Parser {
        /** Reads; what it returns does not matter. */
        void read(byte[] input) throws Exception;
    }

    private Fuzz(List<byte[]> seeds, Mutation mutation, Class<? extends Exception> documented) {
        this.seeds = List.copyOf(seeds);
        this.mutation = mutation;
        this.documented = documented;
    }

    /** Inputs made from valid ones; {@code documented} is the only exception that may come out. */
    public static Fuzz of(List<byte[]> seeds, Mutation mutation, Class<? extends Exception> documented) {
        return new Fuzz(seeds, mutation, documented);
    }

    /** Bounds for one input: bytes allocated by the reading thread (64 MiB), and its milliseconds on a processor (1,000). */
    public Fuzz within(long bytes, long millis) {
        mostBytes = bytes;
        mostMillis = millis;
        return this;
    }

    /** Reads {@code count} inputs and returns how many were accepted. */
    public int run(int count, Parser parser) {
        int[] chosen = new int[seeds.size()];
        int accepted = (int) IntStream.range(0, count)
                .filter(i -> accepts(SEED + i, parser, chosen))
                .count();
        for (int i = 0; i < chosen.length && count >= ENOUGH * chosen.length; i++) {
            if (chosen[i] == 0) {
                throw new AssertionError("file " + i + " of " + chosen.length + " was never damaged");
            }
        }
        return accepted;
    }

    /**
     * Returns a generator whose first numbers differ between neighbouring seeds. Those of {@link Random} hardly do: of
     * eight files, two thousand neighbours chose four.
     */
    public static Random random(long seed) {
        return new Random(new SplittableRandom(seed).nextLong());
    }

    private boolean accepts(long seed, Parser parser, int[] chosen) {
        Random random = random(seed);
        int file = random.nextInt(seeds.size());
        chosen[file]++;
        byte[] input = mutation.apply(seeds.get(file), random);
        long bytes = THREADS.getCurrentThreadAllocatedBytes();
        long nanos = THREADS.getCurrentThreadCpuTime();
        boolean accepted = true;
        try {
            parser.read(input);
        } catch (Throwable e) { // whatever it is, the seed that led to it must be told
            if (!documented.isInstance(e)) {
                throw new AssertionError("seed " + seed + " led to " + e, e);
            }
            accepted = false;
        }
        long allocated = THREADS.getCurrentThreadAllocatedBytes() - bytes;
        long millis = (THREADS.getCurrentThreadCpuTime() - nanos) / 1_000_000;
        if (allocated > mostBytes || millis > mostMillis) {
            throw new AssertionError("seed " + seed + " took " + allocated + " bytes and " + millis + " ms");
        }
        return accepted;
    }
}
