package io.github.maskalign.core.script;

import io.github.maskalign.core.script.ScriptModule.ScriptFormatException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Why a TorchScript archive may run. It is a program: opened, it can read and write files with the rights of the process.
 *
 * <p>Either its SHA-256 is {@linkplain #pinned known}, or its {@linkplain #trusted source is trusted}, whatever the bytes.
 * What is compared are the bytes that run.
 */
public final class ScriptTrust {
    private static final Logger LOG = LoggerFactory.getLogger(ScriptTrust.class);
    private static final Pattern HEX = Pattern.compile("[0-9a-f]{64}");

    private final @Nullable String sha256;

    private ScriptTrust(@Nullable String sha256) {
        this.sha256 = sha256;
    }

    /**
     * Only the archive with this hash may run.
     *
     * @param sha256 64 hexadecimal digits
     * @throws IllegalArgumentException if they are not
     */
    public static ScriptTrust pinned(String sha256) {
        String pin = sha256.toLowerCase(Locale.ROOT);
        if (!HEX.matcher(pin).matches()) {
            throw new IllegalArgumentException("sha256 must be 64 hexadecimal digits but was '" + sha256 + "'");
        }
        return new ScriptTrust(pin);
    }

    /** Whatever is there may run: the caller trusts where it comes from. The hash to pin is logged as a warning. */
    public static ScriptTrust trusted() {
        return new ScriptTrust(null);
    }

    /** Compares what was read. */
    void check(String name, String found) throws ScriptFormatException {
        if (sha256 == null) {
            LOG.warn(
                    "{} is TorchScript, a program, and runs because it is trusted; to pin it, its SHA-256 is {}",
                    name,
                    found);
        } else if (!found.equals(sha256)) {
            throw new ScriptFormatException(name, sha256, found);
        }
    }

    static MessageDigest newSha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
