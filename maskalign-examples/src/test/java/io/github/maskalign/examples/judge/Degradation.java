package io.github.maskalign.examples.judge;

import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.ArrayList;
import java.util.List;

/**
 * Ways to spoil a set of drawings, each at five strengths, weakest first; those like what the judge has learned from come
 * first.
 */
public enum Degradation {
    /** Gaussian noise on each byte. */
    NOISE("Gaussian noise, sd of a byte", 4, 8, 16, 32, 64) {
        @Override
        byte[] spoil(Sample sample, double strength, SplitMix64 random) {
            byte[] out = new byte[sample.bytes().length];
            for (int i = 0; i < out.length; i++) {
                out[i] = clamped((sample.bytes()[i] & 0xFF) + strength * random.nextGaussian());
            }
            return out;
        }
    },
    /** Gaussian blur. */
    BLUR("Gaussian blur, sd in pixels", 0.4, 0.6, 0.9, 1.4, 2.2) {
        @Override
        byte[] spoil(Sample sample, double strength, SplitMix64 random) {
            return blurred(blurred(sample.bytes(), strength, 1), strength, SIDE);
        }
    },
    /** Squares of 8 pixels change places. */
    SWAPS("swaps of 8-pixel squares, pairs of 64", 1, 2, 4, 8, 16) {
        @Override
        byte[] spoil(Sample sample, double strength, SplitMix64 random) {
            byte[] out = sample.bytes().clone();
            for (int pair = 0; pair < strength; pair++) {
                int a = random.nextInt(64);
                int b = (a + 1 + random.nextInt(63)) % 64;
                for (int k = 0; k < 3 * 64; k++) {
                    int within = k / 64 * SIDE * SIDE + k % 64 / 8 * SIDE + k % 8;
                    int at = within + a / 8 * 8 * SIDE + a % 8 * 8;
                    int other = within + b / 8 * 8 * SIDE + b % 8 * 8;
                    byte kept = out[at];
                    out[at] = out[other];
                    out[other] = kept;
                }
            }
            return out;
        }
    },
    /** A drawing of another class shines through. */
    MIXED("mixed with another class, its share", 0.05, 0.1, 0.2, 0.35, 0.5) {
        @Override
        byte[] spoil(Sample sample, double strength, SplitMix64 random) {
            Drawing other = sample.all().get(random.nextInt(sample.all().size()));
            while (other.label() == sample.label()) {
                other = sample.all().get(random.nextInt(sample.all().size()));
            }
            byte[] out = new byte[sample.bytes().length];
            for (int i = 0; i < out.length; i++) {
                out[i] = clamped((1 - strength) * (sample.bytes()[i] & 0xFF) + strength * (other.bytes()[i] & 0xFF));
            }
            return out;
        }
    },
    /** Colours turn around the grey axis. */
    COLOUR("colours turned, rad", 0.1, 0.2, 0.4, 0.8, 1.6) {
        @Override
        byte[] spoil(Sample sample, double strength, SplitMix64 random) {
            double cos = Math.cos(strength);
            double sin = Math.sin(strength) / Math.sqrt(3);
            byte[] out = new byte[sample.bytes().length];
            int plane = SIDE * SIDE;
            for (int i = 0; i < plane; i++) {
                double[] rgb = new double[3];
                for (int c = 0; c < 3; c++) {
                    rgb[c] = sample.bytes()[c * plane + i] & 0xFF;
                }
                double grey = (rgb[0] + rgb[1] + rgb[2]) / 3;
                for (int c = 0; c < 3; c++) { // Rodrigues' rotation about (1, 1, 1)
                    double turned = grey + cos * (rgb[c] - grey) + sin * (rgb[(c + 2) % 3] - rgb[(c + 1) % 3]);
                    out[c * plane + i] = clamped(turned);
                }
            }
            return out;
        }
    },
    /** Blocks of 8 × 8 pixels are rounded in the frequency domain, as JPEG does. */
    QUANTISED("rounded as by JPEG, multiple of its table", 0.25, 0.5, 1, 2, 4) {
        @Override
        byte[] spoil(Sample sample, double strength, SplitMix64 random) {
            byte[] out = new byte[sample.bytes().length];
            for (int block = 0; block < 3 * 64; block++) {
                int at = block / 64 * SIDE * SIDE + block % 64 / 8 * 8 * SIDE + block % 8 * 8;
                double[] frequencies = new double[64];
                for (int k = 0; k < 64; k++) {
                    for (int p = 0; p < 64; p++) {
                        frequencies[k] += COSINES[k / 8][p / 8]
                                * COSINES[k % 8][p % 8]
                                * ((sample.bytes()[at + p / 8 * SIDE + p % 8] & 0xFF) - 128);
                    }
                    double step = strength * JPEG[k];
                    frequencies[k] = step * Math.rint(frequencies[k] / step);
                }
                for (int p = 0; p < 64; p++) {
                    double value = 128;
                    for (int k = 0; k < 64; k++) {
                        value += COSINES[k / 8][p / 8] * COSINES[k % 8][p % 8] * frequencies[k];
                    }
                    out[at + p / 8 * SIDE + p % 8] = clamped(value);
                }
            }
            return out;
        }
    },
    /** Whole classes are missing; others stand in for them. */
    FEWER_KINDS("missing classes of 8", 1, 2, 4, 6, 7) {
        @Override
        byte[] spoil(Sample sample, double strength, SplitMix64 random) {
            if (sample.label() >= strength) {
                return sample.bytes();
            }
            Drawing other = sample.all().get(random.nextInt(sample.all().size()));
            while (other.label() < strength) {
                other = sample.all().get(random.nextInt(sample.all().size()));
            }
            return other.bytes();
        }
    };

    /** Side of the pictures in pixels. */
    static final int SIDE = 64;

    private static final double WHITE = 255;
    /** The table for luminance of JPEG's Annex K (ITU-T T.81), used for all three colours. */
    private static final int[] JPEG = {
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
        51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
        120, 101, 72, 92, 95, 98, 112, 100, 103, 99
    };

    private static final double[][] COSINES = new double[8][8];

    static {
        for (int k = 0; k < 8; k++) {
            for (int x = 0; x < 8; x++) {
                COSINES[k][x] = Math.sqrt((k == 0 ? 1 : 2) / 8.0) * Math.cos((2 * x + 1) * k * Math.PI / 16);
            }
        }
    }

    private final String title;
    private final double[] strengths;

    Degradation(String title, double... strengths) {
        this.title = title;
        this.strengths = strengths;
    }

    /**
     * A picture of a set.
     *
     * @param bytes (3, 64, 64), red first
     * @param label number of its class
     */
    record Drawing(byte[] bytes, int label) {}

    /** A drawing among the others of its set. */
    record Sample(Drawing own, List<Drawing> all) {
        byte[] bytes() {
            return own.bytes();
        }

        int label() {
            return own.label();
        }
    }

    /** Whether the judge has learned from damage of the same nature, made otherwise ({@link Damage}). */
    boolean kin() {
        return this == NOISE || this == BLUR || this == SWAPS;
    }

    String title() {
        return title;
    }

    double[] strengths() {
        return strengths.clone();
    }

    abstract byte[] spoil(Sample sample, double strength, SplitMix64 random);

    /** Returns a spoilt copy of a set; drawing i has the same random numbers at every strength. */
    List<Drawing> apply(List<Drawing> set, double strength, long seed) {
        List<Drawing> out = new ArrayList<>();
        for (int i = 0; i < set.size(); i++) {
            SplitMix64 random = new SplitMix64(SplitMix64.mix(seed + i));
            out.add(new Drawing(
                    spoil(new Sample(set.get(i), set), strength, random),
                    set.get(i).label()));
        }
        return out;
    }

    private static byte clamped(double value) {
        return (byte) Math.round(Math.max(0, Math.min(WHITE, value)));
    }

    /** One pass along x ({@code step} 1) or y ({@code step} 64); edges repeat. */
    private static byte[] blurred(byte[] bytes, double sd, int step) {
        int radius = (int) Math.ceil(3 * sd);
        double[] weights = new double[2 * radius + 1];
        double sum = 0;
        for (int k = -radius; k <= radius; k++) {
            weights[k + radius] = Math.exp(-k * k / (2 * sd * sd));
            sum += weights[k + radius];
        }
        byte[] out = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            int place = i / step % SIDE;
            double value = 0;
            for (int k = -radius; k <= radius; k++) {
                int moved = Math.max(0, Math.min(SIDE - 1, place + k));
                value += weights[k + radius] * (bytes[i + (moved - place) * step] & 0xFF);
            }
            out[i] = clamped(value / sum);
        }
        return out;
    }
}
