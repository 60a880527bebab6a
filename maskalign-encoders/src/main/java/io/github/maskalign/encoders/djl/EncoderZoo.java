package io.github.maskalign.encoders.djl;

import ai.djl.repository.zoo.ModelZoo;
import ai.djl.repository.zoo.ZooProvider;
import java.util.Set;

/**
 * The encoders and autoencoders of this library for DJL's {@code Criteria}, found by DJL itself.
 *
 * <pre>{@code
 * Criteria<Picture, NDList> criteria = Criteria.builder()
 *         .setTypes(Picture.class, NDList.class)
 *         .optGroupId(EncoderZoo.GROUP)
 *         .optArtifactId("emoji-vit")
 *         .build();
 * }</pre>
 *
 * <table>
 * <caption>Artifacts, the types they go between, and their arguments</caption>
 * <tr><td>{@code emoji-vit}</td><td>the embedded teacher: a picture to {@code NDList} or {@code float[]}</td>
 * <td>{@code tokens}: 64 or 256</td></tr>
 * <tr><td>{@code emoji-judge}</td><td>the embedded judge: the same types</td><td>none</td></tr>
 * <tr><td>{@code encoder}</td><td>any other encoder: the same types</td><td>{@code path}, the file; of a published one
 * {@code model}, such as {@code dinov2-vit-b} or {@code dinov3-vit-b}
 * ({@link io.github.maskalign.encoders.published.NativeEncoder.EncoderFamily}); of a TorchScript file {@code preprocessing}, a name that
 * {@link io.github.maskalign.encoders.Preprocessing#named} knows, and {@code sha256}, as the file is a
 * program</td></tr>
 * <tr><td>{@code autoencoder}</td><td>a picture to {@code NDList}, {@code NDList} to a picture, a picture to a
 * picture</td><td>{@code path}, as {@link io.github.maskalign.encoders.vae.NativeAutoencoder#open} takes it, or
 * {@code none} for {@link io.github.maskalign.encoders.vae.PixelAutoencoder}</td></tr>
 * </table>
 *
 * <p>A picture is a {@link io.github.maskalign.core.image.Picture} or an {@link ai.djl.modality.cv.Image}. All take
 * {@code side}, in pixels, to which encoders crop and resize pictures as ImageNet is prepared ({@code CentreCrop}); by
 * default the side that the encoder is made for, and with an autoencoder none. The {@code NDList} of an encoder is the
 * class token (Z) and the patch tokens (T, Z), {@code float[]} the class token; that of an autoencoder the latent
 * (C, h, w) in the model's scale, the mean of its distribution. They belong to the caller, who closes them.
 *
 * <p>A missing {@code path} or other types are a {@code ModelNotFoundException}, as of DJL's own zoos; a file that
 * cannot be used is the exception of {@code Encoders} or {@code NativeAutoencoder}. Models and their predictors belong
 * to the thread that loaded them.
 */
public final class EncoderZoo extends ModelZoo {
    /** The group of its artifacts. */
    public static final String GROUP = "io.github.maskalign.encoders";

    private EncoderZoo() {
        for (EncoderLoader.Kind kind : EncoderLoader.Kind.values()) {
            addModel(new EncoderLoader(kind));
        }
        addModel(new AutoencoderLoader());
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
            return new EncoderZoo();
        }
    }
}
