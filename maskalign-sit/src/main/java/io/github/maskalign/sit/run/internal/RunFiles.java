package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.DataSection;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The files that a config names, looked at before a run. */
public final class RunFiles {
    private RunFiles() {}

    /**
     * Checks the files that are there: whether the prepared set fits the model, encoder and Inception network have their
     * pinned hashes, and may run if they are TorchScript.
     *
     * @return a note for each file that is not there
     * @throws IOException if a file cannot be read or is damaged
     * @throws IllegalArgumentException if a file is not what the config says
     */
    public static List<String> check(RunConfig config) throws IOException {
        List<String> notes = new ArrayList<>();
        PictureListener.requireSheet(config);
        boolean prepared = config.data().kind() == DataSection.Kind.LATENTS;
        if (prepared && isThere("data.path", config.data().path(), notes)) {
            try (PreparedSamples set = RunData.openLatents(config)) {
                RunData.checkFits(config, set);
                LatentNorm.of(config.data()).requireFits(set.layout().channels());
                EncoderChoice.requireFits(
                        config, RunPlan.model(config), set.layout().imageSide());
            }
        }
        boolean pictures = config.data().kind() == DataSection.Kind.FOLDER;
        if (!prepared) {
            EncoderChoice.requireFits(
                    config, RunPlan.model(config), config.model().inputSize());
        }
        if (pictures && isThere("data.path", config.data().path(), notes)) {
            FolderPictures.check(config);
        }
        isThere("data.vae", config.data().vae().filter(vae -> !AutoencoderChoice.isNone(vae)), notes);
        for (int i = 0; i < config.encoders().size(); i++) {
            EncoderSection section = config.encoders().get(i);
            String name = EncoderChoice.name(i);
            if (isThere(name + ".path", section.path(), notes)) {
                check(
                        section.path().orElseThrow(),
                        ScriptPin.of(section, name),
                        section.kind() == EncoderSection.Kind.TORCHSCRIPT);
            }
        }
        Optional<Path> inception =
                config.evaluate().every() > 0 ? config.evaluate().network().inception() : Optional.empty();
        if (isThere("evaluate.inception", inception, notes)) {
            check(inception.get(), ScriptPin.of(config.evaluate()), ExtractorChoice.isScript(inception.get()));
        }
        return notes;
    }

    private static void check(Path file, ScriptPin pin, boolean isScript) throws IOException {
        if (isScript) {
            pin.trust(file);
        }
        pin.check(file);
    }

    private static boolean isThere(String key, Optional<Path> file, List<String> notes) {
        if (file.isPresent() && !Files.exists(file.get())) {
            notes.add(key + " " + file.get() + " is not there yet and was not checked");
        }
        return file.isPresent() && Files.exists(file.get());
    }
}
