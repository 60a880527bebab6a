package io.github.maskalign.sit.run;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.evaluate.Metric;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * Scores of samples while a run goes on. Nothing here changes what is trained.
 *
 * @param every steps between two evaluations; there is one at the start and one at the end too; 0 never evaluates
 * @param atStart whether one comes before the first step, of weights that have seen nothing
 * @param samples pictures drawn for one, with the averaged weights; at least 4
 * @param batch pictures drawn and looked at together
 * @param seed seed of labels and noise, as {@code sample --seed}
 * @param drawing how these are drawn
 * @param metrics of fid, sfid, is, precision, recall, kid; empty for all that network and reference allow
 * @param network what looks at them
 * @param reference statistics, an .npz of pictures or a folder; without it pictures of the training data
 * @param referencePictures how many of these, at most
 */
public record EvaluateSection(
        @NonNegative @Default("0") long every,
        @Default("true") boolean atStart,
        @Positive @Default("1000") int samples,
        @Positive @Default("64") int batch,
        @Default("0") long seed,
        @Inline Drawing drawing,
        @Default("[]") List<String> metrics,
        @Inline Network network,
        @Default("null") Optional<Path> reference,
        @Positive @Default("5000") int referencePictures) {
    private static final int FEWEST = 4; // halves of two, for the error of the kernel distance

    /**
     * How samples are drawn.
     *
     * @param method stepping rule of the sampler
     * @param steps its steps
     * @param cfgScale guidance scale, for the class token too; interval, guided channels and kind of guidance are those of the
     *     section sample
     */
    public record Drawing(
            @Default("EULER") SamplerMethod method,
            @Positive @Default("50") int steps,
            @Default("1.0") double cfgScale) {
        /** Checks the ranges. */
        public Drawing {
            sampling(SamplerConfig.defaults(), method, steps, cfgScale); // says what is wrong with these
        }
    }

    /**
     * The network whose features are compared.
     *
     * @param inception file of the Inception network; without it the features are those of {@code encoder}
     * @param sha256 hash that the file of inception must have
     * @param trust whether a TorchScript file of inception without a hash may run, whatever it does
     * @param suite resize before Inception: adm or pytorch-fid
     * @param encoder whose features are compared without inception
     * @param moreEncoders whose features are compared too, of the same samples
     */
    public record Network(
            @Default("null") Optional<Path> inception,
            @Default("null") Optional<String> sha256,
            @Default("false") boolean trust,
            @Default("adm") String suite,
            @Default("OWN") Scorer encoder,
            @Default("[]") List<Scorer> moreEncoders) {
        /** Checks hash and name. */
        public Network {
            moreEncoders = List.copyOf(moreEncoders);
            List<Scorer> all = new ArrayList<>(moreEncoders);
            if (inception.isEmpty()) {
                all.add(encoder);
            }
            if (all.stream().anyMatch(one -> Collections.frequency(all, one) > 1)) {
                throw new IllegalArgumentException("moreEncoders must name other encoders than encoder, " + encoder
                        + ", each once, but were " + moreEncoders);
            }
            if (inception.isPresent() && encoder != Scorer.OWN) {
                throw new IllegalArgumentException(
                        "encoder must be OWN where inception is given, whose features are compared, but was "
                                + encoder);
            }
            InceptionSuite.named(suite);
            if (sha256.isPresent() && !sha256.get().matches("[0-9a-f]{64}")) {
                throw new IllegalArgumentException("sha256 must be 64 hexadecimal digits but was " + sha256.get());
            }
        }
    }

    /** An encoder that scores samples. */
    public enum Scorer {
        /** The run's own encoder; the embedded teacher if the run has none, or reads its tokens from files. */
        OWN,
        /** The embedded judge, which no model aligns with. */
        JUDGE,
        /** The embedded teacher, whatever the run's own encoder is. */
        TEACHER
    }

    /** Checks names and ranges. */
    public EvaluateSection {
        metrics = List.copyOf(metrics);
        metrics.forEach(Metric::named);
        if (samples < FEWEST || referencePictures < FEWEST) {
            throw new IllegalArgumentException("samples and referencePictures must be at least " + FEWEST + " but were "
                    + samples + " and " + referencePictures);
        }
    }

    /**
     * Returns how samples are drawn. Where the run draws on DDPM's chain, EULER is its rule without noise, DDIM.
     *
     * @param own how the run draws pictures
     */
    public SamplerConfig sampling(SamplerConfig own) {
        return sampling(own, drawing.method, drawing.steps, drawing.cfgScale);
    }

    private static SamplerConfig sampling(SamplerConfig own, SamplerMethod method, int steps, double scale) {
        boolean chain = own.method().process() == Process.DDPM && method == SamplerMethod.EULER;
        return own.withMethod(chain ? SamplerMethod.DDIM : method, steps)
                .withGuidance(own.guidance().withScale(scale));
    }
}
