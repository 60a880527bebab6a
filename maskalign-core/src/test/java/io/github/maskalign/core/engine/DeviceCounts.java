package io.github.maskalign.core.engine;

import ai.djl.engine.Engine;
import com.sun.jna.NativeLibrary;
import io.github.maskalign.core.engine.internal.LoadedLibraries;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongBinaryOperator;
import org.junit.jupiter.api.Assumptions;

/**
 * What the pretended GPU of {@code scripts/fakegpu} did in a piece of code. Without it, as on a real GPU, tests that
 * count are skipped.
 *
 * @param operations calls that a GPU starts a kernel for; views and allocations are none
 * @param casts those of them that copy an array to another type
 * @param views calls that look at the memory of an array in another way
 * @param allocations new arrays
 * @param inPlace operations that write their argument
 * @param uploads copies from the host that the host waits for
 * @param uploadBytes their bytes
 * @param pinnedUploads copies from pinned memory of the host that it does not wait for
 * @param pinnedUploadBytes their bytes
 * @param downloads copies to the host
 * @param downloadBytes their bytes
 * @param otherDevice copies from one GPU to another
 * @param valueReads numbers that the host asked for
 */
public record DeviceCounts(
        long operations,
        long casts,
        long views,
        long allocations,
        long inPlace,
        long uploads,
        long uploadBytes,
        long pinnedUploads,
        long pinnedUploadBytes,
        long downloads,
        long downloadBytes,
        long otherDevice,
        long valueReads) {
    private static final int TOTALS = 13;
    private static final int TABLE_BYTES = 1 << 20;

    /** Work whose counts are wanted. */
    @FunctionalInterface
    public interface Work<E extends Exception> {
        void run() throws E;
    }

    /** Returns what the work did, on all threads of the process. */
    public static <E extends Exception> DeviceCounts of(Work<E> work) throws E {
        DeviceCounts before = now();
        work.run();
        return now().since(before);
    }

    /** Returns what was done since the start of the process. */
    public static DeviceCounts now() {
        long[] t = new long[TOTALS];
        library().getFunction("fakegpu_totals").invoke(new Object[] {t});
        return new DeviceCounts(t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12]);
    }

    /** Returns a line for each operator and copy since {@link #clear} or the start: times, bytes, name. */
    public static String table() {
        byte[] text = new byte[TABLE_BYTES];
        int length = library().getFunction("fakegpu_report").invokeInt(new Object[] {text, text.length});
        return new String(text, 0, Math.min(length, text.length - 1), StandardCharsets.UTF_8);
    }

    /** Sets all counts to 0. */
    public static void clear() {
        library().getFunction("fakegpu_reset").invoke(new Object[0]);
    }

    /** Returns the difference to an earlier moment. */
    public DeviceCounts since(DeviceCounts earlier) {
        return combined(earlier, (now, before) -> now - before);
    }

    /** Returns the share of one of {@code parts} equal parts, rounded up. */
    public DeviceCounts per(int parts) {
        return combined(this, (all, same) -> (all + parts - 1) / parts);
    }

    private DeviceCounts combined(DeviceCounts other, LongBinaryOperator how) {
        return new DeviceCounts(
                how.applyAsLong(operations, other.operations),
                how.applyAsLong(casts, other.casts),
                how.applyAsLong(views, other.views),
                how.applyAsLong(allocations, other.allocations),
                how.applyAsLong(inPlace, other.inPlace),
                how.applyAsLong(uploads, other.uploads),
                how.applyAsLong(uploadBytes, other.uploadBytes),
                how.applyAsLong(pinnedUploads, other.pinnedUploads),
                how.applyAsLong(pinnedUploadBytes, other.pinnedUploadBytes),
                how.applyAsLong(downloads, other.downloads),
                how.applyAsLong(downloadBytes, other.downloadBytes),
                how.applyAsLong(otherDevice, other.otherDevice),
                how.applyAsLong(valueReads, other.valueReads));
    }

    /** Returns the copies from the host, whether it waits for them or not. */
    public long allUploads() {
        return uploads + pinnedUploads;
    }

    /** Returns how often the host waits until the device has done all that it was asked: copies back, and values. */
    public long waits() {
        return downloads + valueReads;
    }

    /** One line for a test's output. */
    public String line(String what) {
        return String.format(
                Locale.ROOT,
                "%s: %d operations (%d casts, %d in place), %d copies to the device (%d not waited for, %d bytes), "
                        + "%d copies back (%d bytes), %d value reads",
                what,
                operations,
                casts,
                inPlace,
                allUploads(),
                pinnedUploads,
                uploadBytes + pinnedUploadBytes,
                downloads,
                downloadBytes,
                valueReads);
    }

    private static NativeLibrary library() {
        Engine.getInstance(); // loads it
        Optional<String> path = LoadedLibraries.find("libfakegpu.so").map(Object::toString);
        Assumptions.assumeTrue(path.isPresent(), "there is no pretended GPU: mvn test -Pfakegpu brings one");
        return NativeLibrary.getInstance(path.orElseThrow());
    }
}
