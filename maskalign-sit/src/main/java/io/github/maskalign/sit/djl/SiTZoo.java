package io.github.maskalign.sit.djl;

import ai.djl.repository.zoo.ModelZoo;
import ai.djl.repository.zoo.ZooProvider;
import java.util.Set;

/**
 * Trained models of the family for DJL's {@code Criteria}, found by DJL itself: a class in, a picture out.
 *
 * <pre>{@code
 * Criteria<Integer, Picture> criteria = Criteria.builder()
 *         .setTypes(Integer.class, Picture.class)
 *         .optGroupId(SiTZoo.GROUP)
 *         .optArtifactId("sit")
 *         .optArgument("path", "runs/mine")
 *         .build();
 * }</pre>
 *
 * <p>Types: from {@code Integer}, a class number, or {@code String}, a class name, to
 * {@link io.github.maskalign.core.image.Picture}, {@link ai.djl.modality.cv.Image} or {@code NDList}, the latent
 * (C, H, W), float32, which belongs to the caller. Arguments:
 *
 * <table>
 * <caption>Arguments of the artifact {@code sit}</caption>
 * <tr><td>{@code path}</td><td>a run folder, whose newest averaged weights are taken, or a file of weights of any
 * project, see {@link io.github.maskalign.sit.weights.SiTWeights#open}</td></tr>
 * <tr><td>{@code autoencoder}</td><td>what makes pictures of latents: a folder or file as
 * {@link io.github.maskalign.encoders.vae.NativeAutoencoder#open} takes it, or {@code none}, the default, for models
 * of pixels</td></tr>
 * <tr><td>{@code sampler}</td><td>a {@link io.github.maskalign.core.sample.SamplerConfig}; by default that of
 * {@link io.github.maskalign.sit.weights.SiTWeights#sampling}</td></tr>
 * <tr><td>{@code steps}, {@code cfg}</td><td>another number of steps or guidance scale than the sampler's</td></tr>
 * <tr><td>{@code seed}</td><td>seed of the noise; default 0</td></tr>
 * <tr><td>{@code classes}</td><td>a {@code List} of the names of all classes, for inputs that are names</td></tr>
 * </table>
 *
 * <p>The n-th picture of a predictor has the noise of number n of the seed: a predictor made anew repeats its pictures,
 * and they are those of {@code maskalign sample} with the same settings. Models and their predictors belong to the
 * thread that loaded them.
 */
public final class SiTZoo extends ModelZoo {
    /** The group of its artifacts. */
    public static final String GROUP = "io.github.maskalign.sit";

    private SiTZoo() {
        addModel(new SiTLoader());
    }

    @Override
    public String getGroupId() {
        return GROUP;
    }

    @Override
    public Set<String> getSupportedEngines() {
        return Set.of("PyTorch");
    }

    /** How DJL finds the zoo, by {@code META-INF/services}. */
    public static final class Provider implements ZooProvider {
        @Override
        public ModelZoo getModelZoo() {
            return new SiTZoo();
        }
    }
}
