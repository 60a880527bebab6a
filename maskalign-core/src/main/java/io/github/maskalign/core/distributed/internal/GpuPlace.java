package io.github.maskalign.core.distributed.internal;

import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Which GPU of which machine a rank uses: what NCCL compares too, before it refuses without a name. */
public final class GpuPlace {
    /** What to do when two ranks use the same GPU. */
    static final String ADVICE = "start as many processes on a machine as it has GPUs, or give each its own, by"
            + " CUDA_VISIBLE_DEVICES or --gpus-per-task";

    private static final int BYTES = 96;

    private GpuPlace() {}

    /** Returns the place as bytes for the other ranks. */
    public static byte[] of(String address) {
        return of(machine(), address);
    }

    public static byte[] of(String machine, String address) {
        return Arrays.copyOf((machine + " " + address).getBytes(StandardCharsets.UTF_8), BYTES);
    }

    /**
     * Checks the places of all ranks.
     *
     * @throws CommunicationException if two are the same; every rank sees it
     */
    public static void requireDistinct(byte[][] places) {
        for (int rank = 1; rank < places.length; rank++) {
            for (int other = 0; other < rank; other++) {
                if (Arrays.equals(places[other], places[rank])) {
                    String place = new String(places[rank], StandardCharsets.UTF_8).trim();
                    throw new CommunicationException("ranks " + other + " and " + rank + " use the same GPU, "
                            + place.substring(place.lastIndexOf(' ') + 1) + " of one machine; " + ADVICE);
                }
            }
        }
    }

    /** A name that two machines never share: the kernel draws it when it starts. */
    private static String machine() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
        } catch (IOException e) {
            return ""; // not Linux
        }
    }
}
