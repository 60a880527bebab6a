package io.github.maskalign.examples;

import io.github.maskalign.examples.judge.JudgeConfig;
import io.github.maskalign.examples.judge.JudgeRun;
import picocli.CommandLine.Command;

/** Trains the second encoder that is shipped for the emoji set, which scores pictures. */
@Command(
        name = "train-judge",
        description = {
            "Trains a small network of convolutions whose features score pictures, exports and measures it.",
            "It learns to say which emoji a drawing shows, its category and its artist; no model aligns with it."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign train-judge configs/emoji-judge.yaml",
            "  maskalign train-judge configs/emoji-judge.yaml --out runs/judge --steps 4000"
        })
final class TrainJudgeCommand extends SmallModelCommand<JudgeConfig> {
    TrainJudgeCommand() {
        super(JudgeConfig.class, JudgeConfig::name, JudgeRun::new, "emoji-judge.pt");
    }
}
