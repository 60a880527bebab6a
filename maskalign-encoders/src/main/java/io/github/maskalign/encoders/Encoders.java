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
    private static final String TEACHER = "emoji-vit";
    private static final String JUDGE = "emoji-judge";
    private static final int TEACHER_SIDE = 32;
    private static final int JUDGE_SIDE = 64;

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
        return embeddedTeacher(tokens, TEACHER_SIDE, device);
    }

    /**
     * Opens the teacher that comes with the library, for pictures of any side. It sees them at its own: 32 pixels for 64
     * tokens, 64 pixels for 256. While the side can be halved, or divided by another whole number, without getting smaller
     * than that, the means of so many pixels are taken first; the rest is {@link Preprocessing}'s resize.
     *
     * @param tokens patch tokens of a picture: 64 or 256
     * @param side side of the pictures in pixels, at least 1
     * @param device where the encoder computes; its pictures must be there too
     * @throws IllegalArgumentException if there is no such number of tokens
     * @throws IOException if the library's archive is damaged
     */
    public static RepresentationEncoder embeddedTeacher(int tokens, int side, Device device) throws IOException {
        Preprocessing usual = switch (tokens) {
            case 64 -> Preprocessing.EMOJI_VIT;
            case 256 -> Preprocessing.EMOJI_VIT_DOUBLE;
            default ->
                throw new IllegalArgumentException(
                        "the embedded teacher gives 64 or 256 tokens but was asked for " + tokens);
        };
        return embedded(TEACHER, usual, side, device);
    }

    /** Returns how the embedded teacher was made, as JSON: steps, seed, sets and licences, retrieval, hash. */
    public static String embeddedProvenance() throws IOException {
        return provenance(TEACHER);
    }

    /**
     * Opens the judge that comes with the library, for 64-pixel emoji pictures, on the CPU: a feature of width 192, and 16
     * cells as patch tokens.
     *
     * @throws IOException if the library's archive is damaged
     */
    public static RepresentationEncoder embeddedJudge() throws IOException {
        return embeddedJudge(JUDGE_SIDE, Device.cpu());
    }

    /**
     * Opens the judge that comes with the library: a second encoder, which shares neither weights nor labels nor seed with the
     * teacher and is there to score pictures, not to align with. It sees pictures of any side at 64 pixels, made as for the
     * {@linkplain #embeddedTeacher(int, int, Device) teacher}. Its class token is the feature that was trained; its
     * patch tokens are the 4 × 4 cells whose mean that is.
     *
     * @param side side of the pictures in pixels, at least 1
     * @param device where the encoder computes; its pictures must be there too
     * @throws IOException if the library's archive is damaged
     */
    public static RepresentationEncoder embeddedJudge(int side, Device device) throws IOException {
        return embedded(JUDGE, Preprocessing.EMOJI_JUDGE, side, device);
    }

    /** Returns how the embedded judge was made, as JSON: labels, steps, seed, sets and licences, retrieval, hash. */
    public static String judgeProvenance() throws IOException {
        return provenance(JUDGE);
    }

    private static RepresentationEncoder embedded(String name, Preprocessing usual, int side, Device device)
            throws IOException {
        int own = usual.usualSide();
        int seen = usual.sideFor(own);
        int together = ReducedPictures.largest(side, seen);
        int left = side / together;
        Preprocessing preprocessing = side == own ? usual : usual.withSides(left, left, seen, usual.patchSize());
        JsonObject made = JsonParser.parseString(provenance(name)).getAsJsonObject();
        ScriptTrust pin = ScriptTrust.pinned(made.get("sha256").getAsString());
        String archive = name + ".pt";
        TorchScriptEncoder opened =
                TorchScriptEncoder.open(device, "embedded " + archive, resource(archive), pin, preprocessing);
        RepresentationEncoder encoder =
                name.equals(TEACHER) ? new EmbeddedTeacher(opened, preprocessing, device) : opened;
        return together == 1 ? encoder : new ReducedPictures(encoder, together);
    }

    private static String provenance(String name) throws IOException {
        return new String(resource(name + ".json"), StandardCharsets.UTF_8);
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
