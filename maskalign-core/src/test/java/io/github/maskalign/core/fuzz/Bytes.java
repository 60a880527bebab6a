package io.github.maskalign.core.fuzz;

import java.util.Arrays;
import java.util.Random;

/** Mutations of bytes that know nothing of their format: bits, lengths, cuts, copies, extreme numbers. */
public final class Bytes {
    private static final long[] NUMBERS = {
        0,
        1,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0xffff,
        0x7fff_ffffL,
        0x8000_0000L,
        0xffff_ffffL,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        -1
    };

    private Bytes() {}

    /** Returns the input with one to four of the mutations. */
    public static byte[] mutate(byte[] seed, Random random) {
        byte[] out = seed.clone();
        for (int n = 1 + random.nextInt(4); n > 0 && out.length > 0; n--) {
            out = once(out, random);
        }
        return out;
    }

    private static byte[] once(byte[] in, Random random) {
        int at = random.nextInt(in.length);
        int length = 1 + random.nextInt(Math.min(32, in.length - at));
        switch (random.nextInt(6)) {
            case 0 -> in[at] ^= (byte) (1 << random.nextInt(8));
            case 1 -> in[at] = (byte) random.nextInt(256);
            case 2 -> {
                long number = NUMBERS[random.nextInt(NUMBERS.length)];
                for (int i = 0; i < (1 << random.nextInt(4)) && at + i < in.length; i++) {
                    in[at + i] = (byte) (number >> (8 * i));
                }
            }
            case 3 -> {
                return Arrays.copyOf(in, at);
            }
            case 4 -> {
                byte[] without = new byte[in.length - length];
                System.arraycopy(in, 0, without, 0, at);
                System.arraycopy(in, at + length, without, at, in.length - at - length);
                return without;
            }
            default -> {
                int from = random.nextInt(in.length - length + 1);
                byte[] with = new byte[in.length + length];
                System.arraycopy(in, 0, with, 0, at);
                System.arraycopy(in, from, with, at, length);
                System.arraycopy(in, at, with, at + length, in.length - at);
                return with;
            }
        }
        return in;
    }
}
