package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged checkpoints: each opens and all its tensors are read, or it is refused with the one exception. */
class TorchFileFuzzTest {
    private static final int FAST = 2_000;
    private static final int SLOW = 100_000;

    @TempDir
    Path folder;

    @Test
    void damagedFilesAreReadOrRefused() throws Exception {
        files(FAST);
    }

    @Test
    void damagedPicklesAreReadOrRefused() throws Exception {
        pickles(FAST);
    }

    @Test
    void damagedStreamsAreReadOrRefused() throws Exception {
        streams(FAST);
    }

    @Test
    void damagedPicklesOfStreamsAreReadOrRefused() throws Exception {
        picklesOfStreams(FAST);
    }

    @Test
    @Tag("slow")
    void manyDamagedStreamsAreReadOrRefused() throws Exception {
        streams(SLOW);
    }

    @Test
    @Tag("slow")
    void manyDamagedPicklesOfStreamsAreReadOrRefused() throws Exception {
        picklesOfStreams(SLOW);
    }

    @Test
    @Tag("slow")
    void manyDamagedFilesAreReadOrRefused() throws Exception {
        files(SLOW);
    }

    @Test
    @Tag("slow")
    void manyDamagedPicklesAreReadOrRefused() throws Exception {
        pickles(SLOW);
    }

    private void files(int count) throws Exception {
        List<byte[]> seeds = seeds().map(TorchFileFuzzTest::bytes).toList();

        int accepted =
                Fuzz.of(seeds, Bytes::mutate, CheckpointFormatException.class).run(count, this::read);

        // Tensor data and the padding between them may change; nearly everything else is checked.
        assertThat(accepted).isBetween(count / 50, count / 2);
    }

    private void pickles(int count) throws Exception {
        Map<byte[], Parts> parts = new IdentityHashMap<>();
        List<byte[]> seeds = seeds().map(TorchFileFuzzTest::bytes).toList();
        List<String> names = seeds().toList();
        for (int i = 0; i < seeds.size(); i++) {
            parts.put(seeds.get(i), Parts.of(names.get(i)));
        }

        int accepted = Fuzz.of(
                        seeds,
                        (seed, random) ->
                                Objects.requireNonNull(parts.get(seed)).mutate(random),
                        CheckpointFormatException.class)
                .run(count, this::read);

        // A number stored under another place, a changed text or flag: such files are different, not wrong.
        assertThat(accepted).isBetween(count / 50, count / 2);
    }

    private void streams(int count) throws Exception {
        List<byte[]> seeds = streamSeeds().map(TorchFileFuzzTest::bytes).toList();

        int accepted =
                Fuzz.of(seeds, Bytes::mutate, CheckpointFormatException.class).run(count, this::read);

        // There is no checksum, so a changed number or text is another file; a byte more or less is always noticed, and
        // most mutations add or take some.
        assertThat(accepted).isBetween(count / 50, count / 2);
    }

    private void picklesOfStreams(int count) throws Exception {
        List<byte[]> seeds = streamSeeds().map(TorchFileFuzzTest::bytes).toList();

        int accepted = Fuzz.of(
                        seeds, (seed, random) -> Streams.of(seed).mutate(random), CheckpointFormatException.class)
                .run(count, this::read);

        assertThat(accepted).isBetween(count / 50, count / 2);
    }

    private static Stream<String> seeds() {
        return Samples.readable().filter(name -> !name.startsWith("training") && !name.contains("stream"));
    }

    private static Stream<String> streamSeeds() {
        return Samples.readable().filter(name -> !name.startsWith("training") && name.contains("stream"));
    }

    private void read(byte[] content) throws IOException {
        Path path = Files.write(folder.resolve("x.pt"), content);
        for (Unknown unknown : Unknown.values()) {
            try (WeightsFile file = WeightsFile.open(path, unknown)) {
                assertThat(file.metadata()).isNotNull();
                for (String section : file.sections()) {
                    for (TensorSource tensor : file.stateDict(section).tensors().values()) {
                        read(tensor);
                    }
                }
            } catch (CheckpointFormatException e) {
                assertThat(e.getMessage()).startsWith(path + "").hasSizeLessThan(4_000);
                if (unknown == Unknown.OPAQUE) {
                    throw e;
                }
            }
        }
    }

    private static void read(TensorSource tensor) throws IOException {
        long[] count = {0};
        if (tensor.byteSize() < 1 << 16) { // a view may repeat its elements up to 1 GiB
            tensor.sendTo(chunk -> count[0] += chunk.remaining());
            assertThat(count[0]).isEqualTo(tensor.byteSize());
        }
    }

    private static byte[] bytes(String name) {
        try {
            return Files.readAllBytes(Samples.path(name + ".pt"));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** A sample taken apart, to be put together with another pickle. */
    private record Parts(byte[] pickle, List<byte[]> storages) {
        static Parts of(String name) {
            try (TorchArchive archive = TorchArchive.open(Samples.path(name + ".pt"))) {
                List<byte[]> storages = new ArrayList<>();
                while (archive.entry("data/" + storages.size()) != null) {
                    storages.add(
                            archive.content("data/" + storages.size(), 1 << 20).array());
                }
                return new Parts(archive.content("data.pkl", 1 << 20).array(), storages);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }

        byte[] mutate(Random random) {
            return Checkpoints.archive(PickleMutation.mutate(pickle, random), storages);
        }
    }
}
