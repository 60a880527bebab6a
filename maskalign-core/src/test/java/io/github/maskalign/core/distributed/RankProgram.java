package io.github.maskalign.core.distributed;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.internal.GradientBuckets;
import io.github.maskalign.core.distributed.internal.GradualSum;
import io.github.maskalign.core.distributed.internal.MpiCommunicator;
import io.github.maskalign.core.distributed.internal.MpiCommunicatorTest;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;

/** What each rank of {@link MpiCommunicatorTest} does; the first argument names the scene. */
public final class RankProgram {
    private RankProgram() {}

    /** Plays a scene and ends with code 0, or 7 if it fails with an exception. */
    public static void main(String[] args) {
        Launch launch = Launch.detect(System.getenv());
        Duration patience = Duration.ofSeconds(args.length > 1 ? Long.parseLong(args[1]) : 60);
        Communicator ranks = MpiCommunicator.start(launch, patience);
        int code = 0;
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            play(args[0], ranks, manager);
        } catch (RuntimeException e) {
            say(ranks, "exception", e.getMessage());
            code = 7;
        }
        ranks.close();
        ranks.close(); // no effect
        if (args[0].equals("forgotten")) {
            ranks = null;
            useMemoryAfterwards();
        }
        System.exit(code);
    }

    /** Lets garbage collection find what nobody holds, and then lets other threads ask the system for memory. */
    private static void useMemoryAfterwards() {
        for (int i = 0; i < 20; i++) {
            System.gc();
            pause(50);
            Thread thread = new Thread(() -> pause(1)); // its stack is mapped, and given back
            thread.start();
        }
        System.out.println("still here");
    }

    private static void play(String scene, Communicator ranks, NDManager manager) {
        switch (scene) {
            case "all" -> {
                sums(ranks, manager);
                copies(ranks, manager);
                refusals(ranks, manager);
                agreement(ranks);
            }
            case "one-fails" -> oneFails(ranks);
            case "gradual" -> gradual(ranks, manager, false);
            case "gradual-fails" -> gradual(ranks, manager, true);
            case "forgotten" -> ranks.barrier();
            case "differ" -> new Agreement(ranks).requireSame("the settings", new byte[] {(byte) ranks.rank(), 1});
            case "wait-for-ever" -> {
                say(
                        ranks,
                        "process",
                        ranks.rank() + " " + ProcessHandle.current().pid());
                if (ranks.rank() == 0) {
                    ranks.barrier(); // the others never come
                }
                pause(120_000);
            }
            default -> throw new IllegalArgumentException("no scene " + scene);
        }
    }

    private static void sums(Communicator ranks, NDManager manager) {
        float[] mine = values(ranks.rank(), 1003);
        float[] expected = new float[mine.length];
        for (int rank = 0; rank < ranks.size(); rank++) {
            float[] theirs = values(rank, mine.length);
            for (int i = 0; i < mine.length; i++) {
                expected[i] += theirs[i]; // sums of small whole numbers are exact in any order
            }
        }
        NDArray floats = OwnedArrays.of(manager, new Shape(17, 59), mine);
        ranks.allReduceSum(floats);
        say(ranks, "float32", Arrays.equals(floats.toFloatArray(), expected));

        NDArray longs = OwnedArrays.of(manager, new Shape(2), new long[] {ranks.rank() + 1, 1L << 40});
        ranks.allReduceSum(longs);
        say(ranks, "int64", Arrays.toString(longs.toLongArray()));

        NDArray doubles = manager.create(new Shape(1), DataType.FLOAT64);
        doubles.set(new double[] {1e-9 * (1 + ranks.rank())});
        ranks.allReduceSum(doubles);
        say(ranks, "float64", doubles.toDoubleArray()[0]);

        ranks.allReduceSum(manager.create(new Shape(0), DataType.FLOAT32)); // nothing, and no complaint

        for (long bytes : new long[] {4, 4_000, 1 << 20}) {
            NDList arrays = new NDList();
            for (int i = 0; i < 7; i++) {
                arrays.add(OwnedArrays.of(manager, new Shape(i + 1, 59), values(100 * i + ranks.rank(), (i + 1) * 59)));
            }
            arrays.add(OwnedArrays.of(manager, new Shape(), new float[] {ranks.rank()})); // a loss
            NDList sums = new GradientBuckets(ranks, bytes).sum(arrays, manager);
            boolean right = sums.size() == 8 && sums.get(7).getShape().dimension() == 0;
            for (int i = 0; i < 7; i++) {
                float[] want = new float[(i + 1) * 59];
                for (int rank = 0; rank < ranks.size(); rank++) {
                    float[] theirs = values(100 * i + rank, want.length);
                    for (int k = 0; k < want.length; k++) {
                        want[k] += theirs[k];
                    }
                }
                right &= sums.get(i).getShape().equals(new Shape(i + 1, 59));
                right &= Arrays.equals(sums.get(i).toFloatArray(), want);
            }
            say(ranks, "buckets-" + bytes, right);
        }

        NDArray big = manager.ones(new Shape(600, 500)).mul(ranks.rank() + 1);
        NDArray other = manager.arange(300_000f).reshape(500, 600);
        NDList shared = new NDList(big, big.stopGradient(), other.transpose());
        NDList sums = new GradientBuckets(ranks, 4_000).sum(shared, manager);
        float whole = ranks.size() * (ranks.size() + 1) / 2f;
        boolean right = sums.get(0).eq(whole).all().getBoolean();
        right &= sums.get(1).eq(whole).all().getBoolean(); // one array given twice is not summed twice
        right &= sums.get(2).getShape().equals(new Shape(600, 500));
        right &= sums.get(2).getFloat(3, 7) == ranks.size() * (7f * 600 + 3);
        say(ranks, "large", right);

        // numbers that round: the bits have to be the same everywhere
        float[] rounding = new float[30_011];
        SplittableRandom random = new SplittableRandom(ranks.rank());
        for (int i = 0; i < rounding.length; i++) {
            rounding[i] = (float) random.nextGaussian();
        }
        NDArray inexact = OwnedArrays.of(manager, new Shape(rounding.length), rounding);
        ranks.allReduceSum(inexact);
        CRC32C sum = new CRC32C();
        sum.update(inexact.toByteArray());
        say(ranks, "bits", sum.getValue());
    }

    private static void copies(Communicator ranks, NDManager manager) {
        int root = ranks.size() - 1;
        NDArray array = OwnedArrays.of(manager, new Shape(3, 5), values(ranks.rank(), 15));
        ranks.broadcast(array, root);
        say(ranks, "broadcast", Arrays.equals(array.toFloatArray(), values(root, 15)));
        NDArray bytes = OwnedArrays.of(manager, new Shape(3), new byte[] {1, 2, (byte) ranks.rank()});
        ranks.broadcast(bytes, 0);
        say(ranks, "bytes", Arrays.toString(bytes.toByteArray()));
        say(ranks, "gather", Arrays.deepToString(ranks.allGather(new byte[] {(byte) (10 + ranks.rank()), 0})));
        say(ranks, "gather-nothing", ranks.allGather(new byte[0]).length);
        ranks.barrier();
        say(ranks, "who", ranks.rank() + "/" + ranks.size() + " local " + ranks.localRank());
        say(ranks, "what", ranks.description());
    }

    private static void refusals(Communicator ranks, NDManager manager) {
        NDArray table = OwnedArrays.of(manager, new Shape(3, 5), values(0, 15));
        say(ranks, "refused-view", refusal(() -> ranks.allReduceSum(table.transpose())));
        NDArray bytes = OwnedArrays.of(manager, new Shape(1), new byte[1]);
        say(ranks, "refused-type", refusal(() -> ranks.allReduceSum(bytes)));
        say(ranks, "refused-root", refusal(() -> ranks.broadcast(table, ranks.size())));
        say(ranks, "refused-second", refusal(() -> MpiCommunicator.start(Launch.SINGLE, Duration.ofSeconds(1))));
    }

    private static void agreement(Communicator ranks) {
        Agreement agreement = new Agreement(ranks);
        say(ranks, "nobody", agreement.any(false));
        say(ranks, "somebody", agreement.any(ranks.rank() == ranks.size() - 1));
        agreement.requireSame("the settings", new byte[] {4, 5});
        say(ranks, "together", agreement.together(() -> "fine"));
    }

    /** The last rank fails in its second round; the others are in their third by then. */
    private static void oneFails(Communicator ranks) {
        Agreement agreement = new Agreement(ranks);
        int round = 0;
        try {
            while (!agreement.any(false)) {
                int now = ++round;
                agreement.together(() -> {
                    if (now == 2 && ranks.rank() == ranks.size() - 1) {
                        throw new IllegalStateException("shard 7 cannot be read: é");
                    }
                    return now;
                });
            }
        } catch (RuntimeException e) {
            agreement.fail(e); // known already: says nothing again
            say(ranks, "known", agreement.isFailureKnown());
            throw e;
        }
    }

    /** Sums that travel while this thread computes; the last rank may fail half-way. */
    private static void gradual(Communicator ranks, NDManager manager, boolean fails) {
        Agreement agreement = new Agreement(ranks);
        GradientBuckets buckets = new GradientBuckets(ranks, 2_000);
        int[] sizes = {400_003, 17, 300_000, 400, 500_001, 262_144, 3};
        List<Long> elements = Arrays.stream(sizes).mapToObj(Long::valueOf).toList();
        NDList together = buckets.sum(rounding(ranks, manager, sizes), manager);
        NDList arrays = rounding(ranks, manager, sizes);
        try {
            GradualSum sum = agreement.together(() -> {
                GradualSum begun = buckets.gradually(elements, manager, agreement);
                try {
                    for (int i = sizes.length - 1; i >= 0; i--) {
                        if (fails && i == 1 && ranks.rank() == ranks.size() - 1) {
                            throw new IllegalStateException("the device is lost");
                        }
                        pause(ranks.rank() * 20L); // ranks that come late
                        begun.take(List.of(i), new NDList(arrays.get(i)), new NDList());
                    }
                    begun.drain();
                    return begun;
                } catch (RuntimeException e) {
                    begun.drain(e);
                    throw e;
                }
            });
            NDList gradual = sum.complete();
            CRC32C digest = new CRC32C();
            boolean same = true;
            for (int i = 0; i < sizes.length; i++) {
                same &= Arrays.equals(
                        gradual.get(i).toByteArray(), together.get(i).toByteArray());
                digest.update(gradual.get(i).toByteArray());
            }
            say(ranks, "gradual-same", same);
            say(ranks, "gradual-bits", digest.getValue());
        } catch (RuntimeException e) {
            agreement.fail(e);
            say(ranks, "known", agreement.isFailureKnown());
            throw e;
        }
    }

    private static NDList rounding(Communicator ranks, NDManager manager, int[] sizes) {
        SplittableRandom random = new SplittableRandom(ranks.rank());
        NDList arrays = new NDList();
        for (int size : sizes) {
            float[] values = new float[size];
            for (int i = 0; i < size; i++) {
                values[i] = (float) random.nextDouble(-1, 1);
            }
            arrays.add(OwnedArrays.of(manager, new Shape(size), values));
        }
        return arrays;
    }

    private static float[] values(int seed, int count) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(1000);
        }
        return values;
    }

    private static String refusal(Runnable call) {
        try {
            call.run();
            return "none";
        } catch (IllegalArgumentException | CommunicationException e) {
            return e.getMessage();
        }
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void say(Communicator ranks, String word, Object value) {
        System.out.println(word + " " + value);
        System.out.flush();
    }
}
