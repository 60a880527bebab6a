package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.sit.run.EvaluateSection;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the user says of a file: its hash, or that it may run whatever it is. A TorchScript file needs one of the two.
 *
 * @param sha256 the hash that the file must have; null if none is given
 * @param trusted whether a TorchScript file may run whatever is in it
 * @param pinWay what is written in front of a hash to give it, such as {@code --sha256} and a space
 * @param trustWay what is written to trust, such as {@code --trust}
 */
public record ScriptPin(@Nullable String sha256, boolean trusted, String pinWay, String trustWay) {
    /** What the options {@code --sha256} and {@code --trust} say. */
    public static ScriptPin ofOptions(@Nullable String sha256, boolean trusted) {
        return new ScriptPin(sha256, trusted, "--sha256 ", "--trust");
    }

    /** What a config says of the encoder's file. */
    static ScriptPin of(EncoderSection section) {
        return of(section, "encoder");
    }

    /** What a config says of an encoder's file under another name than {@code encoder}. */
    static ScriptPin of(EncoderSection section, String name) {
        return ofSection(name, section.sha256().orElse(null), section.trust());
    }

    /** What a config says of the file of the Inception network. */
    static ScriptPin of(EvaluateSection section) {
        return ofSection(
                "evaluate",
                section.network().sha256().orElse(null),
                section.network().trust());
    }

    private static ScriptPin ofSection(String section, @Nullable String sha256, boolean trusted) {
        return new ScriptPin(sha256, trusted, section + ".sha256: ", section + ".trust: true");
    }

    /** Whether anything is said. */
    public boolean isGiven() {
        return sha256 != null || trusted;
    }

    /**
     * Returns why a TorchScript file may run. A hash counts more than trust.
     *
     * @throws IllegalArgumentException if nothing is said, with the file's hash and both ways; or if the hash is none
     */
    public ScriptTrust trust(Path file) throws IOException {
        if (!isGiven()) {
            throw refusal(List.of(file), pinWay, trustWay);
        }
        return sha256 == null ? ScriptTrust.trusted() : ScriptTrust.pinned(sha256);
    }

    /**
     * Compares a file of weights, which is data, with the hash if one is given.
     *
     * @throws IOException if it has another
     */
    public void check(Path file) throws IOException {
        if (sha256 != null) {
            PinnedHash.check(file, sha256);
        }
    }

    /** Refuses TorchScript files of which nothing is said. */
    public static IllegalArgumentException refusal(List<Path> files, String pinWay, String trustWay)
            throws IOException {
        List<String> names = new ArrayList<>();
        List<String> hashes = new ArrayList<>();
        for (Path file : files) {
            hashes.add(Digests.sha256(file));
            names.add(file.toString());
        }
        return new IllegalArgumentException(String.join(" and ", names)
                + ": TorchScript is a program that would run with your rights, so nothing was"
                + " opened; pin what is there now with " + pinWay + String.join(",", hashes)
                + ", or let run whatever is there with " + trustWay);
    }
}
