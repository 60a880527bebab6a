package io.github.maskalign.examples.run;

import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.sit.SiTConfig;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Opens the encoder of a config and checks that it fits the model. */
final class EncoderChoice {
    private EncoderChoice() {}

    static @Nullable RepresentationEncoder open(RunConfig config, SiTConfig model) throws IOException {
        RepresentationEncoder encoder = switch (config.encoder().kind()) {
            case NONE, CACHED -> null;
            case EMBEDDED -> Encoders.embeddedTeacher(model.tokens());
            case TORCHSCRIPT ->
                Encoders.open(
                        config.encoder().path().orElseThrow(),
                        config.encoder().preprocessing(),
                        config.encoder().sha256().orElse(null));
        };
        if (encoder != null && encoder.width() != config.encoder().width()) {
            int width = encoder.width();
            encoder.close();
            throw new IllegalArgumentException("encoder.width must be " + width + " for this encoder but was "
                    + config.encoder().width());
        }
        return encoder;
    }
}
