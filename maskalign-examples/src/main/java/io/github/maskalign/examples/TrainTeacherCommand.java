package io.github.maskalign.examples;

import io.github.maskalign.examples.teacher.TeacherConfig;
import io.github.maskalign.examples.teacher.TeacherRun;
import picocli.CommandLine.Command;

/** Trains the small encoder that is shipped for the emoji set. */
@Command(
        name = "train-teacher",
        description = {
            "Trains a small vision transformer whose tokens the model aligns with, exports and measures it.",
            "Drawings of the same emoji by different artists are its positive pairs."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign train-teacher configs/emoji-32-teacher.yaml",
            "  maskalign train-teacher configs/emoji-32-teacher.yaml --out runs/teacher --steps 2000"
        })
final class TrainTeacherCommand extends SmallModelCommand<TeacherConfig> {
    TrainTeacherCommand() {
        super(TeacherConfig.class, TeacherConfig::name, TeacherRun::new, "emoji-vit.pt");
    }
}
