package io.github.maskalign.examples.doctor;

/**
 * One thing that was checked.
 *
 * @param name what has to hold
 * @param result whether it does
 * @param detail what was found
 * @param remedy what to do about it; empty if nothing has to be done
 */
public record Check(String name, Result result, String detail, String remedy) {
    /** How a check ended. */
    public enum Result {
        /** It holds. */
        OK,
        /** It does not hold, and training works nevertheless. */
        WARNING,
        /** It does not hold, and something will not work. */
        FAILED
    }

    static Check ok(String name, String detail) {
        return new Check(name, Result.OK, detail, "");
    }

    static Check warning(String name, String detail, String remedy) {
        return new Check(name, Result.WARNING, detail, remedy);
    }

    static Check failed(String name, String detail, String remedy) {
        return new Check(name, Result.FAILED, detail, remedy);
    }
}
