package io.github.maskalign.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.LatentData.TokenChoice;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.data.internal.Prepared;
import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.ShardSet;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.script.internal.PackedArrays;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LatentDataTest {
    private static final SampleLayout LAYOUT = new SampleLayout(2, 3, FloatCode.FLOAT32, 5, 4, 3, FloatCode.FLOAT32);
    private static final Draws DRAWS = new Draws(11);

    @TempDir
    Path folder;

    @Test
    void latentsArePosteriorSamplesOfTheirPosition() throws Exception {
        Prepared.write(folder, LAYOUT, 4, 3);
        EpochOrder order = new EpochOrder(DRAWS, 7);

        try (ShardSet set = ShardSet.open(folder);
                NDManager manager = NDManager.newBaseManager()) {
            TrainingBatch batch = new LatentData(set, DRAWS, 0.18215, 0.5)
                    .withImages()
                    .withTokens(TokenChoice.ALL)
                    .batch(manager, 5, 4);

            assertThat(batch.latents().getShape()).isEqualTo(new Shape(4, 2, 3, 3));
            assertThat(batch.images().getShape()).isEqualTo(new Shape(4, 3, 5, 5));
            assertThat(batch.tokens().getShape()).isEqualTo(new Shape(4, 4, 3));
            float[] latents = batch.latents().toFloatArray();
            float[] noise = DRAWS.normal(RandomStream.POSTERIOR, 5, 4, 18);
            for (int i = 0; i < 4; i++) {
                PreparedSample sample = Prepared.sample(LAYOUT, order.indexAt(5 + i));
                assertThat(batch.labels().getLong(i)).isEqualTo(sample.label());
                assertThat(batch.tokens().get(i).toFloatArray()).isEqualTo(sample.tokens());
                for (int k = 0; k < 18; k++) {
                    double z = sample.moments()[k] + (double) sample.moments()[18 + k] * noise[i * 18 + k];
                    // float32: a product, a sum, a difference and a product of numbers of order 1
                    assertThat((double) latents[i * 18 + k]).isCloseTo((z - 0.5) * 0.18215, within(1e-6));
                }
            }
        }
    }

    @Test
    void eachChannelHasItsScaleAndBias() throws Exception {
        Prepared.write(folder, LAYOUT, 4);
        try (ShardSet set = ShardSet.open(folder);
                NDManager manager = NDManager.newBaseManager()) {
            LatentData plain = new LatentData(set, DRAWS, 1, 0);
            float[] raw = plain.batch(manager, 5, 4).latents().toFloatArray();

            float[] latents = plain.withChannels(new double[] {2, 0.1}, new double[] {0.5, -3})
                    .batch(manager, 5, 4)
                    .latents()
                    .toFloatArray();

            for (int k = 0; k < raw.length; k++) { // (4, 2, 3, 3)
                boolean first = k / 9 % 2 == 0;
                assertThat(latents[k]).isEqualTo(first ? (raw[k] - 0.5f) * 2 : (raw[k] + 3) * 0.1f);
            }
            assertThatThrownBy(() -> plain.withChannels(new double[3], new double[3]))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(
                            "have 2 channels, so there must be as many scales and biases, but there were 3");
        }
    }

    @Test
    void batchesDoNotDependOnHowTheyAreCut() throws Exception {
        Prepared.write(folder, LAYOUT, 7);
        try (ShardSet set = ShardSet.open(folder);
                NDManager manager = NDManager.newBaseManager()) {
            LatentData data = new LatentData(set, DRAWS, 1, 0);

            float[] whole = data.batch(manager, 3, 6).latents().toFloatArray();
            float[] part = data.batch(manager, 6, 2).latents().toFloatArray();

            assertThat(part).isEqualTo(Arrays.copyOfRange(whole, 3 * 18, 5 * 18));
        }
    }

    @Test
    void chosenTokensAreRead() throws Exception {
        Prepared.write(folder, LAYOUT, 7);
        int[][] rows = {{0, 3}, {0, 1}, {2, 0}};
        try (ShardSet set = ShardSet.open(folder);
                NDManager manager = NDManager.newBaseManager()) {
            TokenChoice choice = (first, count) -> first == 2 && count == 3 ? Optional.of(rows) : Optional.empty();
            LatentData data = new LatentData(set, DRAWS, 1, 0).withTokens(choice);
            float[] all = data.batch(manager, 1, 4).tokens().toFloatArray();

            NDArray chosen = data.batch(manager, 2, 3).tokens();

            assertThat(chosen.getShape()).isEqualTo(new Shape(3, 2, 3));
            for (int i = 0; i < 3; i++) {
                for (int k = 0; k < 2; k++) {
                    int from = ((i + 1) * 4 + rows[i][k]) * 3;
                    assertThat(chosen.get(i, k).toFloatArray()).isEqualTo(Arrays.copyOfRange(all, from, from + 3));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aBlockHoldsWhatABatchHolds(boolean chosen) throws Exception {
        Prepared.write(folder, LAYOUT, 7, 12);
        int[][] rows = new int[19][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new int[] {0, 1 + i % 3};
        }
        try (ShardSet set = ShardSet.open(folder);
                NDManager manager = NDManager.newBaseManager()) {
            TokenChoice choice = chosen ? (first, count) -> Optional.of(rows) : TokenChoice.ALL;
            LatentData data = new LatentData(set, DRAWS, 1, 0).withImages().withTokens(choice);
            PackedArrays.Builder block = PackedArrays.builder();

            Shape latents = data.addTo(block, 2, rows.length);
            Map<String, NDArray> found;
            try (PackedArrays packed = block.pack(Device.cpu())) {
                found = packed.unpack(manager);
            }

            TrainingBatch batch = data.batch(manager, 2, rows.length);
            assertThat(latents).isEqualTo(batch.latents().getShape());
            assertThat(found.keySet()).containsExactly("latents", "labels", "images", "tokens");
            assertThat(found.get("latents")).isEqualTo(batch.latents());
            assertThat(found.get("labels")).isEqualTo(batch.labels());
            assertThat(found.get("images")).isEqualTo(batch.images());
            assertThat(found.get("tokens").getShape()).isEqualTo(new Shape(19, chosen ? 2 : 4, 3));
            assertThat(found.get("tokens")).isEqualTo(batch.tokens());
        }
    }

    @Test
    void aSampleThatCannotBeReadIsNamedWhenTheBlockIsPacked() throws Exception {
        Prepared.write(folder, LAYOUT, 7);
        try (ShardSet set = ShardSet.open(folder)) {
            PreparedSamples broken = (PreparedSamples) Proxy.newProxyInstance(
                    getClass().getClassLoader(), new Class<?>[] {PreparedSamples.class}, (proxy, method, arguments) -> {
                        if (method.getName().equals("readTokens")) {
                            throw new IOException("the disk is gone");
                        }
                        return method.invoke(set, arguments);
                    });
            LatentData data = new LatentData(broken, DRAWS, 1, 0).withTokens(TokenChoice.ALL);
            PackedArrays.Builder block = PackedArrays.builder();
            data.addTo(block, 0, 3);

            assertThatThrownBy(() -> block.pack(Device.cpu()))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("cannot be read: the disk is gone");
        }
    }

    @Test
    void whatTheSetLacksIsNamed() throws Exception {
        Prepared.write(folder, SampleLayout.latents(4, 2, FloatCode.FLOAT32), 2);
        try (ShardSet set = ShardSet.open(folder)) {
            assertThatThrownBy(() -> new LatentData(set, DRAWS, 1, 0).withImages())
                    .hasMessageContaining("no pictures");
            assertThatThrownBy(() -> new LatentData(set, DRAWS, 1, 0).withTokens(TokenChoice.ALL))
                    .hasMessageContaining("no encoder tokens");
        }
    }
}
