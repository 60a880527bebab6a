package io.github.maskalign.core.files;

import io.github.maskalign.core.files.internal.MessageText;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The content of a file breaks a rule of its format, or is not what the reader needs. The message names the file,
 * the key or tensor, what was found and what is allowed; when several things are wrong, all of them.
 */
public sealed class CheckpointFormatException extends IOException
        permits CheckpointFormatException.NewerFormatException {
    private static final int PROBLEMS_IN_MESSAGE = 50;

    private final List<String> problems;

    /** One problem of a file. */
    public CheckpointFormatException(Path file, String problem) {
        this(file.toString(), List.of(problem));
    }

    /** One problem of a file, found by the exception given as cause. */
    public CheckpointFormatException(Path file, String problem, Throwable cause) {
        this(file, problem);
        initCause(cause);
    }

    /** All problems of one origin: a file, or whatever the tensors came from. */
    public CheckpointFormatException(String origin, List<String> problems) {
        super(message(MessageText.visible(origin), sentences(problems)));
        this.problems = sentences(problems);
    }

    /** Returns each problem as a sentence, without the name of the file. */
    public List<String> problems() {
        return problems;
    }

    /** Returns a text found in a file as a message shows it: in quotes, at most 100 characters, nothing invisible. */
    public static String quote(String found) {
        return MessageText.quote(found);
    }

    private static List<String> sentences(List<String> problems) {
        return problems.stream().map(MessageText::sentence).toList();
    }

    private static String message(String origin, List<String> problems) {
        if (problems.size() == 1) {
            return origin + ": " + problems.get(0);
        }
        StringBuilder text = new StringBuilder(origin + ": " + problems.size() + " problems");
        problems.stream()
                .limit(PROBLEMS_IN_MESSAGE)
                .forEach(p -> text.append("\n  - ").append(p));
        if (problems.size() > PROBLEMS_IN_MESSAGE) {
            text.append("\n  - and ")
                    .append(problems.size() - PROBLEMS_IN_MESSAGE)
                    .append(" more");
        }
        return text.toString();
    }

    /** The file is whole, but a newer release wrote it in a format version that this one does not read. */
    public static final class NewerFormatException extends CheckpointFormatException {
        public NewerFormatException(Path file, long found, long newestKnown) {
            super(
                    file,
                    "it has format version " + found + " but this release reads up to version " + newestKnown
                            + "; use the release that wrote it, or a later one");
        }
    }
}
