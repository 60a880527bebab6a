package io.github.maskalign.encoders;

import ai.djl.Device;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.script.ScriptTrust;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Opens encoders. */
public final class Encoders {
    private static final String ARCHIVE = "emoji-vit.pt";
    private static final String PROVENANCE = "emoji-vit.json";

    private Encoders() {}

    /**
     * Opens a TorchScript file that meets the contract of {@link TorchScriptEncoder}, on the CPU.
     *
     * @param file the archive
     * @param preprocessing how it wants its pictures, a name that {@link Preprocessing#named} knows
     * @param trust why the file may run, as a TorchScript file is a program: its hash, or the word of the caller
     * @throws IOException if the file cannot be read, has another hash, or is no TorchScript archive
     * @throws IllegalStateException if it returns something else than the contract says
     */
    public static RepresentationEncoder open(Path file, String preprocessing, ScriptTrust trust) throws IOException {
        return open(file, Preprocessing.named(preprocessing), trust, Device.cpu());
    }

    /**
     * Opens a TorchScript file that meets the contract of {@link TorchScriptEncoder}.
     *
     * @param file the archive
     * @param preprocessing how it wants its pictures
     * @param trust why the file may run, as a TorchScript file is a program: its hash, or the word of the caller
     * @param device where the encoder computes; its pictures must be there too
     * @throws IOException if the file cannot be read, has another hash, or is no TorchScript archive
     * @throws IllegalStateException if it returns something else than the contract says
     */
    public static RepresentationEncoder open(Path file, Preprocessing preprocessing, ScriptTrust trust, Device device)
            throws IOException {
        return TorchScriptEncoder.open(device, file, trust, preprocessing);
    }

    /**
     * Opens the teacher that comes with the library, for 32-pixel emoji pictures, on the CPU: 64 tokens of width 128.
     *
     * @throws IOException if the library's archive is damaged
     */
    public static RepresentationEncoder embeddedTeacher() throws IOException {
        return embeddedTeacher(64, Device.cpu());
    }

    /**
     * Opens the teacher that comes with the library, on the CPU.
     *
     * @param tokens patch tokens of a 32-pixel picture: 64, or 256 from pictures enlarged twice
     * @throws IllegalArgumentException if there is no such number of tokens
     * @throws IOException if the library's archive is damaged
     */
    public static RepresentationEncoder embeddedTeacher(int tokens) throws IOException {
        return embeddedTeacher(tokens, Device.cpu());
    }

    /**
     * Opens the teacher that comes with the library.
     *
     * @param tokens patch tokens of a 32-pixel picture: 64, or 256 from pictures enlarged twice
     * @param device where the encoder computes; its pictures must be there too
     * @throws IllegalArgumentException if there is no such number of tokens
     * @throws IOException if the library's archive is damaged
     */
    public static RepresentationEncoder embeddedTeacher(int tokens, Device device) throws IOException {
        Preprocessing preprocessing = switch (tokens) {
            case 64 -> Preprocessing.EMOJI_VIT;
            case 256 -> Preprocessing.EMOJI_VIT_DOUBLE;
            default ->
                throw new IllegalArgumentException(
                        "the embedded teacher gives 64 or 256 tokens but was asked for " + tokens);
        };
        return teacher(preprocessing, device);
    }

    private static RepresentationEncoder teacher(Preprocessing preprocessing, Device device) throws IOException {
        JsonObject provenance = JsonParser.parseString(embeddedProvenance()).getAsJsonObject();
        ScriptTrust pin = ScriptTrust.pinned(provenance.get("sha256").getAsString());
        return TorchScriptEncoder.open(device, "embedded " + ARCHIVE, resource(ARCHIVE), pin, preprocessing);
    }

    /**
     * Opens the teacher that comes with the library for pictures of another side: it sees them at 32 pixels, resized as
     * {@link Preprocessing} says, and gives 64 tokens.
     *
     * @param side side of the pictures in pixels, a multiple of 8
     * @param device where the encoder computes; its pictures must be there too
     * @throws IllegalArgumentException if the side is no such multiple
     * @throws IOException if the library's archive is damaged
     */
    public static RepresentationEncoder embeddedTeacherOf(int side, Device device) throws IOException {
        if (side < 8 || side % 8 != 0) {
            throw new IllegalArgumentException(
                    "pictures for the embedded teacher must have a side that is a multiple of 8 pixels but had "
                            + side);
        }
        return teacher(Preprocessing.EMOJI_VIT.withSides(side, side / 8, 4, 4), device);
    }

    /** Returns how the embedded teacher was made, as JSON: steps, seed, sets and licences, retrieval, hash. */
    public static String embeddedProvenance() throws IOException {
        return new String(resource(PROVENANCE), StandardCharsets.UTF_8);
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = Encoders.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new FileNotFoundException("the library has no resource " + name + "; its build is incomplete");
            }
            return in.readAllBytes();
        }
    }
}
